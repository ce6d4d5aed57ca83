//! One build: what is to be run for it, and what is taken from it.

use super::cache::{self, Cache, GitHubCache};
use super::context::Context;
use super::engine::{DockerBuilder, Engine};
use super::error::DockerfileError;
use super::foreign::Hearing;
use super::invocation::Invocation;
use super::metadata;
use crate::image::Watch;
use crate::image::existing::{ExistingError, Saved, collect};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::oci::Platform;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What buildx says of what it built.
const METADATA: &str = "metadata.json";

/// What is to be built. All paths are absolute.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The folder that `COPY` copies from.
    pub context: PathBuf,
    /// `Dockerfile` in the context where absent.
    pub dockerfile: Option<PathBuf>,
    /// Build arguments. They end up in the image's history.
    pub args: BTreeMap<String, String>,
    /// Build secrets by id, for `RUN --mount=type=secret`.
    pub secrets: BTreeMap<String, Secret>,
    /// Agents and keys for `RUN --mount=type=ssh`: `id` or `id=path`.
    pub ssh: Vec<String>,
    /// Whether an agent answers at `SSH_AUTH_SOCK`, which the engine inherits.
    pub ssh_agent: bool,
    /// Where layers of earlier builds are looked for.
    pub cache_from: Vec<Cache>,
    /// Where layers are left for later builds.
    pub cache_to: Vec<Cache>,
    /// How GitHub's cache is reached, where we run there.
    pub github: Option<GitHubCache>,
    /// The stage to build; the last where absent.
    pub target: Option<String>,
    /// What it is to run on.
    pub platform: Platform,
    /// What further images of the same call are to run on, where
    /// [`Engine::calls`] has several in one. Of no use without an engine.
    pub further: Vec<Platform>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The time of the image and what is in it, in seconds since 1970, where the
    /// engine can set it (`SOURCE_DATE_EPOCH`).
    pub created: Option<u64>,
    /// Where our own state is, which is kept out of the context.
    pub state: PathBuf,
}

impl Request {
    /// The same for these platforms.
    ///
    /// # Panics
    ///
    /// Where there is none.
    #[must_use]
    pub fn on(&self, platforms: &[Platform]) -> Self {
        let (first, further) = platforms.split_first().expect("at least one platform");
        Self { platform: first.clone(), further: further.to_vec(), ..self.clone() }
    }

    fn platforms(&self) -> impl Iterator<Item = &Platform> {
        std::iter::once(&self.platform).chain(&self.further)
    }

    /// The Dockerfile, where it and its context are there.
    pub(super) fn dockerfile(&self) -> Result<PathBuf, DockerfileError> {
        let context = &self.context;
        if !context.is_dir() {
            return Err(DockerfileError::NoContext { path: context.clone() });
        }
        let dockerfile = self.dockerfile.clone().unwrap_or_else(|| context.join("Dockerfile"));
        if dockerfile.is_file() {
            Ok(dockerfile)
        } else {
            Err(DockerfileError::NoDockerfile { path: dockerfile })
        }
    }
}

/// One build by one engine.
pub struct Work {
    engine: Engine,
    build: Invocation,
    platforms: Vec<Platform>,
    /// For what is written for this build, and by it.
    desk: PathBuf,
}

impl Work {
    /// Prepares a build. `desk` is an empty folder, kept until the image is
    /// collected, and the caller's to remove.
    pub fn new(engine: Engine, request: &Request, desk: &Path) -> Result<Self, DockerfileError> {
        let dockerfile = request.dockerfile()?;
        if let Some(id) = request.secrets.keys().find(|id| !is_secret_id(id)) {
            return Err(DockerfileError::SecretId { id: id.clone() });
        }
        check_ssh(request)?;
        let context = Context {
            folder: &request.context,
            dockerfile: &dockerfile,
            state: &request.state,
            desk,
        };
        let maker = Maker { request, context, desk };
        let build = maker.build(&engine)?;
        let platforms = request.platforms().cloned().collect();
        Ok(Self { engine, build, platforms, desk: desk.to_owned() })
    }

