//! `RUN` without an engine, compared with buildah: the same files, modes, owners and
//! configuration.
//!
//! Not compared is what buildah 1.28 does differently from docker: it leaves empty files
//! and folders where it has mounted something, which the base therefore has, it writes
//! neither the name of a container nor docker's `SHELL`, and an `ARG` never beats an `ENV`.

use super::merged::{Files, files};
use crate::support::Program;
use serde_json::{Value, json};
use shipway::testing::image::{Image, Store};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

const APPLETS: [&str; 21] = [
    "cat", "chmod", "chown", "cp", "dd", "echo", "env", "false", "id", "ln", "ls", "mkdir",
    "mkfifo", "mv", "pwd", "rm", "sh", "sleep", "test", "touch", "umask",
];

/// What each Dockerfile begins with: a base with a shell.
pub const BASE: &str = "FROM scratch AS base\nCOPY base /\nENV PATH=/bin\n";

/// A folder with the base, for both builders.
pub fn program() -> Program {
    let mut program = Program::new()
        .file(
            "base/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\napp:x:1000:100::/home/app:/bin/sh\n",
        )
        .file("base/etc/group", "root:x:0:\nusers:x:100:\nstaff:x:50:app\n")
        .file("base/old/a/one", "one")
        .file("base/old/a/two", "two")
        .file("base/old/b/three", "three")
        .file("copied", "copied");
    for name in ["etc/hosts", "etc/hostname", "etc/resolv.conf", "run/.containerenv"] {
        program = program.file(&format!("base/{name}"), "");
    }
    for folder in ["bin", "dev", "proc", "sys", "run/secrets", "tmp", "root"] {
        fs::create_dir_all(program.path("base").join(folder)).expect("a folder");
    }
    fs::copy("/bin/busybox", program.path("base/bin/busybox")).expect("busybox is installed");
    for applet in APPLETS {
        symlink("busybox", program.path("base/bin").join(applet)).expect("a link");
    }
    symlink("old/a", program.path("base/link")).expect("a link");
    let storage = program.path("storage").display().to_string();
    let text = format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{storage}/graph\"\nrunroot = \"{storage}/run\"\n"
    );
    let configuration = program.path("storage.conf").display().to_string();
    program
        .file("storage.conf", &text)
        .file(".dockerignore", "storage\n*.yml\n")
        .env("CONTAINERS_STORAGE_CONF", &configuration)
        .env("BUILDAH_ISOLATION", "chroot")
}

/// Builds the Dockerfile and reads the image.
pub fn built(program: &Program, engine: &str) -> Image {
    let plan = format!(
        "name: a\nsteps: [{{ build: {{ context: ., using: {engine}, args: {{ GIVEN: given value }} }} }}]\n"
    );
    fs::write(program.path("shipway.yml"), plan).expect("written");
    let said = program.run(&["run"]).exits(0).stderr;
    let digest = said.split_whitespace().find(|word| word.starts_with("sha256:"));
    store(program).load(&digest.expect("a digest").parse().expect("a digest")).expect("stored")
}

pub fn store(program: &Program) -> Store {
    Store::open(&program.path(".shipway/images")).expect("a store")
}

fn settings(program: &Program, image: &Image) -> Value {
    let config = store(program).config(image).expect("a configuration");
    let mut settings = config["config"].clone();
    let fields = settings.as_object_mut().expect("fields");
    // Others are docker's own, or say that there is nothing.
    let compared = ["Cmd", "Entrypoint", "Env", "ExposedPorts", "User", "Volumes", "WorkingDir"];
    let is_empty =
        |value: &Value| [json!(null), json!([]), json!({}), json!(""), json!("/")].contains(value);
    fields.retain(|name, value| compared.contains(&name.as_str()) && !is_empty(value));
    fields.sort_keys();
    settings
}

/// Builds with both and compares. Returns the files.
#[track_caller]
fn compared(steps: &str) -> Files {
    let program = program().file("Dockerfile", &format!("{BASE}{steps}"));
    let native = built(&program, "native");
    let buildah = built(&program, "buildah");
    let [mut ours, mut theirs] = [&native, &buildah].map(|image| files(&store(&program), image));
    for tree in [&mut ours, &mut theirs] {
        // What the base has so that buildah need not make it.
        tree.retain(|path, _| !path.starts_with("run") && path != "etc" && path != "bin/busybox");
    }
    let in_one = |one: &Files, other: &Files| -> Files {
        let own = one.iter().filter(|(path, shown)| other.get(*path) != Some(shown));
        own.map(|(path, shown)| (path.clone(), shown.clone())).collect()
    };
    assert_eq!(in_one(&ours, &theirs), in_one(&theirs, &ours), "other than buildah's");
    assert_eq!(settings(&program, &native), settings(&program, &buildah));
    ours
}

