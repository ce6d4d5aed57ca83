//! What is refused, and with which words.

use super::{Plan, archive};
use crate::http::Retryable as _;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn special_files_and_whiteouts_are_refused_with_their_line() {
    let plan = Plan::new(&[("d/.wh.app", "1"), ("a", "1")]);
    let added = |path: &str, kind: tar::EntryType| {
        let file = plan.folder.path().join("context/a.tar");
        fs::write(file, archive(path, kind, None)).expect("written");
        plan.refusal("FROM scratch\nADD a.tar /x/\n")
    };
    assert_eq!(
        added("dev/null", tar::EntryType::Char),
        "`Dockerfile:2` has a device, `/x/dev/null`, in what it copies, which needs a container engine"
    );
    assert_eq!(
        added("run/fifo", tar::EntryType::Fifo),
        "`Dockerfile:2` has a pipe, `/x/run/fifo`, in what it copies, which needs a container engine"
    );
    let whiteout = |to: &str| {
        format!(
            "`Dockerfile:2` copies a file to `/{to}`, a name that marks another file as removed in a layer (a whiteout)"
        )
    };
    assert_eq!(added("bin/.wh.sh", tar::EntryType::Regular), whiteout("x/bin/.wh.sh"));
    assert_eq!(added(".wh..wh..opq", tar::EntryType::Regular), whiteout("x/.wh..wh..opq"));
    assert_eq!(plan.refusal("FROM scratch\nCOPY d /\n"), whiteout(".wh.app"));
    let error = plan.build("FROM scratch\nCOPY a /.wh.b\n", &[]).expect_err("refused");
    assert_eq!(error.to_string(), whiteout(".wh.b"));
    assert_eq!(error.help().expect("help"), "rename it, or add it to `.dockerignore`");
}

#[test]
fn what_needs_an_engine_is_refused_before_fetching() {
    let plan = Plan::new(&[("a", "1")]);
    let beyond = |step: &str| {
        let refused = plan.refusal(&format!("FROM scratch\n{step}\n"));
        refused.replace("`Dockerfile:2` has ", "").replace(", which needs a container engine", "")
    };
    assert_eq!(beyond("ADD https://example.com/x /"), "`ADD` of a URL");
    assert_eq!(beyond("ADD git@example.com:x /"), "`ADD` of a URL");
    assert_eq!(beyond("ADD --unpack a /"), "`ADD --unpack`");
}

#[test]
fn flags_signals_and_names_are_checked() {
    let plan = Plan::new(&[("a", "1")]);
    let refused = |text: &str| {
        let error = plan.build(text, &[]).expect_err("refused");
        format!("{error}; {}", error.help().unwrap_or_default())
    };
    let step = |step: &str| refused(&format!("FROM scratch\n{step}\n"));
    assert_eq!(
        step("COPY --form=x a /"),
        "`Dockerfile:2` has `COPY --form`, which is no flag; its flags are `--from`, `--chown`, `--chmod`, `--link`, `--parents`, `--exclude`"
    );
    assert_eq!(
        step("ADD --from=x a /"),
        "`Dockerfile:2` has `ADD --from`, which is no flag; its flags are `--chown`, `--chmod`, `--link`, `--checksum`, `--keep-git-dir`, `--exclude`, `--unpack`"
    );
    assert_eq!(
        step("HEALTHCHECK --intervall=5s CMD x"),
        "`Dockerfile:2` has `HEALTHCHECK --intervall`, which is no flag; its flags are `--interval`, `--timeout`, `--start-period`, `--start-interval`, `--retries`"
    );
    assert_eq!(
        refused("FROM --target=x scratch\n"),
        "`Dockerfile:1` has `FROM --target`, which is no flag; its flags are `--platform`"
    );
    assert_eq!(
        step("STOPSIGNAL SIGTREM"),
        "`Dockerfile:2` has `SIGTREM`, which is not a signal, such as `SIGTERM` or `9`; "
    );
    assert_eq!(
        refused("FROM scratch AS 1st\n"),
        "`Dockerfile:1` names a stage `1st`; a stage's name begins with a letter, and has letters, digits, `-`, `_` and `.`"
    );
    let image = plan.build("FROM scratch AS A.b_c-1\nSTOPSIGNAL rtmin+1\n", &[]);
    assert_eq!(plan.settings(&image.expect("built"))["StopSignal"], "rtmin+1");
}

#[test]
fn errors_name_their_line() {
    let plan = Plan::new(&[
        ("a", "1"),
        ("b", "2"),
        ("d/x", "3"),
        ("f/l/z", "4"),
        ("g/x/y", "5"),
        (".dockerignore", "b\n"),
    ]);
    symlink("y", plan.folder.path().join("context/d/l")).expect("a link");
    let refused = |steps: &str| plan.refusal(&format!("FROM scratch\n{steps}\n"));
    assert_eq!(
        refused("COPY none /"),
        "`Dockerfile:2` copies `none`, which is not in the build context"
    );
    assert_eq!(refused("COPY b /"), "`Dockerfile:2` copies `b`, which is not in the build context");
    assert_eq!(
        refused("COPY a Dockerfile /x"),
        "`Dockerfile:2` copies several things to `/x`, which does not end in `/`"
    );
    assert_eq!(
        refused("COPY d /e\nCOPY f /e"),
        "`Dockerfile:3` copies a folder onto `/e/l`, which is a symbolic link in the image"
    );
    assert_eq!(
        refused("COPY g /e\nCOPY d /e"),
        "`Dockerfile:3` copies a file onto `/e/x`, which is a folder in the image"
    );
    let onto = |line: usize, to: &str| {
        format!("`Dockerfile:{line}` needs a folder at `/{to}`, which is a file in the image")
    };
    assert_eq!(refused("COPY a /y\nCOPY d /y"), onto(3, "y"));
    assert_eq!(refused("COPY a /y\nCOPY a /y/"), onto(3, "y"));
    assert_eq!(refused("COPY a /y\nCOPY a /y/z"), onto(3, "y"));
    assert_eq!(refused("COPY a /y\nWORKDIR /y/z"), onto(3, "y"));
    assert_eq!(refused("COPY a /e/x/q\nCOPY a /g/x\nCOPY g /g"), onto(4, "g/x"));
    assert_eq!(
        refused("COPY --chown=app a /"),
        "`Dockerfile:2` names `app`, which is not in the image's `/etc/passwd`"
    );
    assert_eq!(
        refused("COPY --chmod=u+x a /"),
        "`Dockerfile:2` has `u+x`, which is not a mode in octal, such as `0755`"
    );
    let list = plan.folder.path().join("context/.dockerignore");
    fs::write(&list, "b\n!\n").expect("written");
    assert_eq!(refused("COPY a /"), format!("cannot read `{}`", list.display()));
    fs::write(&list, "b\n").expect("written");
    assert_eq!(refused("ENV \"A"), "cannot expand `\"A` in `Dockerfile:2`");
    assert_eq!(
        refused("COPY <<EOF /\nx"),
        "`Dockerfile:3` cannot be understood: expected end of here-document (EOF), but reached eof"
    );
    assert_eq!(
        plan.refusal("ARG BASE\nFROM ${BASE}\n"),
        "`Dockerfile:2` names no image: `${BASE}` is empty"
    );
}