    /// What builds the image.
    pub fn build(&self) -> Invocation {
        self.build.clone()
    }

    /// What is to hear all that [`Work::build`] says.
    pub fn hearing(&self) -> Hearing {
        Hearing::new(self.engine.to_string(), self.platforms.clone())
    }

    /// What writes the image into a file, once it is built; none where the
    /// build did so itself.
    pub fn save(&self) -> Result<Option<Invocation>, DockerfileError> {
        let archive = text(&self.archive());
        let mut save = match &self.engine {
            Engine::Docker(DockerBuilder::Buildx { writes_oci: true, .. }) => return Ok(None),
            Engine::Docker(_) => Invocation::new("docker", &["save", "--output", &archive]),
            Engine::Podman { program } => {
                let args = ["save", "--quiet", "--uncompressed", "--format", "oci-archive"];
                let mut save = Invocation::new(program, &args);
                save.option("--output", archive);
                save
            }
            Engine::Buildah => {
                let mut push =
                    Invocation::new("buildah", &["push", "--quiet", "--disable-compression"]);
                push.arg(self.id()?).arg(format!("oci:{}", text(&self.layout())));
                return Ok(Some(push));
            }
        };
        save.arg(self.id()?);
        Ok(Some(save))
    }

    /// Takes the image of each platform into the store, once they are built and
    /// saved. Layers that the engine did not compress are compressed here, on all
    /// cores, those that were so before not at all. Blocking.
    pub fn collect(&self, store: &Store, watch: &Watch<'_>) -> Result<Vec<Image>, DockerfileError> {
        let engine = self.engine.to_string();
        metadata::check(&engine, &self.archive(), &self.desk.join(METADATA))?;
        let saved = match &self.engine {
            Engine::Docker(DockerBuilder::Buildx { writes_oci: true, .. })
            | Engine::Podman { .. } => Saved::OciArchive(self.archive()),
            Engine::Docker(_) => Saved::DockerArchive(self.archive()),
            Engine::Buildah => Saved::OciLayout(self.layout()),
        };
        let one = |platform| collect(store, &saved, platform, watch);
        let images: Result<_, ExistingError> = self.platforms.iter().map(one).collect();
        images.map_err(|source| DockerfileError::Collect { engine, source: Box::new(source) })
    }

    fn archive(&self) -> PathBuf {
        self.desk.join("image.tar")
    }

    fn layout(&self) -> PathBuf {
        self.desk.join("layout")
    }

    fn id(&self) -> Result<String, DockerfileError> {
        let read = fs::read_to_string(self.desk.join("id"));
        read.map(|id| id.trim().to_owned())
            .map_err(|source| DockerfileError::NoId { engine: self.engine.to_string(), source })
    }
}

fn check_ssh(request: &Request) -> Result<(), DockerfileError> {
    for text in &request.ssh {
        let (id, path) = text.split_once('=').unwrap_or((text, ""));
        if !is_secret_id(id) {
            return Err(DockerfileError::SshId { id: id.to_owned() });
        }
        if path.is_empty() && !request.ssh_agent {
            return Err(DockerfileError::NoAgent { id: id.to_owned() });
        }
    }
    Ok(())
}

/// A comma or an equals sign would end it in `--secret id=…,src=…`.
fn is_secret_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !id.is_empty() && id.bytes().all(plain)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Makes the command line of a build.
struct Maker<'a> {
    request: &'a Request,
    context: Context<'a>,
    desk: &'a Path,
}

