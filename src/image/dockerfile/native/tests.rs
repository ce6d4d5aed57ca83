use super::{BuildDirs, NativeBuild, NativeError};
use crate::http::Retryable as _;
use crate::image::WorkControl;
use crate::image::dockerfile::BuildRequest;
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::image::stream::unpacked;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

struct Plan {
    folder: TempDir,
    store: Store,
}

impl Plan {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("state/images")).expect("a store");
        for (name, text) in files {
            let path = folder.path().join("context").join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        fs::create_dir_all(folder.path().join("context")).expect("a folder");
        Self { folder, store }
    }

    fn request(&self, dockerfile: &str) -> BuildRequest {
        let context = self.folder.path().join("context");
        fs::write(context.join("Dockerfile"), dockerfile).expect("written");
        BuildRequest { context, state: self.folder.path().join("state"), ..BuildRequest::default() }
    }

    fn build(&self, dockerfile: &str, pulled: &[Image]) -> Result<Image, NativeError> {
        let native = NativeBuild::read(&self.request(dockerfile), false)?;
        assert_eq!(native.images().len(), pulled.len());
        let scratch_dir = tempfile::tempdir().expect("a folder");
        let stop = AtomicBool::new(false);
        let control = WorkControl::new(&stop);
        native.build(
            &BuildDirs {
                store: &self.store,
                scratch_dir: scratch_dir.path(),
                control,
                runner: None,
            },
            pulled,
        )
    }

    #[track_caller]
    fn refusal(&self, dockerfile: &str) -> String {
        self.build(dockerfile, &[]).expect_err("refused").to_string()
    }

    fn settings(&self, image: &Image) -> Value {
        self.store.config(image).expect("a configuration")["config"].clone()
    }

    /// Path, mode, owner and content of the files in all layers.
    fn files(&self, image: &Image) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for layer in &image.layers {
            let blob = self.store.open_blob(layer).expect("there");
            let mut archive = tar::Archive::new(unpacked(blob).expect("a stream"));
            for entry in archive.entries().expect("an archive") {
                let mut entry = entry.expect("an entry");
                let mut text = String::new();
                entry.read_to_string(&mut text).expect("text");
                let path = entry.path().expect("a path").display().to_string();
                let header = entry.header();
                let (mode, uid) = (header.mode().expect("a mode"), header.uid());
                files.insert(path, format!("{mode:o} {} {text}", uid.expect("a number")));
            }
        }
        files
    }
}

#[test]
fn here_documents_are_files() {
    let plan = Plan::new(&[("a", "1")]);
    let image = plan
        .build(
            "FROM scratch\nENV A=one\nCOPY <<plain.txt <<'raw.txt' a /in/\n$A \"q\"\nplain.txt\n$A\nraw.txt\nCOPY --chown=5 --chmod=600 <<-EOF /named\n\t\tx\n\tEOF\n",
            &[],
        )
        .expect("built");

    let files = plan.files(&image);
    assert_eq!(files["in/plain.txt"], "644 0 one \"q\"\n");
    assert_eq!(files["in/raw.txt"], "644 0 $A\n");
    assert_eq!(files["named"], "600 5 x\n");
    let history = plan.store.config(&image).expect("a configuration")["history"].clone();
    let last = "COPY --chown=5 --chmod=600 <<-EOF /named";
    assert_eq!(history[2], json!({"created": "1970-01-01T00:00:00Z", "created_by": last}));
    assert_eq!(history[0]["empty_layer"], json!(true));
}

#[test]
fn docker_extensions_are_kept() {
    let plan = Plan::new(&[]);
    let image = plan
        .build(
            "FROM scratch\nMAINTAINER Jo\nSHELL [\"/bin/ash\", \"-c\"]\nHEALTHCHECK --interval=5s CMD wget /\nONBUILD COPY . /srv\nUSER 7\nWORKDIR /made\n",
            &[],
        )
        .expect("built");

    let run_config = plan.settings(&image);
    assert_eq!(run_config["Shell"], json!(["/bin/ash", "-c"]));
    assert_eq!(
        run_config["Healthcheck"],
        json!({"Test": ["CMD-SHELL", "wget /"], "Interval": 5_000_000_000_u64})
    );
    assert_eq!(run_config["OnBuild"], json!(["COPY . /srv"]));
    assert_eq!(plan.store.config(&image).expect("a configuration")["author"], "Jo");
    assert_eq!(plan.files(&image)["made/"], "755 7 ", "the user's, as BuildKit makes it");
}

