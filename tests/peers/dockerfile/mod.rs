//! Dockerfiles built by docker, podman and buildah.

mod agents;
mod commands;
mod confined;
mod ended;
mod kept;
mod merged;
mod parallel;
mod platforms;
mod users;

use crate::peer::dockerd::Dockerd;
use crate::peer::registry::PeerRegistry;
use shipway::testing::image::dockerfile::{
    BuildRequest, Cache, DockerBuilder, Engine, EngineBuild, Invocation, ProbeResult, Program,
};
use shipway::testing::image::{Image, Store, WorkControl};
use shipway::testing::secret::Redactor;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// Fails if the secret is missing, or if the state folder is in the context.
const RUN: &str = r#"RUN --mount=type=secret,id=token ["/busybox", "sh", "-c", "/busybox grep -q ter22 /run/secrets/token && ! /busybox test -e /.shipway && ! /busybox test -e /ignored && /busybox echo $WHO >/who"]"#;

/// A plan's folder with a Dockerfile whose image has only busybox, and the state
/// folder inside the build context.
pub struct Plan {
    folder: TempDir,
    pub store: Store,
    /// The variables that a run adds to the environment of an engine.
    environment: BTreeMap<String, String>,
}

impl Plan {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let store = Store::open(&path("context/.shipway/images")).expect("a store");
        fs::copy("/bin/busybox", path("context/busybox")).expect("busybox is installed");
        fs::write(path("context/ignored"), "").expect("written");
        fs::write(path("context/.dockerignore"), "ignored\n").expect("written");
        // Its own storage, with the driver that works on any file system.
        let [root, run] = ["storage", "running"].map(|name| path(name).display().to_string());
        let storage =
            format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{root}\"\nrunroot = \"{run}\"\n");
        fs::write(path("storage.conf"), storage).expect("written");
        let conf = path("storage.conf").display().to_string();
        let environment =
            [("CONTAINERS_STORAGE_CONF", conf.as_str()), ("BUILDAH_ISOLATION", "chroot")];
        let environment = environment.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Self { folder, store, environment }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, invocation: &Invocation) -> Command {
        let mut command = Command::new(&invocation.program);
        command.args(&invocation.args).envs(&self.environment).envs(&invocation.env);
        command.envs(invocation.secrets.iter().map(|(key, secret)| (key, secret.expose())));
        command
    }

    fn probe(&self, program: Program) -> Engine {
        let ask = |question: &Invocation| {
            let output = self.command(question).output().expect("installed");
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
            let (stdout, stderr) = (text(output.stdout), text(output.stderr));
            ProbeResult::Ended { success: output.status.success(), stdout, stderr }
        };
        let answers: Vec<ProbeResult> = program.probes().iter().map(ask).collect();
        program.evaluate(&answers).expect("fit")
    }

    fn request(&self, instructions: &[&str]) -> BuildRequest {
        let dockerfile = self.path("context/Dockerfile");
        fs::write(&dockerfile, instructions.join("\n")).expect("written");
        BuildRequest {
            context: self.path("context"),
            dockerfile: Some(dockerfile),
            args: [("WHO".to_owned(), "somebody".to_owned())].into(),
            target: Some("wanted".into()),
            labels: [("stage".to_owned(), "test".to_owned())].into(),
            created: Some(1_700_000_000),
            state: self.path("context/.shipway"),
            ..BuildRequest::default()
        }
    }

    pub fn run(&self, invocation: &Invocation) {
        let output = self.command(invocation).output().expect("installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{said}", invocation.command_line());
    }

    fn build(&self, engine: &Engine, request: &BuildRequest) -> Image {
        let state = self.path("context/.shipway");
        let desk = tempfile::tempdir_in(state).expect("a folder");
        let work = EngineBuild::new(engine.clone(), request, desk.path()).expect("prepared");
        self.run(&work.build());
        if let Some(save) = work.save().expect("an id") {
            self.run(&save);
        }
        let images = work
            .collect(&self.store, &WorkControl::new(&AtomicBool::new(false)))
            .expect("collected");
        images.into_iter().next().expect("one for one platform")
    }

    /// Every path in the image's layers.
    fn paths(&self, image: &Image) -> Vec<String> {
        let mut paths = Vec::new();
        for (descriptor, file) in image.blobs(&self.store).expect("there") {
            if descriptor.media_type.ends_with("tar+gzip") {
                let file = fs::File::open(file).expect("readable");
                let mut bytes = Vec::new();
                flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).expect("gzip");
                let mut archive = tar::Archive::new(&bytes[..]);
                for entry in archive.entries().expect("an archive") {
                    let entry = entry.expect("an entry");
                    let path = entry.path().expect("a path").display().to_string();
                    paths.push(path.trim_matches('/').to_owned());
                }
            }
        }
        paths
    }

    fn check(&self, image: &Image) {
        let config = self.store.config(image).expect("a configuration");
        assert_eq!(config["config"]["Labels"]["stage"], "test");
        assert_eq!(config["config"]["Cmd"], serde_json::json!(["/busybox"]));
        assert_eq!(image.platform.to_string(), "linux/amd64");
        assert_eq!(self.store.load(&image.manifest.digest).expect("whole"), *image);
        let paths = self.paths(image);
        assert!(paths.contains(&"busybox".to_owned()), "{paths:?}");
        for kept_out in [".shipway", "ignored", "other"] {
            assert!(!paths.iter().any(|path| path.starts_with(kept_out)), "{paths:?}");
        }
    }
}