#[test]
fn shell_and_exec_form_see_the_variables_of_the_stage() {
    let files = compared(
        "ARG GIVEN\nARG OWN=default\nENV SET=\"a b\" OTHER=$OWN\nRUN echo \"$GIVEN|$OWN|$SET|$OTHER|$HOME|$0\" > /shell\nRUN [\"/bin/sh\", \"-c\", \"echo $SET > /exec\"]\nRUN [\"cp\", \"/shell\", \"/$SET\"]\nRUN cat > /input; echo $? > /input-ended\nRUN umask > /mask\n",
    );
    assert_eq!(files["shell"], "f 644 0:0 None given value|default|a b|default|/root|/bin/sh\n");
    assert_eq!(files["mask"], "f 644 0:0 None 0022\n");
    assert_eq!(files["input"], "f 644 0:0 None ");
}

#[test]
fn removed_and_replaced_files_are_gone() {
    let files = compared(
        "RUN rm /old/a/one && rm -r /old/b\nRUN rm -r /old/a && mkdir -p /old/a && echo new > /old/a/new\nCOPY copied /old/b/copied\nRUN rm -r /old/b && echo file > /old/b\n",
    );
    assert!(!files.contains_key("old/a/two") && !files.contains_key("old/b/copied"));
    assert_eq!(files["old/b"], "f 644 0:0 None file\n");
    let files = compared(
        "RUN rm -r /old/a\nRUN mkdir /old/a\nRUN rm /old/b/three; mkdir /old/b/three; touch /old/b/three/x\n",
    );
    assert!(!files.contains_key("old/a/two"), "{files:?}");
    assert_eq!(files["old/b/three/x"], "f 644 0:0 None ");
}

#[test]
fn moved_folders_and_links_are_kept() {
    compared(
        "RUN mv /old/a /moved && mv /old/b/three /old/b/four\nRUN cp /old/b/four /x && ln /x /y && ln -s /x /z && mkfifo /pipe\n",
    );
}

#[test]
fn modes_and_owners_are_kept() {
    let files = compared(
        "RUN chmod 4755 /bin/sh && cp /bin/busybox /set-id && chmod 6711 /set-id && chown 7:8 /old/a/one\nRUN mkdir -m 1777 /open && chown -R app:staff /old/b\nRUN chmod 700 /old\n",
    );
    assert!(files["old/a/one"].starts_with("f 644 7:8"), "{}", files["old/a/one"]);
    assert!(files["open"].starts_with("d 1777"), "{}", files["open"]);
}

#[test]
fn commands_run_as_the_user_of_the_stage() {
    let files = compared(
        "RUN mkdir -p /home/app && chown app /home/app\nUSER app\nRUN id > /home/app/id && echo $HOME > /home/app/home\nUSER 1000:50\nRUN id > /tmp/other || id > /home/app/other\nUSER 7\nRUN id > /dev/null; umask\n",
    );
    let id = "f 644 1000:100 None uid=1000(app) gid=100(users) groups=50(staff),100(users)\n";
    assert_eq!(files["home/app/id"], id);
    assert_eq!(files["home/app/home"], "f 644 1000:100 None /home/app\n");
}

#[test]
fn working_directory_is_made_and_entered() {
    let files = compared("WORKDIR /made/by\nRUN pwd > where\nWORKDIR ../up\nRUN pwd > where\n");
    assert_eq!(files["made/up/where"], "f 644 0:0 None /made/up\n");
}

#[test]
fn later_stages_take_what_commands_made() {
    let files = compared(
        "RUN echo made > /made && echo newly:x:1234:1234::/: >> /etc/passwd && ln -s /old/b /to && mkfifo /pipe\nCOPY --chown=newly copied /to/\nFROM scratch\nCOPY --from=base /made /old /taken/\nCOPY --from=base --chown=5:6 /made /owned\n",
    );
    assert_eq!(files["taken/b/copied"], "f 644 1234:1234 None copied");
    assert_eq!(files["owned"], "f 644 5:6 None made\n");
}

#[test]
fn continued_lines_are_one_command() {
    let files = compared(
        "RUN echo one > /lines && \\\n  # a comment\n    echo two >> /lines && \\\n\n    echo \"$((1 + 2))\" 'it''s' \\\n      three >> /lines\n",
    );
    assert_eq!(files["lines"], "f 644 0:0 None one\ntwo\n3 its three\n");
}

