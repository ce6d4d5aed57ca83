//! Builds a Dockerfile without an engine, as long as nothing in it has to run.
//!
//! `script` reads it, `select` finds the stages that are needed and refuses what
//! an engine alone does, all before anything is fetched. Then `stage` performs
//! the instructions: `copy` and `draft` put layers together out of `files`,
//! `settings` says how the image is run. What comes out is what `BuildKit`
//! makes of the same Dockerfile, but for times.
//!
//! ```text
//! let native = Native::read(&request)?;
//! // fetch native.images()
//! let image = native.build(&work, &pulled)?;
//! ```

mod copy;
mod draft;
mod error;
mod files;
mod owners;
mod script;
mod select;
mod settings;
mod stage;
mod words;
mod workshop;

pub use error::NativeError;
pub use select::Needed;

use self::script::Script;
use self::select::{Below, Selected, Selection};
use self::stage::{Around, Past, Stage};
use self::workshop::Workshop;
use super::context::Context;
use super::work::Request;
use crate::image::Watch;
use crate::image::layers::{DROPPED, Listed, Packed, as_oci, assemble, ordered, timestamp};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::oci::media_type;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A Dockerfile that can be built here, as far as can be seen before its images
/// are fetched.
#[derive(Clone, Debug)]
pub struct Native {
    request: Request,
    dockerfile: PathBuf,
    script: Script,
    selection: Selection,
}

/// Where a build works.
pub struct Bench<'a> {
    /// Where images are kept.
    pub store: &'a Store,
    /// An empty folder, kept until the image is built, the caller's to remove.
    pub desk: &'a Path,
    /// Who may stop it, and is told of it.
    pub watch: Watch<'a>,
}

impl Native {
    /// Reads what is to be built, and refuses what an engine alone can build.
    pub fn read(request: &Request) -> Result<Self, NativeError> {
        let dockerfile = request.dockerfile()?;
        let text = fs::read(&dockerfile)
            .map_err(|source| NativeError::Read { path: dockerfile.clone(), source })?;
        let text = String::from_utf8_lossy(&text);
        let shown = dockerfile.strip_prefix(&request.context).unwrap_or(&dockerfile);
        let shown = shown.display().to_string();
        let script = Script::read(&shown, &text)?;
        let selection = select::select(&shown, request, &script)?;
        Ok(Self { request: request.clone(), dockerfile, script, selection })
    }

    /// What has to be fetched before it is built.
    pub fn images(&self) -> &[Needed] {
        &self.selection.images
    }

    /// Builds it. `pulled` are the images that were needed, in their order.
    /// Blocking, and busy on every core.
    pub fn build(&self, bench: &Bench<'_>, pulled: &[Image]) -> Result<Image, NativeError> {
        let context = Context {
            folder: &self.request.context,
            dockerfile: &self.dockerfile,
            state: &self.request.state,
            desk: bench.desk,
        };
        let mut workshop = Workshop::new(bench.store, context, pulled);
        let mut stages: BTreeMap<usize, Stage> = BTreeMap::new();
        for (number, selected) in &self.selection.stages {
            let stage = self.stage(*number, selected, &stages, &mut workshop)?;
            stages.insert(*number, stage);
        }
        let stage = stages.remove(&self.selection.wanted).expect("selected");
        self.image(stage, bench)
    }

    fn stage(
        &self,
        number: usize,
        selected: &Selected,
        stages: &BTreeMap<usize, Stage>,
        workshop: &mut Workshop<'_>,
    ) -> Result<Stage, NativeError> {
        let mut stage = match selected.below {
            Below::Scratch => Stage::of_scratch(selected.platform.clone()),
            Below::Stage(earlier) => stages[&earlier].go_on(),
            Below::Image(at) => Stage::of_image(workshop, &workshop.pulled[at])?,
        };
        let around = Around {
            escape: self.script.escape,
            given: &self.request.args,
            globals: &self.selection.globals,
            predefined: &self.selection.predefined,
            froms: &selected.froms,
            stages,
        };
        let text = &self.script.stages[number];
        stage.perform(&text.place, &text.steps, &around, workshop)?;
        Ok(stage)
    }

