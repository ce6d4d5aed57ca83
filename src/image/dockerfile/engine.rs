//! Selects the engine: how each program is probed, and what the results mean.

use super::invocation::Invocation;
use crate::oci::Platform;
use std::fmt;

/// A program that builds Dockerfiles.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    Docker,
    Podman,
    Buildah,
}

/// A working engine, and how it is used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Engine {
    Docker(DockerBuilder),
    /// Podman; the program may be named `docker`.
    Podman {
        program: String,
    },
    Buildah,
}

/// The ways in which docker builds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DockerBuilder {
    Buildx {
        /// Whether the builder writes an OCI archive. The builder inside docker does so only
        /// with containerd's image store.
        writes_oci: bool,
        /// Whether provenance has to be switched off (buildx 0.10 and later attach it by
        /// default).
        attests: bool,
        /// Whether it has several nodes, which cannot write one OCI archive.
        spread: bool,
    },
    /// `docker build` with `DOCKER_BUILDKIT=1`, for clients older than version 23.
    BuildKit,
    /// The legacy builder.
    Classic,
}

/// The result of running a probe.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProbeResult {
    /// The program is not on the `PATH`, or cannot be run.
    NotFound,
    /// No result within the time limit.
    TimedOut,
    Ended {
        /// Whether the exit code is 0.
        success: bool,
        stdout: String,
        stderr: String,
    },
}

/// Why a program cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnusableEngine {
    #[error("`{0}` is not installed")]
    NotFound(Program),
    #[error("`{0}` does not answer")]
    TimedOut(Program),
    #[error("`{program}` says: {message}")]
    Broken { program: Program, message: String },
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
    /// Groups platforms by the calls that build them. Platforms in one call share common
    /// work, and write one cache with the layers of all.
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

/// The programs to probe, in order of preference.
pub fn candidates(only: Option<Program>) -> Vec<Program> {
    match only {
        Some(program) => vec![program],
        None => vec![Program::Docker, Program::Podman, Program::Buildah],
    }
}

impl Program {
    /// Name of the executable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        }
    }

    /// The probes to run, in any order, for [`Program::evaluate`]. A working engine answers
    /// each within a second.
    pub fn probes(self) -> Vec<Invocation> {
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

    /// Interprets the results of [`Program::probes`].
    pub fn evaluate(self, results: &[ProbeResult]) -> Result<Engine, UnusableEngine> {
        match self {
            Self::Docker => docker(results),
            Self::Podman => {
                self.said(results, 0).map(|_| Engine::Podman { program: self.name().to_owned() })
            }
            Self::Buildah => self.said(results, 0).map(|_| Engine::Buildah),
        }
    }

    /// Standard output of one probe.
    fn said(self, results: &[ProbeResult], question: usize) -> Result<&str, UnusableEngine> {
        match results.get(question).unwrap_or(&ProbeResult::NotFound) {
            ProbeResult::NotFound => Err(UnusableEngine::NotFound(self)),
            ProbeResult::TimedOut => Err(UnusableEngine::TimedOut(self)),
            ProbeResult::Ended { success: true, stdout, .. } => Ok(stdout.trim()),
            ProbeResult::Ended { stderr, .. } => {
                let last = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
                let message = last.unwrap_or("no error message").to_owned();
                Err(UnusableEngine::Broken { program: self, message })
            }
        }
    }
}

fn docker(results: &[ProbeResult]) -> Result<Engine, UnusableEngine> {
    let docker = Program::Docker;
    let said = |question| docker.said(results, question);
    if said(0)?.starts_with("podman") {
        return Ok(Engine::Podman { program: docker.name().to_owned() });
    }
    let versions = said(1)?;
    let Ok(buildx) = said(2) else {
        // Clients since version 23 need buildx for BuildKit.
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

/// The major client version in a text such as `28.2.2 20.10.24`.
fn major(versions: &str) -> Option<u32> {
    versions.split('.').next()?.trim().parse().ok()
}

/// Reads a text such as `github.com/docker/buildx v0.12.1 30feaa1`. A version that is not a
/// number is a custom build and taken for a recent one.
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
    use super::{DockerBuilder, Engine, ProbeResult, Program, candidates};
    use crate::oci::Platform;

    fn ok(stdout: &str) -> ProbeResult {
        ProbeResult::Ended { success: true, stdout: stdout.into(), stderr: String::new() }
    }

    fn failed(stderr: &str) -> ProbeResult {
        ProbeResult::Ended { success: false, stdout: String::new(), stderr: stderr.into() }
    }

    fn docker(client: &str, buildx: ProbeResult, inspect: ProbeResult, status: &str) -> Engine {
        let versions = ok(&format!("{client} 20.10.24\n"));
        let results = [ok("Docker version x"), versions, buildx, inspect, ok(status)];
        Program::Docker.evaluate(&results).expect("fit")
    }

    #[test]
    fn the_order_is_docker_podman_buildah() {
        use Program::{Buildah, Docker, Podman};
        assert_eq!(candidates(None), [Docker, Podman, Buildah]);
        assert_eq!(candidates(Some(Buildah)), [Buildah]);
    }

    #[test]
    fn docker_uses_its_best_builder() {
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
        let engine = Program::Docker.evaluate(&[ok("podman version 4.3.1")]).expect("fit");
        assert_eq!(engine, Engine::Podman { program: "docker".into() });
    }

    #[test]
    fn an_unfit_engine_says_why() {
        let why = |program: Program, results: &[ProbeResult]| {
            program.evaluate(results).expect_err("unfit").to_string()
        };
        let down = [ok("Docker version 28"), failed("a\nCannot connect to the Docker daemon\n\n")];

        assert_eq!(
            why(Program::Docker, &down),
            "`docker` says: Cannot connect to the Docker daemon"
        );
        assert_eq!(why(Program::Podman, &[ProbeResult::NotFound]), "`podman` is not installed");
        assert_eq!(why(Program::Buildah, &[ProbeResult::TimedOut]), "`buildah` does not answer");
        assert_eq!(why(Program::Buildah, &[failed("")]), "`buildah` says: no error message");
    }
}