#[test]
fn onbuild_runs_once() {
    let plan = Plan::new(&[("a", "1")]);
    let base = "FROM scratch\nONBUILD COPY a /srv/\nONBUILD ENV DONE=yes\n";
    let base = plan.build(base, &[]).expect("built");

    let image = plan.build("FROM base\nCOPY a /b\n", std::slice::from_ref(&base));

    let image = image.expect("built");
    assert_eq!(plan.files(&image)["srv/a"], "644 0 1");
    let run_config = plan.settings(&image);
    assert!(run_config["Env"].as_array().expect("a list").contains(&json!("DONE=yes")));
    assert_eq!(run_config["OnBuild"], Value::Null);

    let base = plan.build("FROM scratch\nONBUILD RUN make\n", &[]).expect("built");
    let error = plan.build("FROM base\n", &[base]).expect_err("refused");
    assert_eq!(error.to_string(), "`Dockerfile:1` has `RUN`, which needs a container engine");
}

#[test]
fn stages_that_the_target_does_not_need_may_run() {
    let plan = Plan::new(&[("a", "1")]);
    let dockerfile = "FROM scratch AS no\nRUN x\nFROM scratch AS yes\nCOPY a /\nFROM no AS last\n";
    let refused = "`Dockerfile:2` has `RUN`, which needs a container engine";
    assert_eq!(plan.refusal(dockerfile), refused);
    let target =
        |name: &str| BuildRequest { target: Some(name.into()), ..plan.request(dockerfile) };
    assert!(NativeBuild::read(&target("YES"), false).is_ok());
    let error = NativeBuild::read(&target("maybe"), false).expect_err("refused");
    assert_eq!(error.to_string(), "`Dockerfile` has no stage `maybe`");
    assert_eq!(error.help().expect("help"), "its stages are `no`, `yes`, `last`");
}

#[test]
fn exceptions_below_an_ignored_folder_are_in_the_context() {
    let plan = Plan::new(&[
        ("d/e/f", "1"),
        ("d/e/g/h", "2"),
        ("d/x", "no"),
        (".dockerignore", "d\n!d/e\nd/e/g\n!d/e/g/h\n"),
    ]);
    let image = plan
        .build("FROM scratch\nCOPY d/e/f /f\nCOPY d /all\nCOPY d/*/g/h /glob\n", &[])
        .expect("built");
    let files = plan.files(&image);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["all/", "all/e/", "all/e/f", "all/e/g/", "all/e/g/h", "f", "glob"]);
    assert_eq!(
        plan.refusal("FROM scratch\nCOPY d/x /\n"),
        "`Dockerfile:2` copies `d/x`, which is not in the build context"
    );
}

#[test]
fn file_without_an_instruction_is_refused() {
    let plan = Plan::new(&[]);
    for text in ["", "\n", "# a comment\n"] {
        let error = plan.build(text, &[]).expect_err("no image");
        assert_eq!(
            error.to_string(),
            "`Dockerfile:1` cannot be understood: expected at least one FROM instruction",
            "{text:?}"
        );
    }
}

#[test]
fn empty_entrypoint_and_command_reset_those_of_the_base() {
    let plan = Plan::new(&[]);
    let dockerfile = "FROM scratch\nENTRYPOINT [\"/a\"]\nCMD [\"b\"]\n";
    let base = plan.build(dockerfile, &[]).expect("built");
    let built = |steps: &str| {
        let text = format!("FROM base\n{steps}\n");
        let image = plan.build(&text, std::slice::from_ref(&base)).expect("built");
        let config = plan.settings(&image);
        (config["Entrypoint"].clone(), config["Cmd"].clone())
    };
    assert_eq!(built("ENTRYPOINT []"), (Value::Null, Value::Null));
    assert_eq!(built("CMD [ ]"), (json!(["/a"]), Value::Null));
    assert_eq!(built("  entrypoint\t[ ] \nCMD [\"c\"]"), (Value::Null, json!(["c"])));
    // Not an instruction, but the content of a file.
    assert_eq!(built("COPY <<EOF /x\nENTRYPOINT []\nEOF\nENTRYPOINT []").0, Value::Null);
    let image = plan.build("FROM scratch\nENTRYPOINT []\n", &[]).expect("built");
    let history = plan.store.config(&image).expect("a configuration")["history"].clone();
    assert_eq!(history[0]["created_by"], "ENTRYPOINT []");
    assert_eq!(
        plan.refusal("FROM scratch\nENTRYPOINT\n"),
        "`Dockerfile:2` cannot be understood: ENTRYPOINT instruction requires at least one argument"
    );
}

