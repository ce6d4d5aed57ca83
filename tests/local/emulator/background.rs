//! `--detach`, `local status` and `local stop`.

use super::{Emulator, STATE};
use crate::support::Program;
use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use shipway::testing::local::CloudFile;
use std::fs::{self, File};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// The text with the parts replaced that differ from run to run.
fn scrubbed(text: &str, cloud: &CloudFile) -> String {
    let port = cloud.proxy.expose().rsplit(':').next().expect("a port").to_owned();
    let password = cloud.proxy.expose().split(':').nth(2).and_then(|it| it.split('@').next());
    text.replace(password.expect("a password"), "PASSWORD")
        .replace(&format!("127.0.0.1:{port}"), "127.0.0.1:PORT")
        .replace(&cloud.direct_registry, "127.0.0.1:REGISTRY")
        .replace(&cloud.browser, "http://127.0.0.1:BROWSER/proxy.pac")
        .replace(&format!("process {}", cloud.pid), "process PID")
        .replace(&cloud.started, "STARTED")
}

#[test]
fn cloud_without_a_plan_is_left_up_until_it_is_stopped() {
    let emulator = Emulator::start();
    let (program, cloud) = (&emulator.program, emulator.file());
    assert_eq!(
        scrubbed(&emulator.said, &cloud),
        format!(
            "there is no plan here: the local cloud has what its clients make
proxy     http://shipway:PASSWORD@127.0.0.1:PORT
authority DIR/{STATE}/ca.pem
registry  http://127.0.0.1:REGISTRY (images without the proxy)
browser   http://127.0.0.1:BROWSER/proxy.pac (public names without a password)
left up; `shipway local stop DIR/{STATE}/cloud.json` ends it
"
        )
    );
    let export = |name: &str| {
        let start = format!("export {name}='");
        let line = emulator.exports.lines().find_map(|line| line.strip_prefix(&start));
        line.and_then(|rest| rest.strip_suffix('\'')).map(str::to_owned)
    };
    assert_eq!(export("HTTPS_PROXY").as_deref(), Some(cloud.proxy.expose()));
    assert_eq!(export("AZURE_CLIENT_ID").as_ref(), Some(&cloud.client_id));
    assert_eq!(export("GITHUB_TOKEN"), None, "there is no repository");

    let shown = program.run(&["local", "status"]).exits(0);
    let lines = scrubbed(&shown.stdout, &cloud);
    let (first, rest) = lines.split_once('\n').expect("lines");
    assert!(
        first.starts_with("up         since STARTED (") && first.ends_with("s), process PID"),
        "{first}"
    );
    assert_eq!(
        rest,
        format!(
            "state      DIR/{STATE}
proxy      http://shipway:PASSWORD@127.0.0.1:PORT
authority  DIR/{STATE}/ca.pem
registry   http://127.0.0.1:REGISTRY (images without the proxy)
browser    http://127.0.0.1:BROWSER/proxy.pac (public names without a password)
containers {}

it holds nothing yet
",
            cloud.runtime
        )
    );
    let document = program.run(&["local", "status", "--output", "json"]).exits(0).stdout;
    let document: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["pid"], cloud.pid);
    assert_eq!(document["proxy"], cloud.proxy.expose());
    assert_eq!(document["resource-groups"], Value::Array(vec![]));

    let stopped = program.run(&["local", "stop"]).exits(0).stderr;
    assert_eq!(
        scrubbed(&stopped, &cloud),
        format!("stopped the local cloud in `DIR/{STATE}`, process PID, with no container group\n")
    );
}

#[test]
fn none_that_is_up_is_said_with_the_command_that_starts_one() {
    let program = Program::new();
    for command in [&["local", "status"][..], &["local", "stop"], &["local", "fault"]] {
        assert_eq!(
            program.run(command).exits(3).stderr,
            "error: no local cloud is up here\n  because: there is none in `DIR/.shipway/local`\n  \
             help: `shipway local --detach` starts one\n",
            "{command:?}"
        );
    }
    assert_eq!(
        program.run(&["local", "status", "--state-dir", "elsewhere"]).exits(3).stderr,
        "error: no local cloud is up here\n  because: there is none in `elsewhere`\n  help: \
         `shipway local --detach` starts one\n"
    );
    assert_eq!(
        program.run(&["local", "status", "nowhere"]).exits(2).stderr,
        "error: cannot show the local cloud of `nowhere`\n  because: cannot read `nowhere`: there \
         is no such file\n  help: name the file that the cloud wrote; without one, the newest \
         cloud here is meant\n"
    );
}

