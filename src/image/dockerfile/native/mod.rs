//! Builds a Dockerfile without an engine, as long as there is nothing to run.
//!
//! `parse` reads it; `select` finds the needed stages and refuses everything that needs an
//! engine, before anything is fetched. `stage` then executes the instructions: `copy` and
//! `draft` assemble layers from `files`, and `run_config` collects how the image is started.
//! Except for times, the result is what `BuildKit` builds from the same Dockerfile.
//!
//! ```text
//! let native = NativeBuild::read(&request)?;
//! // fetch native.images()
//! let image = native.build(&dirs, &pulled)?;
//! ```

mod copy;
mod draft;
mod error;
mod execute;
mod expand;
mod file_match;
mod file_sources;
mod files;
mod owners;
mod parse;
mod run_config;
mod select;
mod stage;

pub use error::{DockerfileLine, NativeError};
pub use expand::split;
pub use files::{FileLocation, FileTree, TreeItem, TreeItemKind};
pub use parse::{ParsedDockerfile, StageText, StepKind};
pub use select::NeededImage;

use self::execute::Execution;
use self::file_sources::FileSources;
use self::select::{Selection, StageBase};
use self::stage::{HistoryEntry, Stage, StageEnv};
use super::context::BuildContext;
use super::request::BuildRequest;
use crate::image::WorkControl;
use crate::image::layers::{
    BUILD_FIELDS, ListedLayer, Packed, as_oci, assemble, ordered, timestamp,
};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::oci::media_type;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A Dockerfile that needs no engine, as far as can be told before its images are fetched.
#[derive(Clone, Debug)]
pub struct NativeBuild {
    request: BuildRequest,
    dockerfile: PathBuf,
    parsed: ParsedDockerfile,
    selection: Selection,
}

/// An instruction of a Dockerfile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instruction {
    /// Counted from 1.
    pub line: usize,
    pub text: String,
}

/// The folders that a build uses.
pub struct BuildDirs<'a> {
    pub store: &'a Store,
    /// An empty folder that must exist until the image is built; the caller removes it.
    pub scratch_dir: &'a Path,
    pub control: WorkControl<'a>,
}

impl NativeBuild {
    /// Reads the Dockerfile, and fails if it needs an engine.
    pub fn read(request: &BuildRequest) -> Result<Self, NativeError> {
        let dockerfile = request.dockerfile()?;
        let text = fs::read(&dockerfile)
            .map_err(|source| NativeError::Read { path: dockerfile.clone(), source })?;
        let text = String::from_utf8_lossy(&text);
        let shown = dockerfile.strip_prefix(&request.context).unwrap_or(&dockerfile);
        let shown = shown.display().to_string();
        let parsed = ParsedDockerfile::read(&shown, &text)?;
        let selection = select::select(&shown, request, &parsed)?;
        Ok(Self { request: request.clone(), dockerfile, parsed, selection })
    }

    /// The images to fetch before the build.
    pub fn images(&self) -> &[NeededImage] {
        &self.selection.images
    }

    /// The instructions that are executed, in order, as they are written.
    pub fn instructions(&self) -> Vec<Instruction> {
        let stages = self.selection.stages.keys().map(|number| &self.parsed.stages[*number]);
        let of = |stage: &StageText| {
            let from = Instruction { line: stage.place.line, text: format!("FROM {}", stage.from) };
            let steps = stage.steps.iter();
            let steps =
                steps.map(|step| Instruction { line: step.place.line, text: step.text.clone() });
            std::iter::once(from).chain(steps).collect::<Vec<_>>()
        };
        stages.flat_map(of).collect()
    }

    /// Builds the image. `pulled` are the images of [`NativeBuild::images`] in the same
    /// order. Blocking, and uses all cores.
    pub fn build(&self, dirs: &BuildDirs<'_>, pulled: &[Image]) -> Result<Image, NativeError> {
        let context = BuildContext {
            folder: &self.request.context,
            dockerfile: &self.dockerfile,
            state: &self.request.state,
            scratch_dir: dirs.scratch_dir,
        };
        let mut file_sources = FileSources::new(dirs.store, context, pulled);
        let mut stages: BTreeMap<usize, Stage> = BTreeMap::new();
        for (number, selected) in &self.selection.stages {
            let mut stage = match selected.base {
                StageBase::Scratch => Stage::scratch(selected.platform.clone()),
                StageBase::Stage(earlier) => stages[&earlier].continued(),
                StageBase::Image(at) => Stage::of_image(&file_sources, &file_sources.pulled[at])?,
            };
            let env = StageEnv {
                escape: self.parsed.escape,
                given: &self.request.args,
                globals: &self.selection.globals,
                predefined: &self.selection.predefined,
                froms: &selected.froms,
                stages: &stages,
            };
            let text = &self.parsed.stages[*number];
            let mut execution =
                Execution { stage: &mut stage, env: &env, file_sources: &mut file_sources };
            execution.run(&text.place, &text.steps)?;
            stages.insert(*number, stage);
        }
        let stage = stages.remove(&self.selection.wanted).expect("selected");
        self.image(stage, dirs)
    }

