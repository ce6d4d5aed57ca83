mod places;
mod refusals;

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
    let last = "COPY --chown=5 --chmod=600 <<EOF /named # buildkit";
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