#[test]
fn stage_on_a_stage_goes_on_from_its_files() {
    let files = compared(
        "RUN echo 1 > /count\nFROM base AS second\nRUN echo 2 >> /count && rm /old/a/one\nFROM second\nCOPY copied /\nRUN cat /copied >> /count\n",
    );
    assert_eq!(files["count"], "f 644 0:0 None 1\n2\ncopied");
}

#[test]
fn unchanged_files_are_not_in_the_layer() {
    let program = program().file(
        "Dockerfile",
        &format!("{BASE}RUN touch -d @1000000000 /x\nRUN mv /old/a/one /o && mv /o /old/a/one && chmod 644 /old/b/three && true\nRUN true\n"),
    );
    let image = built(&program, "native");
    let layers: Vec<Image> = image.layers[2..]
        .iter()
        .map(|layer| Image { layers: vec![layer.clone()], ..image.clone() })
        .collect();
    for layer in layers {
        let files = files(&store(&program), &layer);
        // A moved file is another one, with the same content.
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert!(names.iter().all(|name| name.starts_with("old")), "{names:?}");
    }
    let history = store(&program).config(&image).expect("a configuration")["history"].clone();
    assert_eq!(history[2]["created_by"], "RUN /bin/sh -c touch -d @1000000000 /x # buildkit");
    assert_eq!(history[2]["empty_layer"], Value::Null);
}

/// What the native builder makes of a Dockerfile that buildah 1.28 cannot read.
fn built_natively(steps: &str, plan: &str) -> (Program, Files, String) {
    let program = program().file("Dockerfile", &format!("{BASE}{steps}"));
    let plan = format!(
        "name: a\nsecrets: {{ token: {{ env: TOKEN }} }}\nsteps: [{{ build: {{ context: ., using: native{plan} }} }}]\n"
    );
    fs::write(program.path("shipway.yml"), plan).expect("written");
    let program = program.env("TOKEN", "hunter22");
    let said = program.run(&["run"]).exits(0).stderr;
    let digest = said.split_whitespace().find(|word| word.starts_with("sha256:"));
    let digest = digest.expect("a digest").parse().expect("a digest");
    let image = store(&program).load(&digest).expect("stored");
    let files = files(&store(&program), &image);
    (program, files, said)
}

#[test]
fn here_documents_are_commands_scripts_or_input() {
    let (_, files, _) = built_natively(
        "ENV A=1\nRUN <<EOF\necho \\$A \"$A\" > /shell\n\n# a comment\necho two >> /shell\nEOF\nRUN <<'EOF'\n#!/bin/sh\necho script $A $0 > /script\nEOF\nRUN <<-EOF\n\techo tabs > /tabs\n\tEOF\nRUN <<ONE cat - > /input; cat /dev/fd/3 3<<TWO >> /input\nfirst $A\nONE\nsecond\nTWO\n",
        "",
    );
    assert_eq!(files["shell"], "f 644 0:0 None $A 1\ntwo\n");
    assert_eq!(files["input"], "f 644 0:0 None first 1\nsecond\n");
    assert_eq!(files["tabs"], "f 644 0:0 None tabs\n");
    assert_eq!(files["script"], "f 644 0:0 None script 1 /dev/pipes/EOF\n");
}

#[test]
fn mounts_are_there_for_the_command_alone() {
    let (program, files, said) = built_natively(
        "RUN mkdir /here && echo here > /here/x\nFROM base AS last\nWORKDIR /w\nRUN --mount=type=bind,from=base,source=/here,target=/b --mount=target=ctx,source=copied \\\n  --mount=type=cache,target=/cache,mode=0711,uid=5 --mount=type=tmpfs,target=/fs,size=1m \\\n  --mount=type=secret,id=token --mount=type=secret,id=token,env=TOKEN,required \\\n  cat /b/x ctx /run/secrets/token > /seen; echo no > /b/y; echo yes > /cache/z; touch /fs/q; echo $TOKEN; ls -ln / | busybox grep cache\nRUN --mount=type=cache,target=/cache,mode=0711,uid=5 --mount=from=base,target=/all,rw cat /cache/z > /cached && echo x > /all/here/x\n",
        ", secrets: { token: \"${{ secrets.token }}\" }",
    );
    assert_eq!(files["seen"], "f 644 0:0 None here\ncopiedhunter22");
    assert_eq!(files["cached"], "f 644 0:0 None yes\n");
    for gone in ["b", "w/ctx", "cache", "fs", "all", "run/secrets/token", "dev/pipes"] {
        assert!(!files.contains_key(gone), "{gone}: {files:?}");
    }
    assert!(said.contains("│ [last] ***\n") && said.contains("drwx--x--x"), "{said}");
    assert!(
        said.contains("cannot create /b/y: Read-only file system")
            || said.contains("can't create /b/y: Read-only file system"),
        "{said}"
    );
    assert!(!program.path(".shipway/images/scratch").exists());
}

