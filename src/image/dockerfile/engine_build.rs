//! One build with an engine: the commands to run, and the import of the result.

use super::build_id::{check_agents, is_build_id};
use super::build_output::BuildOutput;
use super::cache_options;
use super::context::BuildContext;
use super::engine::{DockerBuilder, Engine};
use super::error::DockerfileError;
use super::foreign_platform::ForeignPlatformDetector;
use super::invocation::Invocation;
use super::metadata;
use super::request::BuildRequest;
use super::stale_cache;
use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use crate::image::WorkControl;
use crate::image::existing::{EngineOutput, ExistingError, collect};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::oci::Platform;
use std::fs;
use std::path::{Path, PathBuf};

/// The file that buildx writes about its build.
const METADATA_FILE: &str = "metadata.json";

/// One build by one engine.
pub struct EngineBuild {
    engine: Engine,
    build: Invocation,
    platforms: Vec<Platform>,
    dockerfile: DockerfileText,
    without_cache: bool,
    /// For files written for or by this build.
    scratch_dir: PathBuf,
}

/// The Dockerfile, with its name in messages.
#[derive(Clone, Debug)]
struct DockerfileText {
    shown: String,
    text: String,
}

impl EngineBuild {
    /// Prepares a build. `scratch_dir` is an empty folder that must exist until the image is
    /// collected; the caller removes it.
    pub fn new(
        engine: Engine,
        request: &BuildRequest,
        scratch_dir: &Path,
    ) -> Result<Self, DockerfileError> {
        let dockerfile = request.dockerfile()?;
        if let Some(id) = request.secrets.keys().find(|id| !is_build_id(id)) {
            return Err(DockerfileError::SecretId { id: id.clone() });
        }
        check_agents(request)?;
        let context = BuildContext {
            folder: &request.context,
            dockerfile: &dockerfile,
            state: &request.state,
            scratch_dir,
        };
        let read = bounded_file::read(&dockerfile, MAX_WRITTEN_BYTES);
        let read =
            read.map_err(|source| DockerfileError::Read { path: dockerfile.clone(), source })?;
        let text = String::from_utf8_lossy(&read).into_owned();
        let without_cache = stale_cache::is_stale(&engine, request, &text);
        let maker = CommandBuilder { request, context, scratch_dir, without_cache };
        let build = maker.build(&engine)?;
        let platforms = request.platforms().cloned().collect();
        let shown = dockerfile.strip_prefix(&request.context).unwrap_or(&dockerfile);
        let dockerfile = DockerfileText { shown: shown.display().to_string(), text };
        let scratch_dir = scratch_dir.to_owned();
        Ok(Self { engine, build, platforms, dockerfile, without_cache, scratch_dir })
    }

    /// The command that builds the image.
    pub fn build(&self) -> Invocation {
        self.build.clone()
    }

    /// The engine that builds.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A note that the engine's cache is not used, and why.
    pub fn note(&self) -> Option<String> {
        self.without_cache.then(|| {
            format!(
                "{} reuses cached layers of other build arguments, so it builds without its cache",
                self.engine
            )
        })
    }

    /// Reads the output of [`EngineBuild::build`] to explain a failure.
    pub fn output(&self) -> BuildOutput {
        BuildOutput::new(&self.engine, &self.dockerfile.shown, &self.dockerfile.text)
    }

    /// Detects foreign platforms in the output of [`EngineBuild::build`].
    pub fn foreign_platform_detector(&self) -> ForeignPlatformDetector {
        ForeignPlatformDetector::new(self.engine.to_string(), self.platforms.clone())
    }

    /// The command that saves the image to a file after the build, unless the build has done
    /// so.
    pub fn save(&self) -> Result<Option<Invocation>, DockerfileError> {
        let archive = text(&self.archive());
        let mut save = match &self.engine {
            Engine::Docker(DockerBuilder::Buildx { writes_oci: true, .. }) => return Ok(None),
            Engine::Docker(_) => Invocation::new("docker", &["save", "--output", &archive]),
            Engine::Podman { program } => {
                let args = ["save", "--quiet", "--format", "docker-archive"];
                let mut save = Invocation::new(program, &args);
                save.option("--output", archive);
                save
            }
            Engine::Buildah => {
                let mut push = Invocation::new("buildah", &["push", "--quiet"]);
                push.arg(self.id()?).arg(format!("docker-archive:{archive}"));
                return Ok(Some(push));
            }
        };
        save.arg(self.id()?);
        Ok(Some(save))
    }