#[test]
fn root_is_zero_without_a_passwd() {
    let plan = Plan::new(&[("a", "1")]);
    let image = plan
        .build("FROM scratch\nCOPY --chown=0:root a /\nUSER root\nWORKDIR /w\n", &[])
        .expect("built");
    assert_eq!(plan.files(&image)["a"], "644 0 1");
}

#[test]
fn copy_from_no_earlier_stage_is_a_mistake() {
    let plan = Plan::new(&[("a", "1")]);
    let refused = |from: &str| {
        let text = format!(
            "FROM scratch AS one\nCOPY a /\nFROM scratch AS two\nCOPY --from={from} /a /\nFROM scratch AS three\nCOPY --from=two / /\n"
        );
        let error = plan.build(&text, &[]).expect_err("refused");
        format!("{error}; {}", error.help().expect("help"))
    };
    assert_eq!(
        refused("Three"),
        "`Dockerfile:4` copies from `Three`, a stage that begins below; move the stage `Three` above this one"
    );
    assert_eq!(
        refused("2"),
        "`Dockerfile:4` copies from `2`, a stage that begins below; move the stage `2` above this one"
    );
    let own =
        "the stage that it is in; name an earlier stage, or use `RUN cp` for files of this one";
    assert_eq!(refused("two"), format!("`Dockerfile:4` copies from `two`, {own}"));
    assert_eq!(refused("1"), format!("`Dockerfile:4` copies from `1`, {own}"));
    assert_eq!(
        refused("7"),
        "`Dockerfile:4` copies from the stage `7`, and there are 3 stages, counted from 0; write the number of an earlier stage, or its name after `AS`"
    );
}

/// `cap_net_bind_service=ep`.
const BIND: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// An archive with one entry.
fn archive(path: &str, kind: tar::EntryType, capability: Option<&[u8]>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let records = capability.map(|value| ("SCHILY.xattr.security.capability", value));
    builder.append_pax_extensions(records).expect("memory");
    let mut header = tar::Header::new_ustar();
    header.set_path(path).expect("short");
    header.set_entry_type(kind);
    header.set_mode(0o4755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, std::io::empty()).expect("memory");
    builder.into_inner().expect("memory")
}

#[test]
fn capabilities_and_set_id_bits_are_kept() {
    let plan = Plan::new(&[]);
    let packed = archive("bin/app", tar::EntryType::Regular, Some(&BIND));
    fs::write(plan.folder.path().join("context/a.tar"), packed).expect("written");
    let base = plan.build("FROM scratch\nADD a.tar /\n", &[]).expect("built");
    let image = plan
        .build("FROM scratch AS one\nADD a.tar /\nFROM base\nCOPY --from=one /bin/app /one\nCOPY --from=base --chown=5 /bin/app /two\n", &[base])
        .expect("built");

    let mut found = Vec::new();
    for layer in &image.layers {
        let blob = plan.store.open_blob(layer).expect("there");
        let mut archive = tar::Archive::new(unpacked(blob).expect("a stream"));
        for entry in archive.entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let records = entry.pax_extensions().expect("records").into_iter().flatten();
            let records: Vec<_> = records
                .map(|record| record.expect("a record"))
                .map(|record| {
                    (record.key().expect("a key").to_owned(), record.value_bytes().to_vec())
                })
                .collect();
            let mode = entry.header().mode().expect("a mode");
            if !records.is_empty() {
                assert_eq!(
                    records,
                    [("SCHILY.xattr.security.capability".to_owned(), BIND.to_vec())]
                );
                found.push(format!("{path} {mode:o}"));
            }
        }
    }
    assert_eq!(found, ["bin/app 4755", "one 4755", "two 4755"]);

    let broken = archive("bin/app", tar::EntryType::Regular, Some(b"a\nb"));
    let path = plan.folder.path().join("context/a.tar");
    fs::write(&path, broken).expect("written");
    let error = plan.build("FROM scratch\nADD a.tar /\n", &[]).expect_err("refused");
    assert_eq!(error.to_string(), format!("cannot read `{}`", path.display()));
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(cause, "`bin/app` in it has an extended attribute that cannot be read");
}

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
    assert_eq!(beyond("COPY --parents a /"), "`COPY --parents`");
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
