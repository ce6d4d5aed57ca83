//! What the commands of a Dockerfile may do without an engine, and where they run: as root,
//! as another user, and where overlays do not work.

use super::commands::{BASE, built, program, store};
use super::merged::files;
use crate::unprivileged;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs;

const NATIVE: &str = "name: a\nsteps: [{ build: { context: ., using: native } }]\n";

/// The lines that the commands of a build write.
fn said(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().filter_map(|line| line.split_once("│ "));
    lines.map(|(_, said)| said.trim_end().to_owned()).collect()
}

#[test]
fn commands_are_confined() {
    let script = "busybox grep CapEff /proc/self/status
busybox grep NoNewPrivs /proc/self/status
busybox mount -t tmpfs none /tmp 2> /dev/null || echo no mount
busybox unshare -m true 2> /dev/null || echo no namespace
(echo x > /proc/sys/kernel/core_pattern) 2> /dev/null || echo no setting
(echo x > /etc/hosts) 2> /dev/null || echo no hosts
busybox hostname other 2> /dev/null || echo no host name
busybox hostname
busybox ps | busybox wc -l
cat /proc/kcore > /dev/null 2>&1 || echo no memory
busybox readlink /proc/self/fd/0
for folder in / /dev /dev/shm /tmpfs /cache; do
  busybox mknod $folder/x c 1 3 && cat $folder/x 2> /dev/null || echo closed
done
cat /dev/null && echo x > /dev/null && echo open
";
    let program = program()
        .file("Dockerfile", &format!("{BASE}COPY script /script\nRUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/tmpfs [\"sh\", \"/script\"]\n"))
        .file("script", script)
        .file("shipway.yml", NATIVE);

    let finished = program.run(&["run"]).exits(0);

    assert_eq!(
        said(&finished.stderr),
        [
            "CapEff:\t00000000a80425fb",
            "NoNewPrivs:\t1",
            "no mount",
            "no namespace",
            "no setting",
            "no hosts",
            "no host name",
            "buildkitsandbox",
            // The heading, the shell, and these two.
            "4",
            "no memory",
            "/dev/null",
            // Nodes of devices can be made, as they may be in a layer, and not opened.
            "closed",
            "closed",
            "closed",
            "closed",
            "closed",
            "open",
        ]
    );
}

/// Steps with every kind of change.
const CHANGES: &str =
    "RUN rm /old/a/one && rm -r /old/b && echo b > /old/b && mkfifo /pipe && ln /old/b /same
RUN rm -r /old/a && mkdir /old/a && echo new > /old/a/new && chmod 4711 /bin/busybox
COPY copied /old/a/
RUN mv /old/a /moved && touch -d @1000000000 /etc/group && ln -s moved /to
WORKDIR /made
RUN cat /to/copied > here && rm /link
";

#[test]
fn without_overlays_the_files_are_the_same() {
    let with_overlays = program().file("Dockerfile", &format!("{BASE}{CHANGES}"));
    let image = built(&with_overlays, "native");
    let expected = files(&store(&with_overlays), &image);
    let program = program().file("Dockerfile", &format!("{BASE}{CHANGES}"));
    // An overlay cannot be the upper folder of another one.
    let at = |name: &str| program.path(name);
    let around = tempfile::tempdir().expect("a folder");
    for name in ["lower", "upper", "work"] {
        fs::create_dir(around.path().join(name)).expect("a folder");
    }
    fs::create_dir(at(".shipway")).expect("a folder");
    let shown = around.path().display();
    let options = format!("lowerdir={shown}/lower,upperdir={shown}/upper,workdir={shown}/work");
    let kind = Some("overlay");
    mount(kind, &at(".shipway"), kind, MsFlags::empty(), Some(options.as_str())).expect("mounted");

    let image = built(&program, "native");
    let found = files(&store(&program), &image);

    umount2(&at(".shipway"), MntFlags::MNT_DETACH).expect("unmounted");
    assert_eq!(found, expected);
    assert!(found["moved/copied"].contains("copied"), "{found:?}");
}

#[test]
fn user_without_further_ids_builds_images_of_root_alone() {
    let build = |steps: &str| {
        let program =
            program().file("Dockerfile", &format!("{BASE}{steps}")).file("shipway.yml", NATIVE);
        let finished = unprivileged::run(&program, &["run"]);
        let left = program.path(".shipway/runs");
        let left = std::process::Command::new("find").arg(left).args(["-name", "upper"]).output();
        assert_eq!(String::from_utf8_lossy(&left.expect("find").stdout), "");
        finished
    };
    let finished =
        build("RUN id && rm -r /old/a && mkdir /old/a && busybox ls -A /old/a\n").exits(0);
    assert_eq!(said(&finished.stderr), ["uid=0(root) gid=0(root)"]);

    let remedy = "this user has no further ids for the users of the image: install `uidmap` and give it a range in `/etc/subuid` and `/etc/subgid`, or run Shipway as root";
    let refused = |steps: &str| {
        let said = build(steps).exits(4).stderr;
        assert!(said.contains(remedy), "{said}");
        let at = said.find("    `Dockerfile:").expect("the failure");
        said[at..].lines().take(2).map(str::trim).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        refused("USER app\nRUN true\n"),
        format!(
            "`Dockerfile:5` cannot run `/bin/sh -c true`\ncannot become user 1000:100: Invalid argument; {remedy}"
        )
    );
    assert_eq!(
        refused("COPY --chown=app copied /copied\nRUN true\n"),
        format!(
            "`Dockerfile:5` cannot run `/bin/sh -c true`\ncannot write `/copied`: Invalid argument (os error 22); {remedy}"
        )
    );
}