    /// Imports the image of each platform after the commands were run. Layers that the
    /// engine left uncompressed are compressed on all cores. Blocking.
    pub fn collect(
        &self,
        store: &Store,
        control: &WorkControl<'_>,
    ) -> Result<Vec<Image>, DockerfileError> {
        let engine = self.engine.to_string();
        metadata::check(&engine, &self.archive(), &self.scratch_dir.join(METADATA_FILE))?;
        let saved = match &self.engine {
            Engine::Docker(DockerBuilder::Buildx { writes_oci: true, .. }) => {
                EngineOutput::Oci(self.archive())
            }
            Engine::Docker(_) => EngineOutput::Docker(self.archive()),
            Engine::Podman { .. } | Engine::Buildah => EngineOutput::Buildah(self.archive()),
        };
        let one = |platform| collect(store, &saved, platform, control);
        let images: Result<_, ExistingError> = self.platforms.iter().map(one).collect();
        images.map_err(|source| DockerfileError::Collect { engine, source: Box::new(source) })
    }

    fn archive(&self) -> PathBuf {
        self.scratch_dir.join("image.tar")
    }

    fn id(&self) -> Result<String, DockerfileError> {
        let read = fs::read_to_string(self.scratch_dir.join("id"));
        read.map(|id| id.trim().to_owned())
            .map_err(|source| DockerfileError::NoId { engine: self.engine.to_string(), source })
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Builds the command line.
struct CommandBuilder<'a> {
    request: &'a BuildRequest,
    context: BuildContext<'a>,
    scratch_dir: &'a Path,
    /// The engine's cache is not used.
    without_cache: bool,
}

impl CommandBuilder<'_> {
    fn build(&self, engine: &Engine) -> Result<Invocation, DockerfileError> {
        match engine {
            Engine::Docker(builder) => self.docker(*builder),
            Engine::Podman { program } => self.podman(engine, Invocation::new(program, &["build"])),
            Engine::Buildah => {
                self.podman(engine, Invocation::new("buildah", &["build", "--layers"]))
            }
        }
    }

    fn docker(&self, builder: DockerBuilder) -> Result<Invocation, DockerfileError> {
        let args: &[&str] = match builder {
            DockerBuilder::Buildx { .. } => &["buildx", "build", "--progress=plain"],
            DockerBuilder::BuildKit => &["build", "--progress=plain"],
            DockerBuilder::Classic => &["build"],
        };
        let mut build = Invocation::new("docker", args);
        match builder {
            DockerBuilder::Buildx { writes_oci, attests, .. } => {
                if attests {
                    build.arg("--provenance=false").arg("--sbom=false");
                }
                if writes_oci && attests {
                    // Older versions do not support this option.
                    build.option("--metadata-file", text(&self.scratch_dir.join(METADATA_FILE)));
                }
                if writes_oci {
                    let archive = text(&self.scratch_dir.join("image.tar"));
                    let rewrite =
                        if self.request.created.is_some() { ",rewrite-timestamp=true" } else { "" };
                    let output =
                        format!("type=oci,dest={archive},compression=uncompressed{rewrite}");
                    build.option("--output", output);
                } else {
                    build.arg("--load").option("--iidfile", self.id());
                }
            }
            DockerBuilder::BuildKit => {
                build.env.insert("DOCKER_BUILDKIT".into(), "1".into());
                build.option("--iidfile", self.id());
            }
            DockerBuilder::Classic => return self.classic(build),
        }
        if let Some(created) = self.request.created {
            build.option("--build-arg", format!("SOURCE_DATE_EPOCH={created}"));
        }
        self.common(&mut build);
        cache_options::add_options(&mut build, &Engine::Docker(builder), self.request)?;
        let dockerfile = self.context.dockerfile_with_ignore()?;
        build.option("--file", text(&dockerfile)).arg(text(self.context.folder));
        Ok(build)
    }

    fn classic(&self, mut build: Invocation) -> Result<Invocation, DockerfileError> {
        if let Some(id) = self.request.secrets.keys().next() {
            return Err(DockerfileError::NoSecrets { id: id.clone() });
        }
        if let Some(agent) = self.request.ssh.first() {
            let id = agent.split('=').next().unwrap_or(agent);
            return Err(DockerfileError::NoSsh { id: id.to_owned() });
        }
        build.env.insert("DOCKER_BUILDKIT".into(), "0".into());
        build.option("--iidfile", self.id());
        self.common(&mut build);
        cache_options::add_options(
            &mut build,
            &Engine::Docker(DockerBuilder::Classic),
            self.request,
        )?;
        let folder = self.context.without_state()?;
        build.option("--file", text(self.context.dockerfile)).arg(text(&folder));
        Ok(build)
    }