fn with_podman_or_buildah(program: Program) {
    let plan = Plan::new();
    let engine = plan.probe(program);
    let mut request = plan.request(&[
        "FROM scratch AS wanted",
        "COPY . /",
        "ARG WHO",
        RUN,
        "CMD [\"/busybox\"]",
        "FROM wanted AS other",
        "COPY busybox /other",
    ]);
    let token = Redactor::default().register("env:TOKEN", "hunter22".into()).expect("long");
    request.secrets = [("token".to_owned(), token)].into();

    let image = plan.build(&engine, &request);

    plan.check(&image);
    assert!(plan.paths(&image).contains(&"who".to_owned()));
    let again = plan.build(&engine, &request);
    assert_eq!(again.manifest.digest, image.manifest.digest);
    let files = walk(&plan.path("context/.shipway"));
    assert!(!files.iter().any(|bytes| bytes.windows(8).any(|window| window == b"hunter22")));
}

/// The configuration of an image, which the OCI format would not have in full.
fn keeps_health_check_and_arguments(program: Program) {
    let plan = Plan::new();
    let engine = plan.probe(program);
    let build = |who: &str| {
        let mut request = plan.request(&[
            "FROM scratch AS wanted",
            "COPY busybox /busybox",
            "ARG WHO",
            "ENV WHO=$WHO",
            "HEALTHCHECK CMD [\"/busybox\", \"true\"]",
            "SHELL [\"/busybox\", \"sh\", \"-c\"]",
            "ONBUILD RUN true",
        ]);
        request.args = [("WHO".to_owned(), who.to_owned())].into();
        let image = plan.build(&engine, &request);
        (plan.store.config(&image).expect("a configuration"), image.manifest.digest)
    };

    let (first, digest) = build("alice");
    assert_eq!(
        first["config"]["Healthcheck"]["Test"],
        serde_json::json!(["CMD", "/busybox", "true"])
    );
    assert_eq!(first["config"]["Shell"], serde_json::json!(["/busybox", "sh", "-c"]));
    assert_eq!(first["config"]["OnBuild"], serde_json::json!(["RUN true"]));
    let has = |config: &serde_json::Map<String, serde_json::Value>, variable: &str| {
        let env = config["config"]["Env"].as_array().expect("variables");
        env.iter().any(|one| one == variable)
    };
    assert!(has(&first, "WHO=alice"), "{first:?}");
    let (second, _) = build("bob");
    assert!(has(&second, "WHO=bob"), "{second:?}");
    assert_eq!(build("alice").1, digest, "the same input gives the same digest");
}

#[test]
fn buildah_keeps_the_health_check_and_takes_changed_arguments() {
    keeps_health_check_and_arguments(Program::Buildah);
}

#[test]
fn podman_keeps_the_health_check_and_takes_changed_arguments() {
    keeps_health_check_and_arguments(Program::Podman);
}