    fn image(&self, mut stage: Stage, dirs: &BuildDirs<'_>) -> Result<Image, NativeError> {
        for (key, value) in &self.request.labels {
            stage.run_config.label(key, value);
        }
        let created = self.request.created.unwrap_or(0);
        let lists: Vec<Arc<ListedLayer>> = stage.lists.clone();
        let packed = assemble(dirs.store, &lists, created, &dirs.control)?;
        let base = stage.base.as_ref();
        let below = base.map(|base| base.layers.iter().map(as_oci).collect::<Vec<_>>());
        let mut layers = below.unwrap_or_default();
        layers.extend(packed.iter().map(|packed| packed.layer.clone()));
        let config = configuration(stage, &packed, &timestamp(created)?);
        let config = dirs.store.put(media_type::CONFIG, &config)?;
        Ok(Image::write(dirs.store, &config, &layers)?)
    }
}

/// The bytes of the image configuration.
fn configuration(stage: Stage, packed: &[Packed], created: &str) -> Vec<u8> {
    let Stage { platform, mut base_config, run_config, history: added, author, .. } = stage;
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut diff_ids = list(base_config.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")));
    diff_ids.extend(packed.iter().map(|packed| json!(packed.diff_id.as_str())));
    let mut history = list(base_config.get("history"));
    history.extend(added.iter().map(|HistoryEntry { created_by, layer }| {
        let mut line = json!({"created": created, "created_by": created_by});
        if !layer {
            line["empty_layer"] = json!(true);
        }
        line
    }));
    for field in BUILD_FIELDS {
        base_config.remove(field);
    }
    let mut run_config = run_config.fields();
    run_config.sort_keys();
    let mut fields: Map<String, Value> = base_config;
    fields.insert("created".into(), json!(created));
    fields.insert("architecture".into(), json!(platform.architecture));
    fields.insert("os".into(), json!(platform.os));
    if let Some(variant) = platform.variant {
        fields.insert("variant".into(), json!(variant));
    }
    if let Some(author) = author {
        fields.insert("author".into(), json!(author));
    }
    fields.insert("config".into(), run_config.into());
    fields.insert("rootfs".into(), json!({"type": "layers", "diff_ids": diff_ids}));
    fields.insert("history".into(), json!(history));
    serde_json::to_vec(&ordered(fields)).expect("a configuration is text by text")
}

#[cfg(test)]
mod tests {
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
            BuildRequest {
                context,
                state: self.folder.path().join("state"),
                ..BuildRequest::default()
            }
        }

        fn build(&self, dockerfile: &str, pulled: &[Image]) -> Result<Image, NativeError> {
            let native = NativeBuild::read(&self.request(dockerfile))?;
            assert_eq!(native.images().len(), pulled.len());
            let scratch_dir = tempfile::tempdir().expect("a folder");
            let stop = AtomicBool::new(false);
            let control = WorkControl::new(&stop);
            native.build(
                &BuildDirs { store: &self.store, scratch_dir: scratch_dir.path(), control },
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
        let dockerfile =
            "FROM scratch AS no\nRUN x\nFROM scratch AS yes\nCOPY a /\nFROM no AS last\n";
        let refused = "`Dockerfile:2` has `RUN`, which needs a container engine";
        assert_eq!(plan.refusal(dockerfile), refused);
        let target =
            |name: &str| BuildRequest { target: Some(name.into()), ..plan.request(dockerfile) };
        assert!(NativeBuild::read(&target("YES")).is_ok());
        let error = NativeBuild::read(&target("maybe")).expect_err("refused");
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

    #[test]
    fn what_needs_an_engine_is_refused_before_fetching() {
        let plan = Plan::new(&[("a", "1")]);
        let beyond = |step: &str| {
            let refused = plan.refusal(&format!("FROM scratch\n{step}\n"));
            refused
                .replace("`Dockerfile:2` has ", "")
                .replace(", which needs a container engine", "")
        };
        assert_eq!(beyond("ADD https://example.com/x /"), "`ADD` of a URL");
        assert_eq!(beyond("ADD git@example.com:x /"), "`ADD` of a URL");
        assert_eq!(beyond("COPY --parents a /"), "`COPY --parents`");
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
}
