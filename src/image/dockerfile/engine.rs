//! Which engine builds: what each program is asked, and what its answers mean.

use super::invocation::Invocation;
use crate::oci::Platform;
use std::fmt;

/// A program that builds Dockerfiles.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// `docker`
    Docker,
    /// `podman`
    Podman,
    /// `buildah`
    Buildah,
}

/// A program that answered, and how it is to be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Engine {
    /// Docker, by one of its builders.
    Docker(DockerBuilder),
    /// Podman, under the name of its program: `docker` may be podman.
    Podman {
        /// `podman` or `docker`.
        program: String,
    },
    /// Buildah.
    Buildah,
}

/// The ways in which docker builds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DockerBuilder {
    /// `docker buildx build`
    Buildx {
        /// Whether the builder writes an OCI archive itself. The one inside
        /// docker does so only over containerd's image store.
        writes_oci: bool,
        /// Whether it must be told to attach no provenance (buildx 0.10).
        attests: bool,
        /// Whether it has several nodes, which together write no OCI archive.
        spread: bool,
    },
    /// `docker build` with `DOCKER_BUILDKIT=1`, until version 22.
    BuildKit,
    /// `docker build` as it was before.
    Classic,
}

/// What came of asking a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is not on the PATH, or not to be run.
    NotFound,
    /// It gave no answer in time.
    TimedOut,
    /// It answered.
    Ended {
        /// Whether by code 0.
        success: bool,
        /// What it wrote.
        stdout: String,
        /// What it complained of.
        stderr: String,
    },
}

/// Why a program cannot build.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// It is not on the PATH.
    #[error("`{0}` is not installed")]
    NotFound(Program),
    /// It gave no answer in time.
    #[error("`{0}` does not answer")]
    TimedOut(Program),
    /// It says that it cannot.
    #[error("`{program}` says: {message}")]
    Broken {
        /// Which.
        program: Program,
        /// Its last words.
        message: String,
    },
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker(DockerBuilder::Buildx { .. }) => "docker (buildx)",
            Self::Docker(DockerBuilder::BuildKit) => "docker (BuildKit)",
            Self::Docker(DockerBuilder::Classic) => "docker (without BuildKit)",
            Self::Podman { .. } => "podman",
            Self::Buildah => "buildah",
        })
    }
}

impl Engine {
    /// The platforms, by the calls that build for them. Several in one call share
    /// what they have in common, and leave one cache with the layers of all.
    pub fn calls(&self, platforms: &[Platform]) -> Vec<Vec<Platform>> {
        match self {
            Self::Docker(DockerBuilder::Buildx { writes_oci: true, spread: false, .. }) => {
                vec![platforms.to_vec()]
            }
            Self::Docker(_) | Self::Podman { .. } | Self::Buildah => {
                platforms.iter().map(|platform| vec![platform.clone()]).collect()
            }
        }
    }
}

/// The programs that are asked, in order; the first that is fit builds.
pub fn candidates(only: Option<Program>) -> Vec<Program> {
    match only {
        Some(program) => vec![program],
        None => vec![Program::Docker, Program::Podman, Program::Buildah],
    }
}

impl Program {
    /// Its name on the PATH.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        }
    }

    /// What to run, in any order, for [`Program::judge`] to decide. Each answers
    /// within a second where all is well.
    pub fn questions(self) -> Vec<Invocation> {
        let ask = |args: &[&str]| Invocation::new(self.name(), args);
        match self {
            Self::Docker => vec![
                ask(&["--version"]),
                ask(&["version", "--format", "{{.Client.Version}} {{.Server.Version}}"]),
                ask(&["buildx", "version"]),
                ask(&["buildx", "inspect"]),
                ask(&["info", "--format", "{{json .DriverStatus}}"]),
            ],
            Self::Podman => vec![ask(&["info", "--format", "{{.Version.Version}}"])],
            Self::Buildah => vec![ask(&["info", "--format", "{{.host.os}}"])],
        }
    }

    /// What the answers to [`Program::questions`] mean.
    pub fn judge(self, answers: &[Answer]) -> Result<Engine, Unfit> {
        match self {
            Self::Docker => docker(answers),
            Self::Podman => {
                self.said(answers, 0).map(|_| Engine::Podman { program: self.name().to_owned() })
            }
            Self::Buildah => self.said(answers, 0).map(|_| Engine::Buildah),
        }
    }

    /// What it wrote in answer to one question.
    fn said(self, answers: &[Answer], question: usize) -> Result<&str, Unfit> {
        match answers.get(question).unwrap_or(&Answer::NotFound) {
            Answer::NotFound => Err(Unfit::NotFound(self)),
            Answer::TimedOut => Err(Unfit::TimedOut(self)),
            Answer::Ended { success: true, stdout, .. } => Ok(stdout.trim()),
            Answer::Ended { stderr, .. } => {
                let last = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
                let message = last.unwrap_or("nothing, and fails").to_owned();
                Err(Unfit::Broken { program: self, message })
            }
        }
    }
}

