//! Builds of an ordinary user: with a range of further ids, and where user namespaces are
//! refused.

use super::commands::{BASE, program, store};
use super::merged::files;
use crate::support::Finished;
use crate::unprivileged::{NOBODY, Starters, run_in};

const NATIVE: &str = "name: a\nsteps: [{ build: { context: ., using: native } }]\n";

/// The lines that the commands of a build write.
fn said(stderr: &str) -> Vec<&str> {
    let lines = stderr.lines().filter_map(|line| line.split_once("│ "));
    lines.map(|(_, said)| said.trim_end()).collect()
}

#[test]
fn user_with_a_range_of_ids_builds_images_with_all_their_users() {
    let steps = "RUN mkdir /home && chown app:staff /home && chown 65535 /copied
USER app
RUN id; echo mine > /home/mine; chmod 600 /home/mine
RUN cat /home/mine; rm -r /old 2> /dev/null || echo not mine
USER root
RUN rm -r /old/a && mkdir /old/a && cat /home/mine > /old/a/seen
FROM base
COPY --from=base --chown=7:8 /home /from
";
    let program = program()
        .file("Dockerfile", &format!("{BASE}COPY copied /copied\n{steps}"))
        .file("shipway.yml", NATIVE)
        .file("ids", &format!("{NOBODY}:200000:65536\n"));
    let ids = program.path("ids").display().to_string();
    // In a mount namespace of its own, the files of this machine stay as they are.
    let script =
        format!("mount --bind {ids} /etc/subuid && mount --bind {ids} /etc/subgid && exec \"$@\"");
    let of_root = ["unshare", "--mount", "sh", "-euc", &script, "sh"];
    let starters = Starters { of_root: &of_root, ..Starters::default() };

    let first: Finished = run_in(&program, &starters, &["run"]).exits(0);

    assert_eq!(
        said(&first.stderr),
        ["uid=1000(app) gid=100(users) groups=50(staff),100(users)", "mine", "not mine"]
    );
    let digest = first.stderr.split_whitespace().find(|word| word.starts_with("sha256:"));
    let digest = digest.expect("a digest").parse().expect("a digest");
    let image = store(&program).load(&digest).expect("stored");
    let files = files(&store(&program), &image);
    assert_eq!(files["home/mine"], "f 600 1000:100 None mine\n");
    assert!(files["home"].starts_with("d 755 1000:50"), "{}", files["home"]);
    assert!(files["copied"].starts_with("f 644 65535:0"), "{}", files["copied"]);
    assert_eq!(files["old/a/seen"], "f 644 0:0 None mine\n");
    assert_eq!(files["from/mine"], "f 600 7:8 None mine\n");
    assert!(!files.contains_key("old/a/one"), "{files:?}");

    // What is kept of other users is removed as well.
    run_in(&program, &starters, &["clean", "--max-build-size", "0B"]).exits(0);
    let left = std::fs::read_dir(program.path(".shipway/images/roots"));
    assert_eq!(left.into_iter().flatten().count(), 0);
}

#[test]
fn refused_user_namespaces_are_explained() {
    let program =
        program().file("Dockerfile", &format!("{BASE}RUN true\n")).file("shipway.yml", NATIVE);
    // A user namespace that allows no further one.
    let id = NOBODY.to_string();
    let (user, group) = (format!("--map-user={id}"), format!("--map-group={id}"));
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all --inh-caps=-all -- \"$@\"";
    let of_the_user =
        ["unshare", "--user", &user, &group, "--keep-caps", "sh", "-euc", script, "sh"];
    let starters = Starters { of_the_user: &of_the_user, ..Starters::default() };

    let said = run_in(&program, &starters, &["run"]).exits(4).stderr;

    let reason = "`RUN` needs an engine here: user namespaces are refused here: ENOSPC: No space left on device; `sudo sysctl user.max_user_namespaces=10000` allows them";
    assert_eq!(said.matches(reason).count(), 1, "{said}");
    let at = said.find("    `Dockerfile:").expect("the failure");
    let lines = said[at..].lines().take(2).map(str::trim).collect::<Vec<_>>();
    assert_eq!(
        lines,
        [
            "`Dockerfile:4` has `RUN`, which needs a container engine",
            "help: write `using: auto` to build it with docker, podman or buildah, or build the image from `layers`",
        ],
        "{said}"
    );
}