impl Maker<'_> {
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
                    // Those before do not know it.
                    build.option("--metadata-file", text(&self.desk.join(METADATA)));
                }
                if writes_oci {
                    let archive = text(&self.desk.join("image.tar"));
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
        cache::ask(&mut build, &Engine::Docker(builder), self.request)?;
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
        cache::ask(&mut build, &Engine::Docker(DockerBuilder::Classic), self.request)?;
        let folder = self.context.without_state()?;
        build.option("--file", text(self.context.dockerfile)).arg(text(&folder));
        Ok(build)
    }

    /// Podman builds by buildah, and both are asked in the same words.
    fn podman(
        &self,
        engine: &Engine,
        mut build: Invocation,
    ) -> Result<Invocation, DockerfileError> {
        if let Some(created) = self.request.created {
            build.option("--timestamp", created.to_string());
        }
        build.option("--iidfile", self.id());
        build.option("--ignorefile", text(&self.context.ignore_file()?));
        self.common(&mut build);
        cache::ask(&mut build, engine, self.request)?;
        build.option("--file", text(self.context.dockerfile)).arg(text(self.context.folder));
        Ok(build)
    }

    fn id(&self) -> String {
        text(&self.desk.join("id"))
    }

    /// What every engine takes in the same words.
    fn common(&self, build: &mut Invocation) {
        let Request { args, secrets, ssh, target, labels, .. } = self.request;
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
        // Through the environment of the engine, which no file keeps and no
        // other user sees. These words are the ones that old versions know too.
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
    use super::{Cache, Request, Work};
    use crate::http::Retryable as _;
    use crate::image::dockerfile::engine::{DockerBuilder, Engine};
    use crate::oci::Platform;
    use crate::secret::Redactor;
    use std::fs;
    use tempfile::TempDir;

    /// A plan's folder with a Dockerfile, and a request for it.
    fn plan() -> (TempDir, Request) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("web/.shipway")).expect("a folder");
        fs::create_dir(folder.path().join("desk")).expect("a folder");
        fs::write(folder.path().join("web/Dockerfile"), "FROM scratch\n").expect("written");
        fs::write(folder.path().join("desk/id"), "sha256:1\n").expect("written");
        let context = folder.path().join("web");
        let state = context.join(".shipway");
        let args = [("A".to_owned(), "b c".to_owned())].into();
        (folder, Request { context, state, args, created: Some(7), ..Request::default() })
    }

    fn work(folder: &TempDir, engine: Engine, request: &Request) -> Result<Work, String> {
        Work::new(engine, request, &folder.path().join("desk"))
            .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), ""))
    }

    fn lines(folder: &TempDir, engine: Engine, request: &Request) -> [String; 2] {
        let work = work(folder, engine, request).expect("prepared");
        let here = folder.path().display().to_string();
        let save = work.save().expect("an id").map(|save| save.command_line());
        [work.build().command_line(), save.unwrap_or_default()].map(|line| line.replace(&here, ""))
    }

    #[test]
    fn each_engine_is_asked_in_its_words() {
        let (folder, request) = plan();
        let lines = |engine| lines(&folder, engine, &request);
        let buildx = |writes_oci, attests| {
            Engine::Docker(DockerBuilder::Buildx { writes_oci, attests, spread: false })
        };

        assert_eq!(
            lines(buildx(true, true)),
            [
                "docker buildx build --progress=plain --provenance=false --sbom=false --metadata-file /desk/metadata.json --output type=oci,dest=/desk/image.tar,compression=uncompressed,rewrite-timestamp=true --build-arg SOURCE_DATE_EPOCH=7 --platform linux/amd64 --build-arg 'A=b c' --file /desk/Dockerfile /web",
                "",
            ]
        );
        assert_eq!(
            lines(buildx(false, false)),
            [
                "docker buildx build --progress=plain --load --iidfile /desk/id --build-arg SOURCE_DATE_EPOCH=7 --platform linux/amd64 --build-arg 'A=b c' --file /desk/Dockerfile /web",
                "docker save --output /desk/image.tar sha256:1",
            ]
        );
        assert_eq!(
            lines(Engine::Docker(DockerBuilder::BuildKit))[0],
            "docker build --progress=plain --iidfile /desk/id --build-arg SOURCE_DATE_EPOCH=7 --platform linux/amd64 --build-arg 'A=b c' --file /desk/Dockerfile /web"
        );
        assert_eq!(
            lines(Engine::Docker(DockerBuilder::Classic)),
            [
                "docker build --iidfile /desk/id --platform linux/amd64 --build-arg 'A=b c' --file /web/Dockerfile /desk/context",
                "docker save --output /desk/image.tar sha256:1",
            ]
        );
        assert_eq!(
            lines(Engine::Podman { program: "podman".into() }),
            [
                "podman build --timestamp 7 --iidfile /desk/id --ignorefile /desk/ignore --platform linux/amd64 --build-arg 'A=b c' --file /web/Dockerfile /web",
                "podman save --quiet --uncompressed --format oci-archive --output /desk/image.tar sha256:1",
            ]
        );
        assert_eq!(
            lines(Engine::Buildah),
            [
                "buildah build --layers --timestamp 7 --iidfile /desk/id --ignorefile /desk/ignore --platform linux/amd64 --build-arg 'A=b c' --file /web/Dockerfile /web",
                "buildah push --quiet --disable-compression sha256:1 oci:/desk/layout",
            ]
        );
    }

    #[test]
    fn several_platforms_are_asked_for_in_one_call_or_in_many() {
        let (folder, request) = plan();
        let request = Request { cache_to: vec![Cache::from("r.io/cache")], ..request };
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
                "--platform linux/amd64,linux/arm64 --cache-to type=registry,ref=r.io/cache,mode=max --file /desk/Dockerfile /web"
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
        for entry in fs::read_dir(folder.path().join("desk")).expect("a folder") {
            let text = fs::read_to_string(entry.expect("readable").path()).expect("text");
            assert!(!text.contains("hunter22"));
        }
    }

    #[test]
    fn docker_without_buildkit_takes_no_secrets() {
        let (folder, mut request) = plan();
        let secret = Redactor::default().register("env:T", "hunter22".into()).expect("long");
        request.secrets = [("npm-token".to_owned(), secret)].into();
        let desk = folder.path().join("desk");

        let error = Work::new(Engine::Docker(DockerBuilder::Classic), &request, &desk)
            .err()
            .expect("refused");

        assert_eq!(
            error.to_string(),
            "docker without BuildKit cannot give the build the secret `npm-token`"
        );
        assert_eq!(
            error.help().expect("help"),
            "install docker's buildx, or write `using: podman` or `using: buildah`"
        );
    }

    #[test]
    fn ssh_is_handed_on_as_every_builder_knows_it() {
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
    fn ssh_that_cannot_be_is_told_with_the_way_out() {
        let (folder, request) = plan();
        let refused = |builder: Engine, ssh: &str, ssh_agent| {
            let request = Request { ssh: vec![ssh.into()], ssh_agent, ..request.clone() };
            let error = Work::new(builder, &request, &folder.path().join("desk"));
            let error = error.err().expect("refused");
            (error.to_string(), error.help())
        };
        assert_eq!(
            refused(Engine::Docker(DockerBuilder::Classic), "deploy=key", false),
            (
                "docker without BuildKit cannot give the build the ssh agent `deploy`".to_owned(),
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
                    "start one by `ssh-agent` and `ssh-add`, or name a key: `default=PATH`".into()
                )
            )
        );
        assert_eq!(
            refused(Engine::Buildah, "a,b", true).0,
            "`a,b` cannot be the id of an ssh agent: letters, digits, `.`, `_` and `-` alone"
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        let (folder, request) = plan();
        let refused =
            |request: &Request| work(&folder, Engine::Buildah, request).err().expect("refused");

        let context = folder.path().join("nowhere");
        assert_eq!(
            refused(&Request { context, ..request.clone() }),
            "there is no folder `/nowhere` to build in"
        );
        let dockerfile = Some(folder.path().join("web/Containerfile"));
        assert_eq!(
            refused(&Request { dockerfile, ..request }),
            "there is no Dockerfile `/web/Containerfile`"
        );
    }
}