    fn image(&self, mut stage: Stage, bench: &Bench<'_>) -> Result<Image, NativeError> {
        for (key, value) in &self.request.labels {
            stage.settings.label(key, value);
        }
        let created = self.request.created.unwrap_or(0);
        let lists: Vec<Arc<Listed>> = stage.lists.clone();
        let packed = assemble(bench.store, &lists, created, &bench.watch)?;
        let base = stage.base.as_ref();
        let below = base.map(|base| base.layers.iter().map(as_oci).collect::<Vec<_>>());
        let mut layers = below.unwrap_or_default();
        layers.extend(packed.iter().map(|packed| packed.layer.clone()));
        let config = configuration(stage, &packed, &timestamp(created)?);
        let config = bench.store.put(media_type::CONFIG, &config)?;
        Ok(Image::write(bench.store, &config, &layers)?)
    }
}

/// The configuration as it is stored.
fn configuration(stage: Stage, packed: &[Packed], created: &str) -> Vec<u8> {
    let Stage { platform, mut below, settings, past, author, .. } = stage;
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut diff_ids = list(below.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")));
    diff_ids.extend(packed.iter().map(|packed| json!(packed.diff_id.as_str())));
    let mut history = list(below.get("history"));
    history.extend(past.iter().map(|Past { created_by, layer }| {
        let mut line = json!({"created": created, "created_by": created_by});
        if !layer {
            line["empty_layer"] = json!(true);
        }
        line
    }));
    for field in DROPPED {
        below.remove(field);
    }
    let mut settings = settings.fields();
    settings.sort_keys();
    let mut fields: Map<String, Value> = below;
    fields.insert("created".into(), json!(created));
    fields.insert("architecture".into(), json!(platform.architecture));
    fields.insert("os".into(), json!(platform.os));
    if let Some(variant) = platform.variant {
        fields.insert("variant".into(), json!(variant));
    }
    if let Some(author) = author {
        fields.insert("author".into(), json!(author));
    }
    fields.insert("config".into(), settings.into());
    fields.insert("rootfs".into(), json!({"type": "layers", "diff_ids": diff_ids}));
    fields.insert("history".into(), json!(history));
    serde_json::to_vec(&ordered(fields)).expect("a configuration is text by text")
}

#[cfg(test)]
mod tests {
    use super::{Bench, Native, NativeError};
    use crate::http::Retryable as _;
    use crate::image::Watch;
    use crate::image::dockerfile::Request;
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

        fn request(&self, dockerfile: &str) -> Request {
            let context = self.folder.path().join("context");
            fs::write(context.join("Dockerfile"), dockerfile).expect("written");
            Request { context, state: self.folder.path().join("state"), ..Request::default() }
        }

        fn build(&self, dockerfile: &str, pulled: &[Image]) -> Result<Image, NativeError> {
            let native = Native::read(&self.request(dockerfile))?;
            assert_eq!(native.images().len(), pulled.len());
            let desk = tempfile::tempdir().expect("a folder");
            let stop = AtomicBool::new(false);
            let watch = Watch::new(&stop);
            native.build(&Bench { store: &self.store, desk: desk.path(), watch }, pulled)
        }

        #[track_caller]
        fn refusal(&self, dockerfile: &str) -> String {
            self.build(dockerfile, &[]).expect_err("refused").to_string()
        }

        fn settings(&self, image: &Image) -> Value {
            self.store.config(image).expect("a configuration")["config"].clone()
        }

        /// The files of the image's layers, and what is in them.
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
    fn what_docker_has_beside_oci_is_kept() {
        let plan = Plan::new(&[]);
        let image = plan
            .build(
                "FROM scratch\nMAINTAINER Jo\nSHELL [\"/bin/ash\", \"-c\"]\nHEALTHCHECK --interval=5s CMD wget /\nONBUILD COPY . /srv\nUSER 7\nWORKDIR /made\n",
                &[],
            )
            .expect("built");

        let settings = plan.settings(&image);
        assert_eq!(settings["Shell"], json!(["/bin/ash", "-c"]));
        assert_eq!(
            settings["Healthcheck"],
            json!({"Test": ["CMD-SHELL", "wget /"], "Interval": 5_000_000_000_u64})
        );
        assert_eq!(settings["OnBuild"], json!(["COPY . /srv"]));
        assert_eq!(plan.store.config(&image).expect("a configuration")["author"], "Jo");
        assert_eq!(plan.files(&image)["made/"], "755 7 ", "the user's, as BuildKit makes it");
    }

    #[test]
    fn a_base_s_triggers_are_done_once() {
        let plan = Plan::new(&[("a", "1")]);
        let base = "FROM scratch\nONBUILD COPY a /srv/\nONBUILD ENV DONE=yes\n";
        let base = plan.build(base, &[]).expect("built");

        let image = plan.build("FROM base\nCOPY a /b\n", std::slice::from_ref(&base));

        let image = image.expect("built");
        assert_eq!(plan.files(&image)["srv/a"], "644 0 1");
        let settings = plan.settings(&image);
        assert!(settings["Env"].as_array().expect("a list").contains(&json!("DONE=yes")));
        assert_eq!(settings["OnBuild"], Value::Null);

        let base = plan.build("FROM scratch\nONBUILD RUN make\n", &[]).expect("built");
        let error = plan.build("FROM base\n", &[base]).expect_err("refused");
        assert_eq!(error.to_string(), "`Dockerfile:1` has `RUN`, which needs a container engine");
    }

    #[test]
    fn only_what_the_target_needs_must_not_run() {
        let plan = Plan::new(&[("a", "1")]);
        let dockerfile =
            "FROM scratch AS no\nRUN x\nFROM scratch AS yes\nCOPY a /\nFROM no AS last\n";
        let refused = "`Dockerfile:2` has `RUN`, which needs a container engine";
        assert_eq!(plan.refusal(dockerfile), refused);
        let target = |name: &str| Request { target: Some(name.into()), ..plan.request(dockerfile) };
        assert!(Native::read(&target("YES")).is_ok());
        let error = Native::read(&target("maybe")).expect_err("refused");
        assert_eq!(error.to_string(), "`Dockerfile` has no stage `maybe`");
        assert_eq!(error.help().expect("help"), "its stages are `no`, `yes`, `last`");
    }

    #[test]
    fn what_an_engine_alone_does_is_refused_before_anything_is_fetched() {
        let plan = Plan::new(&[("a", "1"), ("x.tar.xz", "\u{1}")]);
        let beyond = |step: &str| {
            let refused = plan.refusal(&format!("FROM scratch\n{step}\n"));
            refused
                .replace("`Dockerfile:2` has ", "")
                .replace(", which needs a container engine", "")
        };
        assert_eq!(beyond("ADD https://example.com/x /"), "`ADD` of a URL");
        assert_eq!(beyond("ADD git@example.com:x /"), "`ADD` of a URL");
        assert_eq!(beyond("COPY --parents a /"), "`COPY --parents`");
        fs::write(plan.folder.path().join("context/x.tar.xz"), b"\xfd7zXZ\0").expect("written");
        assert_eq!(beyond("ADD x.tar.xz /"), "`ADD` of an archive packed by xz");
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
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
        assert_eq!(
            refused("COPY b /"),
            "`Dockerfile:2` copies `b`, which is not in the build context"
        );
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
        assert_eq!(refused("COPY a /"), format!("read `{}`", list.display()));
        fs::write(&list, "b\n").expect("written");
        assert_eq!(refused("ENV \"A"), "understand `\"A` in `Dockerfile:2`");
        assert_eq!(
            refused("COPY <<EOF /\nx"),
            "`Dockerfile:3` cannot be understood: expected end of here-document (EOF), but reached eof"
        );
        assert_eq!(
            plan.refusal("ARG BASE\nFROM ${BASE}\n"),
            "`Dockerfile:2` begins with no image: `${BASE}` is empty"
        );
    }
}