#[test]
fn failure_of_a_command_is_explained() {
    let refused = |step: &str| {
        let program = program().file("Dockerfile", &format!("{BASE}{step}\n"));
        let plan = "name: a\nsteps: [{ build: { context: ., using: native } }]\n";
        fs::write(program.path("shipway.yml"), plan).expect("written");
        let said = program.run(&["run"]).exits(4).stderr;
        let from = said.find("    `Dockerfile:").expect("the failure");
        let lines = said[from..].lines().take_while(|line| line.starts_with("   "));
        lines.map(str::trim).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        refused("RUN echo before; exit 3"),
        "`Dockerfile:4` failed: `/bin/sh -c echo before; exit 3` ended with exit code 3\n| before"
    );
    assert_eq!(
        refused("RUN [\"nothing\", \"x\"]"),
        "`Dockerfile:4` cannot run `nothing x`\n`nothing` is not in the image"
    );
    assert_eq!(
        refused("USER absent\nRUN true"),
        "`Dockerfile:5` cannot run `/bin/sh -c true`\nthere is no user `absent` in /etc/passwd"
    );
    assert_eq!(
        refused("RUN touch /.wh.x"),
        "`Dockerfile:4` cannot run `/bin/sh -c touch /.wh.x`\nit makes a file at `/.wh.x`, a name that marks another file as removed in a layer (a whiteout)"
    );
    assert_eq!(
        refused("RUN --mount=type=secret,id=x,required true"),
        "`Dockerfile:4` requires the secret `x`, which this build does not have\nhelp: name it under `secrets` of the step"
    );
}

#[test]
fn unchanged_commands_are_not_run_again() {
    let program = program().file(
        "Dockerfile",
        &format!("{BASE}COPY copied /c\nRUN cat /c > /d; echo ran\nARG GIVEN\nRUN echo ran $GIVEN\nCOPY --from=base /d /e\n"),
    );
    let plan = |given: &str| {
        let plan = format!(
            "name: a\nsteps: [{{ build: {{ context: ., dockerfile: Dockerfile, using: native, args: {{ GIVEN: {given} }} }} }}]\n"
        );
        fs::write(program.path("shipway.yml"), plan).expect("written");
        let dockerfile = fs::read_to_string(program.path("Dockerfile")).expect("there");
        let single = dockerfile.replace("COPY --from=base /d /e\n", "");
        fs::write(program.path("Dockerfile"), single).expect("written");
        let said = program.run(&["run"]).exits(0).stderr;
        (said.matches("│ ran").count(), said.matches("is unchanged: `RUN").count())
    };
    assert_eq!(plan("one"), (2, 0));
    assert_eq!(plan("one"), (0, 2));
    assert_eq!(plan("two"), (1, 1), "an argument that the first does not see");
    // The time of a file is no part of its content.
    let touched = Command::new("touch").arg(program.path("copied")).status().expect("touch");
    assert!(touched.success());
    assert_eq!(plan("two"), (0, 2));
    fs::write(program.path("copied"), "changed").expect("written");
    assert_eq!(plan("two"), (2, 0));
}

#[test]
fn same_commands_give_the_same_digest() {
    let digest = || {
        let program = program()
            .file(
                "Dockerfile",
                &format!(
                    "{BASE}ARG SOURCE_DATE_EPOCH\nRUN mkdir /made && echo $SOURCE_DATE_EPOCH > /made/time && rm /old/a/one && busybox find /made /old -exec touch -h -d @$SOURCE_DATE_EPOCH {{}} +\n"
                ),
            )
            .env("SOURCE_DATE_EPOCH", "1700000000");
        let plan = "name: a\nsteps: [{ build: { context: ., using: native, args: { SOURCE_DATE_EPOCH: '1700000000' } } }]\n";
        fs::write(program.path("shipway.yml"), plan).expect("written");
        let said = program.run(&["run"]).exits(0).stderr;
        let digest = said.split_whitespace().find(|word| word.starts_with("sha256:"));
        let digest = digest.expect("a digest").to_owned();
        let image = store(&program).load(&digest.parse().expect("a digest")).expect("stored");
        let made = files(&store(&program), &image)["made/time"].clone();
        assert_eq!(made, "f 644 0:0 None 1700000000\n");
        digest
    };
    assert_eq!(digest(), digest());
}