/// What a report says of a Dockerfile whose `RUN` fails.
fn failure(plan: &Plan, engine: &Engine) -> String {
    let request = plan.request(&[
        "FROM scratch AS wanted",
        "COPY busybox /busybox",
        r#"RUN ["/busybox", "sh", "-c", "/busybox echo hi; /busybox ls /nowhere; exit 3"]"#,
    ]);
    let desk = plan.path("context/.shipway");
    let work = EngineBuild::new(engine.clone(), &request, &desk).expect("prepared");
    let output = plan.command(&work.build()).output().expect("installed");
    let mut reader = work.output();
    for bytes in [output.stdout, output.stderr] {
        String::from_utf8_lossy(&bytes).lines().for_each(|line| reader.line(line));
    }
    let failure =
        reader.failure(u8::try_from(output.status.code().expect("ended")).expect("small"));
    format!("{}\n{}", failure.error, failure.lines.join("\n"))
}

#[test]
fn podman_and_buildah_say_which_instruction_failed() {
    for program in [Program::Buildah, Program::Podman] {
        let plan = Plan::new();
        let said = failure(&plan, &plan.probe(program));
        assert!(said.contains("exit 3\"]` failed with exit code 3 at `Dockerfile:3`"), "{said}");
        assert!(said.contains("\nhi\n"), "{said}");
        assert!(said.contains("ls: /nowhere: No such file or directory"), "{said}");
        assert!(!said.contains(".shipway"), "{said}");
    }
}

fn walk(folder: &PathBuf) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(fs::read(path).expect("readable"));
        }
    }
    files
}

#[test]
fn buildah_builds() {
    with_podman_or_buildah(Program::Buildah);
}

#[test]
fn podman_builds() {
    with_podman_or_buildah(Program::Podman);
}

/// The second build runs like one on a machine that has only the registry.
#[test]
fn buildah_uses_a_cache_in_a_registry() {
    let registry = PeerRegistry::open();
    let repository = format!("{}/cache", registry.host());
    let caches = vec![Cache::from(repository.as_str())];
    let build = |from: &[Cache], to: &[Cache]| {
        let mut plan = Plan::new();
        let insecure =
            format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", registry.host());
        let conf = plan.path("registries.conf");
        fs::write(&conf, insecure).expect("written");
        plan.environment.insert("CONTAINERS_REGISTRIES_CONF".into(), conf.display().to_string());
        let mut request = plan.request(&[
            "FROM scratch AS wanted",
            "COPY busybox /busybox",
            r#"RUN ["/busybox", "sh", "-c", "/busybox echo ran >/ran"]"#,
        ]);
        (request.cache_from, request.cache_to) = (from.to_vec(), to.to_vec());
        let desk = plan.path("context/.shipway");
        let work = EngineBuild::new(Engine::Buildah, &request, &desk).expect("prepared");
        let output = plan.command(&work.build()).output().expect("installed");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).expect("text");
        assert!(output.status.success(), "{said}");
        said
    };

    let first = build(&[], &caches);
    assert!(first.contains(&format!("Pushing cache {repository}:")), "{first}");
    let second = build(&caches, &[]);
    assert!(second.contains(&format!("Cache pulled from remote {repository}:")), "{second}");
}

#[test]
fn docker_builds_with_and_without_buildkit() {
    let mut plan = Plan::new();
    let dockerd = Dockerd::start();
    plan.environment.insert("DOCKER_HOST".into(), dockerd.host());
    let request = plan.request(&[
        "FROM scratch AS wanted",
        "COPY . /",
        "CMD [\"/busybox\"]",
        "FROM wanted AS other",
        "COPY busybox /other",
    ]);

    let engine = plan.probe(Program::Docker);
    assert!(matches!(engine, Engine::Docker(_)), "{engine}");
    let by_probe = plan.build(&engine, &request);
    plan.check(&by_probe);
    let classic = plan.build(&Engine::Docker(DockerBuilder::Classic), &request);
    plan.check(&classic);
}

#[test]
fn docker_without_a_daemon_is_explained() {
    let mut plan = Plan::new();
    plan.environment.insert("DOCKER_HOST".into(), "unix:///nowhere/docker.sock".into());
    let ask = |question: &Invocation| {
        let output = plan.command(question).output().expect("installed");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        ProbeResult::Ended { success: output.status.success(), stdout, stderr }
    };
    let answers: Vec<ProbeResult> = Program::Docker.probes().iter().map(ask).collect();

    let unfit = Program::Docker.evaluate(&answers).expect_err("down").to_string();

    assert!(unfit.starts_with("`docker` says: Cannot connect to the Docker daemon"), "{unfit}");
}