#[test]
fn cloud_that_cannot_start_says_why() {
    let program = Program::new().file("notes", "no cloud\n");
    assert_eq!(
        program.run(&["local", "--detach", "--cloud", "notes"]).exits(3).stderr,
        "there is no plan here: the local cloud has what its clients make\nerror: cannot start the \
         local cloud\n  because: `notes` is not a file of a local cloud; it would be overwritten\n"
    );
    assert_eq!(fs::read_to_string(program.path("notes")).expect("a file"), "no cloud\n");
}

#[test]
fn failed_start_fails_in_the_shell_that_evaluates_it() {
    let program = Program::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let no_plan = "there is no plan here: the local cloud has what its clients make\n";
    for (script, code, after) in [
        ("eval \"$(\"$@\")\" || exit; echo not reached", 1, ""),
        ("set -e; eval \"$(\"$@\")\"; echo not reached", 1, ""),
        ("output=$(\"$@\") || echo \"exit $? after $output\"", 0, "exit 3 after false\n"),
    ] {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_shipway"), "local", "--detach"]);
        shell.args(["--port", &port]).current_dir(program.folder());
        let output = shell.output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{script}: {said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), after, "{script}");
        assert_eq!(
            said,
            format!(
                "{no_plan}error: cannot listen on port {port} of 127.0.0.1\n  because: Address \
                 already in use (os error 98)\n  help: name another one with `--port`, or leave \
                 it out for a free one\n"
            )
        );
    }
    // In the foreground there is nothing to evaluate.
    assert_eq!(program.run(&["local", "--port", &port]).exits(3).stdout, "");
    // What clap refuses, and a plan that is wrong.
    assert_eq!(program.run(&["local", "--detach", "--port", "no"]).exits(2).stdout, "false\n");
    assert_eq!(program.run(&["local", "--port", "no"]).exits(2).stdout, "");
    let program = program.file("shipway.yml", "no plan\n");
    assert_eq!(program.run(&["local", "--detach"]).exits(2).stdout, "false\n");
}

#[test]
fn secrets_of_a_plan_need_one() {
    let program = Program::new();
    for (option, value) in [("--secret-env", "NAME"), ("--secrets-file", "file")] {
        assert_eq!(
            program.run(&["local", option, value]).exits(2).stderr,
            format!(
                "there is no plan here: the local cloud has what its clients make\nerror: `{option}` \
                 gives secrets of a plan a value, and there is no plan\n  help: name the plan's file \
                 with `--plan PLAN`, or set secrets with `az keyvault`\n"
            )
        );
    }
}

#[test]
fn cloud_that_does_not_answer_is_named() {
    let emulator = Emulator::start();
    let file = emulator.file();
    emulator.program.run(&["local", "stop"]).exits(0);
    // Its lock is held, and its port is free.
    file.write(&emulator.path()).expect("written");
    let lock = File::create(file.state.join("lock")).expect("a file");
    let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).expect("it is free");
    let refused = emulator.program.run(&["local", "status"]).exits(3).stderr;
    drop(lock);
    fs::remove_file(emulator.path()).expect("a file");
    assert_eq!(
        refused,
        format!(
            "error: cannot ask the local cloud in `DIR/{STATE}` what it holds\n  because: GET \
             http://shipway.local/inventory: no answer: error sending request: client error \
             (Connect): tcp connect error: Connection refused (os error 111)\n  help: end it: \
             `shipway local stop DIR/{STATE}/cloud.json`\n"
        )
    );
}

