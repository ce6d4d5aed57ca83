//! `RUN --mount=type=ssh`, with a client that asks the agent for its keys.

use super::commands::{BASE, program};
use crate::support::Program;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;

/// Sends `SSH_AGENTC_REQUEST_IDENTITIES`, and prints how many keys the answer has (RFC draft
/// "SSH Agent Protocol").
const CLIENT: &str = r#"
use std::io::{Read, Write};
fn main() {
    let path = std::env::args().nth(1).or_else(|| std::env::var("SSH_AUTH_SOCK").ok());
    let Some(path) = path else { return println!("no agent") };
    let mut agent = match std::os::unix::net::UnixStream::connect(&path) {
        Ok(agent) => agent,
        Err(error) => return println!("{path}: {:?}", error.kind()),
    };
    agent.write_all(&[0, 0, 0, 1, 11]).unwrap();
    let mut answer = [0; 9];
    agent.read_exact(&mut answer).unwrap();
    println!("{path}: {} keys", answer[8]);
}
"#;

/// A program whose base has the client as `/bin/keys`, with an agent that has so many keys.
fn with_agent(keys: u8) -> Program {
    let program = program().file("client.rs", CLIENT);
    let target = program.path("base/bin/keys");
    let compiled = Command::new("rustc")
        .args(["-O", "-C", "target-feature=+crt-static", "-o"])
        .arg(&target)
        .arg(program.path("client.rs"))
        .status();
    assert!(compiled.expect("rustc").success());
    let socket = program.path("agent.socket");
    let listener = UnixListener::bind(&socket).expect("bound");
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut question = [0; 5];
            if client.read_exact(&mut question).is_ok() && question == [0, 0, 0, 1, 11] {
                client.write_all(&[0, 0, 0, 5, 12, 0, 0, 0, keys]).ok();
            }
        }
    });
    let program = program.file(".dockerignore", "storage\n*.yml\nagent.socket\nclient.rs\n");
    let socket = socket.display().to_string();
    program.env("SSH_AUTH_SOCK", &socket)
}

fn build(program: &Program, steps: &str, ssh: &str, code: i32) -> String {
    let plan = format!("name: a\nsteps: [{{ build: {{ context: ., using: native{ssh} }} }}]\n");
    fs::write(program.path("Dockerfile"), format!("{BASE}{steps}")).expect("written");
    fs::write(program.path("shipway.yml"), plan).expect("written");
    program.run(&["run"]).exits(code).stderr
}

fn said(stderr: &str) -> Vec<&str> {
    let lines = stderr.lines().filter_map(|line| line.split_once("│ "));
    lines.map(|(_, said)| said.trim_end()).collect()
}

/// The lines of the failure.
fn failure(stderr: &str) -> Vec<&str> {
    let at = stderr.find("    `Dockerfile:").expect("the failure");
    stderr[at..].lines().take_while(|line| line.starts_with("   ")).map(str::trim).collect()
}

#[test]
fn command_reaches_the_agent_of_this_machine() {
    let program = with_agent(3);
    let steps = "RUN --mount=type=ssh keys
RUN keys
RUN --mount=type=ssh,id=deploy,target=/deploy --mount=type=ssh,uid=1000 keys /deploy; keys
USER app
RUN --mount=type=ssh keys
RUN --mount=type=ssh,mode=0666 keys; busybox stat -c '%a %u:%g' $SSH_AUTH_SOCK
RUN --mount=type=ssh,uid=1000,gid=100,mode=0640 keys; busybox stat -c '%a %u:%g' $SSH_AUTH_SOCK
";
    let socket = program.path("agent.socket").display().to_string();
    let stderr = build(&program, steps, &format!(", ssh: [default, 'deploy={socket}']"), 0);
    let default = "/run/buildkit/ssh_agent.0";
    assert_eq!(
        said(&stderr),
        [
            &format!("{default}: 3 keys"),
            "no agent",
            "/deploy: 3 keys",
            "/deploy: 3 keys",
            // The socket is root's.
            &format!("{default}: PermissionDenied"),
            &format!("{default}: 3 keys"),
            "666 0:0",
            &format!("{default}: 3 keys"),
            "640 1000:100",
        ]
    );
    // The socket is no part of what the command depends on.
    let again = build(&program, steps, "", 0);
    assert_eq!(again.matches("is unchanged: `RUN").count(), 6, "{again}");
}

#[test]
fn missing_agent_is_explained() {
    let program = with_agent(1);
    assert_eq!(said(&build(&program, "RUN --mount=type=ssh keys\n", "", 0)), ["no agent"]);
    let required = "RUN --mount=type=ssh,id=deploy,required keys\n";
    assert_eq!(
        failure(&build(&program, required, ", ssh: default", 4)),
        [
            "`Dockerfile:4` requires the ssh agent `deploy`, which this build does not have",
            "help: name it under `ssh` of the step",
        ]
    );
    fs::write(program.path("key"), "").expect("written");
    assert_eq!(
        failure(&build(&program, required, ", ssh: deploy=key", 4)),
        [
            "`Dockerfile:4` mounts the ssh agent `deploy`, and `DIR/key` is not the socket of one",
            "help: start one with `ssh-agent`, add the key with `ssh-add`, and write `ssh: default`",
        ]
    );
    drop(UnixListener::bind(program.path("silent.socket")).expect("bound"));
    let silent = build(&program, required, ", ssh: deploy=silent.socket", 4);
    assert_eq!(
        failure(&silent)[1],
        "cannot reach the ssh agent at `DIR/silent.socket`: Connection refused (os error 111)"
    );
    let program = program.env("SSH_AUTH_SOCK", "");
    let unset = build(&program, required, ", ssh: deploy", 4);
    assert!(
        unset
            .contains("there is no ssh agent for the build's `deploy`: `SSH_AUTH_SOCK` is not set"),
        "{unset}"
    );
}