fn docker(answers: &[Answer]) -> Result<Engine, Unfit> {
    let docker = Program::Docker;
    let said = |question| docker.said(answers, question);
    if said(0)?.starts_with("podman") {
        return Ok(Engine::Podman { program: docker.name().to_owned() });
    }
    let versions = said(1)?;
    let Ok(buildx) = said(2) else {
        // Client 23 and later take BuildKit from buildx alone.
        let old = major(versions).is_some_and(|major| (18..23).contains(&major));
        let builder = if old { DockerBuilder::BuildKit } else { DockerBuilder::Classic };
        return Ok(Engine::Docker(builder));
    };
    let inspected = said(3).unwrap_or_default();
    let driver = inspected.lines().find_map(|line| line.strip_prefix("Driver:"));
    let inside = driver.is_none_or(|driver| driver.trim() == "docker");
    let nodes = inspected.lines().filter(|line| line.starts_with("Endpoint:"));
    let spread = nodes.count() > 1;
    let containerd = said(4).is_ok_and(|status| status.contains("io.containerd.snapshotter"));
    let writes_oci = !inside || containerd;
    Ok(Engine::Docker(DockerBuilder::Buildx { writes_oci, attests: attests(buildx), spread }))
}

/// `28.2.2 20.10.24`
fn major(versions: &str) -> Option<u32> {
    versions.split('.').next()?.trim().parse().ok()
}

/// `github.com/docker/buildx v0.12.1 30feaa1`; a version that is no number is
/// somebody's own build, taken for a new one.
fn attests(buildx: &str) -> bool {
    let version = buildx.split_whitespace().find_map(|word| word.strip_prefix('v'));
    let mut numbers = version.unwrap_or_default().split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(0), Some(minor)) => minor >= 10,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, DockerBuilder, Engine, Program, candidates};
    use crate::oci::Platform;

    fn ok(stdout: &str) -> Answer {
        Answer::Ended { success: true, stdout: stdout.into(), stderr: String::new() }
    }

    fn failed(stderr: &str) -> Answer {
        Answer::Ended { success: false, stdout: String::new(), stderr: stderr.into() }
    }

    fn docker(client: &str, buildx: Answer, inspect: Answer, status: &str) -> Engine {
        let versions = ok(&format!("{client} 20.10.24\n"));
        let answers = [ok("Docker version x"), versions, buildx, inspect, ok(status)];
        Program::Docker.judge(&answers).expect("fit")
    }

    #[test]
    fn the_order_is_docker_podman_buildah() {
        use Program::{Buildah, Docker, Podman};
        assert_eq!(candidates(None), [Docker, Podman, Buildah]);
        assert_eq!(candidates(Some(Buildah)), [Buildah]);
    }

    #[test]
    fn docker_builds_by_the_best_that_it_has() {
        let none = || failed("docker: 'buildx' is not a docker command.");
        assert_eq!(
            docker("20.10.24", none(), none(), "[]"),
            Engine::Docker(DockerBuilder::BuildKit)
        );
        assert_eq!(docker("28.2.2", none(), none(), "[]"), Engine::Docker(DockerBuilder::Classic));

        let buildx = |version: &str| ok(&format!("github.com/docker/buildx {version} 30feaa1"));
        let driver = |driver: &str| ok(&format!("Name:   default\nDriver: {driver}\n"));
        let by = |writes_oci, attests| {
            Engine::Docker(DockerBuilder::Buildx { writes_oci, attests, spread: false })
        };
        let containerd = r#"[["driver-type","io.containerd.snapshotter.v1"]]"#;
        assert_eq!(docker("28.0.1", buildx("v0.21.1"), driver("docker"), "[]"), by(false, true));
        assert_eq!(
            docker("28.0.1", buildx("v0.9.1"), driver("docker-container"), "[]"),
            by(true, false)
        );
        assert_eq!(
            docker("29.0.0", buildx("v1.0.0"), driver("docker"), containerd),
            by(true, true)
        );
        assert_eq!(docker("29.0.0", buildx("v0.9.0"), failed("no"), "[]"), by(false, false));
    }

    #[test]
    fn a_builder_of_one_node_builds_for_all_platforms_in_one_call() {
        let platforms: Vec<Platform> =
            ["linux/amd64", "linux/arm64"].map(|name| name.parse().expect("a platform")).into();
        let calls = |engine: &Engine| {
            let calls = engine.calls(&platforms);
            calls.iter().map(Vec::len).collect::<Vec<_>>()
        };
        let nodes = |count: usize| {
            let node = "Name:     web0\nEndpoint: unix:///var/run/docker.sock\nStatus:   running\n";
            let inspected = format!("Driver: docker-container\n\nNodes:\n{}", node.repeat(count));
            docker("28.0.1", ok("github.com/docker/buildx v0.21.1"), ok(&inspected), "[]")
        };

        assert_eq!(calls(&nodes(1)), [2]);
        assert_eq!(calls(&nodes(2)), [1, 1]);
        assert_eq!(calls(&Engine::Docker(DockerBuilder::Classic)), [1, 1]);
        assert_eq!(calls(&Engine::Buildah), [1, 1]);
    }

    #[test]
    fn docker_may_be_podman() {
        let engine = Program::Docker.judge(&[ok("podman version 4.3.1")]).expect("fit");
        assert_eq!(engine, Engine::Podman { program: "docker".into() });
    }

    #[test]
    fn who_cannot_build_says_why() {
        let why = |program: Program, answers: &[Answer]| {
            program.judge(answers).expect_err("unfit").to_string()
        };
        let down = [ok("Docker version 28"), failed("a\nCannot connect to the Docker daemon\n\n")];

        assert_eq!(
            why(Program::Docker, &down),
            "`docker` says: Cannot connect to the Docker daemon"
        );
        assert_eq!(why(Program::Podman, &[Answer::NotFound]), "`podman` is not installed");
        assert_eq!(why(Program::Buildah, &[Answer::TimedOut]), "`buildah` does not answer");
        assert_eq!(why(Program::Buildah, &[failed("")]), "`buildah` says: nothing, and fails");
    }
}