#[test]
fn cloud_that_is_up_is_not_started_twice() {
    let emulator = Emulator::start();
    let (program, cloud) = (&emulator.program, emulator.file());
    let start = ["local", "--detach", "--runtime", "built-in"];

    let again = program.run(&start).exits(0);
    let up = format!("the local cloud is up already, process {}\n", cloud.pid);
    assert!(again.stderr.contains(&up), "{}", again.stderr);
    assert_eq!(again.stdout, emulator.exports);

    let begun = Instant::now();
    let refused = |arguments: &[&str]| {
        let said = program.run(arguments).exits(3).stderr;
        said.replace("there is no plan here: the local cloud has what its clients make\n", "")
    };
    let in_foreground = refused(&["local"]);
    assert!(begun.elapsed() < Duration::from_secs(5), "it waited: {:?}", begun.elapsed());
    assert_eq!(
        in_foreground,
        format!(
            "error: a local cloud is up already in `DIR/{STATE}`
  because: process {} keeps it up
  help: `shipway local status DIR/{STATE}/cloud.json` shows it, and `shipway local stop \
             DIR/{STATE}/cloud.json` ends it; `--state-dir` starts another one
",
            cloud.pid
        )
    );
    assert_eq!(
        refused(&[&start[..], &["--offline"]].concat()),
        format!(
            "error: the local cloud in `DIR/{STATE}` is still up
  because: it does not have what the plan and the options of this run expect
  help: end it first: `shipway local stop DIR/{STATE}/cloud.json`
"
        )
    );
    let end = format!("  help: end it first: `shipway local stop DIR/{STATE}/cloud.json`\n");
    assert_eq!(
        refused(&[&start[..], &["--port", "1"]].concat()),
        format!(
            "error: a local cloud is up already in `DIR/{STATE}`\n  because: its proxy does not \
             listen on port 1\n{end}"
        )
    );
    assert_eq!(
        refused(&[&start[..], &["--cloud", "other.json"]].concat()),
        format!(
            "error: a local cloud is up already in `DIR/{STATE}`\n  because: its file is \
             `DIR/{STATE}/cloud.json`, and not `other.json`\n{end}"
        )
    );
    assert_eq!(emulator.file(), cloud);
}

#[test]
fn named_file_is_waited_for_and_removed_with_the_cloud() {
    let program = Program::new();
    let folder = program.path("state").display().to_string();
    let start = ["local", "--detach", "--runtime", "built-in", "--state-dir", &folder];
    program.run(&[&start[..], &["--cloud", "cloud.json"]].concat()).exits(0);
    let cloud = CloudFile::read(&program.path("cloud.json")).expect("it is there at once");

    let shown = program.run(&["local", "status", "cloud.json", "--output", "json"]).exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!((&shown["pid"], &shown["cloud"]), (&cloud.pid.into(), &"cloud.json".into()));
    // Each way to name it is understood.
    for named in [&["--cloud", "cloud.json"], &["--state-dir", &*folder]] {
        program.run(&[&["local", "status"][..], named].concat()).exits(0);
        program.run(&[&["local"][..], named, &["status"]].concat()).exits(0);
    }
    program.run(&["local", "stop", "--state-dir", &folder]).exits(0);
    assert!(!program.path("cloud.json").exists() && !program.path("state/cloud.json").exists());
}

#[test]
fn port_is_kept_and_one_that_is_taken_is_named() {
    let program = Program::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port().to_string();
    let start = ["local", "--detach", "--runtime", "built-in"];
    let with_port = [&start[..], &["--port", &port]].concat();
    let no_plan = "there is no plan here: the local cloud has what its clients make\n";
    for arguments in [&with_port[..], &["local", "--port", &port]] {
        assert_eq!(
            program.run(arguments).exits(3).stderr,
            format!(
                "{no_plan}error: cannot listen on port {port} of 127.0.0.1\n  because: Address \
                 already in use (os error 98)\n  help: name another one with `--port`, or leave \
                 it out for a free one\n"
            )
        );
    }
    drop(free);

    let first = program.run(&with_port).exits(0).stdout;
    assert!(first.contains(&format!("@127.0.0.1:{port}'")), "{first}");
    program.run(&["local", "stop"]).exits(0);
    // The state of a cloud keeps its address: what programs were told stays true.
    let second = program.run(&start).exits(0).stdout;
    program.run(&["local", "stop"]).exits(0);
    assert_eq!(first, second);
}

#[test]
fn status_of_a_killed_cloud_says_that_it_has_ended() {
    let emulator = Emulator::start();
    let cloud = emulator.file();
    let killed = Command::new("kill").args(["-9", &cloud.pid.to_string()]).status();
    assert!(killed.expect("kill").success());
    crate::support::eventually("it has ended", || {
        let shown = emulator.program.run(&["local", "status"]);
        (shown.code == 3).then_some(shown.stderr)
    });
    assert_eq!(
        emulator.program.run(&["local", "status"]).exits(3).stderr,
        format!(
            "error: the local cloud in `DIR/{STATE}` has ended\n  help: start one: `shipway local \
             --detach`\n"
        )
    );
}