    /// Podman uses buildah for builds, so both take the same options. The OCI format, their
    /// default, has no `HEALTHCHECK`, `SHELL` and `ONBUILD`, which they leave out then.
    fn podman(
        &self,
        engine: &Engine,
        mut build: Invocation,
    ) -> Result<Invocation, DockerfileError> {
        if let Some(created) = self.request.created {
            build.option("--timestamp", created.to_string());
        }
        // Buildah otherwise leaves the container of a step that was stopped, and its mount.
        build.arg("--force-rm");
        build.option("--format", "docker");
        build.option("--iidfile", self.id());
        build.option("--ignorefile", text(&self.context.ignore_file()?));
        self.common(&mut build);
        if self.without_cache {
            build.arg("--no-cache");
        } else {
            cache_options::add_options(&mut build, engine, self.request)?;
        }
        build.option("--file", text(self.context.dockerfile)).arg(text(self.context.folder));
        Ok(build)
    }

    fn id(&self) -> String {
        text(&self.scratch_dir.join("id"))
    }

    /// Options that all engines share.
    fn common(&self, build: &mut Invocation) {
        let BuildRequest { args, secrets, ssh, target, labels, .. } = self.request;
        let platforms: Vec<_> = self.request.platforms().map(Platform::to_string).collect();
        build.option("--platform", platforms.join(","));
        for (name, value) in args {
            build.option("--build-arg", format!("{name}={value}"));
        }
        for (key, value) in labels {
            build.option("--label", format!("{key}={value}"));
        }
        if let Some(target) = target {
            build.option("--target", target);
        }
        // Secrets are passed through the environment of the engine, which is not stored in a
        // file and which other users cannot read. Old versions support these options too.
        for (number, (id, secret)) in secrets.iter().enumerate() {
            let variable = format!("SHIPWAY_BUILD_SECRET_{number}");
            build.option("--secret", format!("id={id},type=env,src={variable}"));
            build.secrets.insert(variable, secret.clone());
        }
        for agent in ssh {
            build.option("--ssh", agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EngineBuild;
    use crate::http::Retryable as _;
    use crate::image::dockerfile::cache::Cache;
    use crate::image::dockerfile::engine::{DockerBuilder, Engine};
    use crate::image::dockerfile::request::BuildRequest;
    use crate::oci::Platform;
    use crate::secret::Redactor;
    use std::fs;
    use tempfile::TempDir;

    /// A plan's folder with a Dockerfile, and a request for it.
    fn plan() -> (TempDir, BuildRequest) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("web/.shipway")).expect("a folder");
        fs::create_dir(folder.path().join("scratch_dir")).expect("a folder");
        fs::write(folder.path().join("web/Dockerfile"), "FROM scratch\n").expect("written");
        fs::write(folder.path().join("scratch_dir/id"), "sha256:1\n").expect("written");
        let context = folder.path().join("web");
        let state = context.join(".shipway");
        let args = [("A".to_owned(), "b c".to_owned())].into();
        (folder, BuildRequest { context, state, args, created: Some(7), ..BuildRequest::default() })
    }

    fn work(
        folder: &TempDir,
        engine: Engine,
        request: &BuildRequest,
    ) -> Result<EngineBuild, String> {
        EngineBuild::new(engine, request, &folder.path().join("scratch_dir"))
            .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), ""))
    }

    fn lines(folder: &TempDir, engine: Engine, request: &BuildRequest) -> [String; 2] {
        let work = work(folder, engine, request).expect("prepared");
        let here = folder.path().display().to_string();
        let save = work.save().expect("an id").map(|save| save.command_line());
        [work.build().command_line(), save.unwrap_or_default()].map(|line| line.replace(&here, ""))
    }

    #[test]
    fn each_engine_has_its_options() {
        let (folder, request) = plan();
        let lines = |engine| lines(&folder, engine, &request);
        let buildx = |writes_oci, attests| {
            Engine::Docker(DockerBuilder::Buildx { writes_oci, attests, spread: false })
        };

        assert_eq!(
            lines(buildx(true, true)),
            [
                "docker buildx build --progress=plain --provenance=false --sbom=false --metadata-file /scratch_dir/metadata.json --output type=oci,dest=/scratch_dir/image.tar,compression=uncompressed,rewrite-timestamp=true --build-arg SOURCE_DATE_EPOCH=7 --platform linux/amd64 --build-arg 'A=b c' --file /scratch_dir/Dockerfile /web",
                "",
            ]
        );
        assert_eq!(
            lines(buildx(false, false)),
            [
                "docker buildx build --progress=plain --load --iidfile /scratch_dir/id --build-arg SOURCE_DATE_EPOCH=7 --platform linux/amd64 --build-arg 'A=b c' --file /scratch_dir/Dockerfile /web",
                "docker save --output /scratch_dir/image.tar sha256:1",
            ]
        );
        assert_eq!(
            lines(Engine::Docker(DockerBuilder::BuildKit))[0],
            "docker build --progress=plain --iidfile /scratch_dir/id --build-arg SOURCE_DATE_EPOCH=7 --platform linux/amd64 --build-arg 'A=b c' --file /scratch_dir/Dockerfile /web"
        );
        assert_eq!(
            lines(Engine::Docker(DockerBuilder::Classic)),
            [
                "docker build --iidfile /scratch_dir/id --platform linux/amd64 --build-arg 'A=b c' --file /web/Dockerfile /scratch_dir/context",
                "docker save --output /scratch_dir/image.tar sha256:1",
            ]
        );
        assert_eq!(
            lines(Engine::Podman { program: "podman".into() }),
            [
                "podman build --timestamp 7 --force-rm --format docker --iidfile /scratch_dir/id --ignorefile /scratch_dir/ignore --platform linux/amd64 --build-arg 'A=b c' --file /web/Dockerfile /web",
                "podman save --quiet --format docker-archive --output /scratch_dir/image.tar sha256:1",
            ]
        );
        assert_eq!(
            lines(Engine::Buildah),
            [
                "buildah build --layers --timestamp 7 --force-rm --format docker --iidfile /scratch_dir/id --ignorefile /scratch_dir/ignore --platform linux/amd64 --build-arg 'A=b c' --file /web/Dockerfile /web",
                "buildah push --quiet sha256:1 docker-archive:/scratch_dir/image.tar",
            ]
        );
    }

    #[test]
    fn platforms_share_a_call_if_the_engine_can() {
        let (folder, request) = plan();
        let request = BuildRequest { cache_to: vec![Cache::from("r.io/cache")], ..request };
        let both: Vec<Platform> =
            ["linux/amd64", "linux/arm64"].map(|name| name.parse().expect("a platform")).into();
        let asked = |engine: Engine| {
            let lines = engine.calls(&both).into_iter().map(|call| {
                let [build, _] = lines(&folder, engine.clone(), &request.on(&call));
                let from = build.find("--platform").expect("asked for");
                build[from..].replace(" --build-arg 'A=b c'", "")
            });
            lines.collect::<Vec<_>>()
        };
        let builder = DockerBuilder::Buildx { writes_oci: true, attests: true, spread: false };

        assert_eq!(
            asked(Engine::Docker(builder)),
            [
                "--platform linux/amd64,linux/arm64 --cache-to type=registry,ref=r.io/cache,mode=max --file /scratch_dir/Dockerfile /web"
            ]
        );
        assert_eq!(
            asked(Engine::Buildah),
            ["linux/amd64", "linux/arm64"].map(|platform| format!(
                "--platform {platform} --cache-to r.io/cache --file /web/Dockerfile /web"
            ))
        );
    }

    #[test]
    fn a_cache_that_may_be_stale_is_not_used() {
        let (folder, request) = plan();
        let request = BuildRequest { cache_to: vec![Cache::from("r.io/cache")], ..request };
        let dockerfile = folder.path().join("web/Dockerfile");
        fs::write(dockerfile, "FROM scratch\nARG A\nENV A=$A\n").expect("written");

        let podman = Engine::Podman { program: "podman".into() };
        let [build, _] = lines(&folder, podman.clone(), &request);
        assert!(build.contains(" --build-arg 'A=b c' --no-cache --file "), "{build}");
        assert_eq!(
            work(&folder, podman, &request).expect("prepared").note().expect("a note"),
            "podman reuses cached layers of other build arguments, so it builds without its cache"
        );
        let docker = Engine::Docker(DockerBuilder::BuildKit);
        let request = BuildRequest { cache_to: Vec::new(), ..request };
        let work = work(&folder, docker, &request).expect("prepared");
        assert_eq!(work.note(), None);
        assert!(!work.build().command_line().contains("--no-cache"));
    }

    #[test]
    fn target_and_labels_are_passed_on() {
        let (folder, mut request) = plan();
        request.target = Some("release".into());
        request.labels = [("k".to_owned(), "v".to_owned())].into();
        let [build, _] = lines(&folder, Engine::Buildah, &request);
        assert!(build.contains("--label k=v --target release "), "{build}");
    }

    #[test]
    fn a_secret_goes_through_the_environment() {
        let (folder, mut request) = plan();
        let secret = Redactor::default().register("env:T", "hunter22".into()).expect("long");
        request.secrets = [("npm-token".to_owned(), secret)].into();

        let work = work(&folder, Engine::Buildah, &request).expect("prepared");

        let build = work.build();
        let line = build.command_line();
        assert!(
            line.contains("--secret id=npm-token,type=env,src=SHIPWAY_BUILD_SECRET_0"),
            "{line}"
        );
        assert!(!format!("{build:?}").contains("hunter22"));
        assert_eq!(build.secrets["SHIPWAY_BUILD_SECRET_0"].expose(), "hunter22");
        for entry in fs::read_dir(folder.path().join("scratch_dir")).expect("a folder") {
            let text = fs::read_to_string(entry.expect("readable").path()).expect("text");
            assert!(!text.contains("hunter22"));
        }
    }

    #[test]
    fn docker_without_buildkit_takes_no_secrets() {
        let (folder, mut request) = plan();
        let secret = Redactor::default().register("env:T", "hunter22".into()).expect("long");
        request.secrets = [("npm-token".to_owned(), secret)].into();
        let scratch_dir = folder.path().join("scratch_dir");

        let error =
            EngineBuild::new(Engine::Docker(DockerBuilder::Classic), &request, &scratch_dir)
                .err()
                .expect("refused");

        assert_eq!(
            error.to_string(),
            "docker without BuildKit cannot pass the secret `npm-token` to the build"
        );
        assert_eq!(
            error.help().expect("help"),
            "install docker's buildx, or write `using: podman` or `using: buildah`"
        );
    }

    #[test]
    fn ssh_agents_are_passed_to_the_engine() {
        let (folder, mut request) = plan();
        request.ssh = vec!["default".into(), "deploy=keys/id_ed25519".into()];
        request.ssh_agent = true;
        let buildx = DockerBuilder::Buildx { writes_oci: true, attests: true, spread: false };
        for engine in [
            Engine::Docker(buildx),
            Engine::Docker(DockerBuilder::BuildKit),
            Engine::Podman { program: "podman".into() },
            Engine::Buildah,
        ] {
            let [build, _] = lines(&folder, engine, &request);
            let asked = " --build-arg 'A=b c' --ssh default --ssh deploy=keys/id_ed25519 --file ";
            assert!(build.contains(asked), "{build}");
        }
    }

    #[test]
    fn an_impossible_ssh_agent_has_a_remedy() {
        let (folder, request) = plan();
        let refused = |builder: Engine, ssh: &str, ssh_agent| {
            let request = BuildRequest { ssh: vec![ssh.into()], ssh_agent, ..request.clone() };
            let error = EngineBuild::new(builder, &request, &folder.path().join("scratch_dir"));
            let error = error.err().expect("refused");
            (error.to_string(), error.help())
        };
        assert_eq!(
            refused(Engine::Docker(DockerBuilder::Classic), "deploy=key", false),
            (
                "docker without BuildKit cannot pass the ssh agent `deploy` to the build"
                    .to_owned(),
                Some(
                    "install docker's buildx, or write `using: podman` or `using: buildah`".into()
                )
            )
        );
        assert_eq!(
            refused(Engine::Buildah, "default", false),
            (
                "there is no ssh agent for the build's `default`: `SSH_AUTH_SOCK` is not set"
                    .to_owned(),
                Some(
                    "start one with `ssh-agent` and `ssh-add`, or name a key: `default=PATH`"
                        .into()
                )
            )
        );
        assert_eq!(
            refused(Engine::Buildah, "a,b", true).0,
            "invalid ssh agent ID `a,b`: use letters, digits, `.`, `_` and `-`"
        );
    }

    #[test]
    fn a_missing_context_or_dockerfile_is_named() {
        let (folder, request) = plan();
        let refused = |request: &BuildRequest| {
            work(&folder, Engine::Buildah, request).err().expect("refused")
        };

        let context = folder.path().join("nowhere");
        assert_eq!(
            refused(&BuildRequest { context, ..request.clone() }),
            "there is no build context `/nowhere`"
        );
        let dockerfile = Some(folder.path().join("web/Containerfile"));
        assert_eq!(
            refused(&BuildRequest { dockerfile, ..request }),
            "there is no Dockerfile `/web/Containerfile`"
        );
    }
}