#[test]
fn stop_and_status_mean_the_newest_cloud_that_is_up() {
    let emulator = Emulator::start();
    let program = &emulator.program;
    // A cloud of a run, which its name would put first, and which has ended.
    let ended = program.path(".shipway/local/99990101-000000-aaaa");
    fs::create_dir_all(&ended).expect("a folder");
    let file = CloudFile { state: ended.clone(), pid: 1, ..emulator.file() };
    file.write(&ended.join("cloud.json")).expect("written");
    File::create(ended.join("lock")).expect("a file");

    let shown = program.run(&["local", "status"]).exits(0);
    assert!(shown.stdout.contains(&format!("state      DIR/{STATE}\n")), "{}", shown.stdout);
    let stopped = program.run(&["local", "stop"]).exits(0).stderr;
    assert!(stopped.starts_with(&format!("stopped the local cloud in `DIR/{STATE}`")), "{stopped}");
}

#[test]
fn second_cloud_is_named_beside_the_first() {
    let emulator = Emulator::start();
    let program = &emulator.program;
    let other = program.path(".shipway/local/other").display().to_string();
    let start = ["local", "--detach", "--runtime", "built-in", "--state-dir", &other];
    program.run(&start).exits(0);

    let shown = program.run(&["local", "status", "--state-dir", STATE]).exits(0);
    let also = "also up: `shipway local status DIR/.shipway/local/other/cloud.json`\n";
    program.run(&["local", "stop", "--state-dir", &other]).exits(0);
    assert_eq!(shown.stderr, also);
}

#[test]
fn command_without_a_login_names_the_cloud_that_is_up_here() {
    let emulator = Emulator::start();
    let program = &emulator.program;
    fs::write(
        program.path("shipway.yml"),
        "name: shop\nazure: { resource-group: demo }\nsteps: [{ deploy: { image: a.io/b:v1, aci: {} } }]\n",
    )
    .expect("a plan");

    let refused = program.run(&["status"]).exits(3);

    let help = format!(
        "\n  help: a local cloud is up here: add `--cloud DIR/{STATE}/cloud.json`; for Azure run `az \
         login`\n"
    );
    assert!(refused.stderr.ends_with(&help), "{}", refused.stderr);
}

#[test]
fn shell_that_has_the_variables_of_a_stopped_cloud_is_told_how_to_go_on() {
    let emulator = Emulator::start();
    let cloud = emulator.file();
    let with_variables =
        |mut command: Command| command.envs(cloud.variables()).output().expect("it runs");
    let stopped = with_variables(emulator.program.command(&["local", "stop"]));
    let names = cloud.variables().map(|(name, _)| name).collect::<Vec<_>>().join(" ");
    assert_eq!(String::from_utf8_lossy(&stopped.stdout), format!("unset {names}\n"));
    let said = String::from_utf8_lossy(&stopped.stderr);
    assert!(
        said.ends_with(
            "\nthis shell has its variables: the `unset` line takes them out, and so does `eval \
             \"$(shipway local stop)\"`\n"
        ),
        "{said}"
    );

    let plan = "name: shop\nazure: { resource-group: demo, location: westeurope }\nsteps:\n  - deploy: { image: 'ghcr.io/o/i:v1', aci: {} }\n";
    fs::write(emulator.program.path("shipway.yml"), plan).expect("written");
    let asked = with_variables(emulator.program.command(&["status"]));
    let said = String::from_utf8_lossy(&asked.stderr);
    let port = cloud.proxy.expose().rsplit(':').next().expect("a port").to_owned();
    let state = emulator.program.path(STATE);
    assert_eq!(
        said,
        format!(
            "error: cannot list the container groups
  because: cannot sign in to Azure with a client secret
  because: cannot reach login.microsoftonline.com
  because: no answer through the proxy 127.0.0.1:{port}
  because: nothing listens there
  help: it is that of the local cloud in `{}`, which has ended: `unset http_proxy HTTP_PROXY \
             https_proxy HTTPS_PROXY no_proxy NO_PROXY SSL_CERT_FILE REQUESTS_CA_BUNDLE \
             CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS AZURE_TENANT_ID AZURE_CLIENT_ID \
             AZURE_CLIENT_SECRET AZURE_SUBSCRIPTION_ID` lets this shell go on without it\n",
            state.display()
        )
    );
}
