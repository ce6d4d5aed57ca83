//! Detects, from the output of a build, that programs of a platform do not run on this
//! machine.

use super::error::DockerfileError;
use crate::oci::Platform;
use std::collections::BTreeMap;

/// Messages of the kernel and of `BuildKit`'s emulators for a program of another architecture.
const FOREIGN_PROGRAM_MESSAGES: [&str; 2] =
    ["exec format error", "invalid elf image for this architecture"];

/// Reads the output of a build line by line.
#[derive(Clone, Debug)]
pub struct ForeignPlatformDetector {
    engine: String,
    platforms: Vec<Platform>,
    /// The platform of each `BuildKit` step, by step number such as `#9`.
    steps: BTreeMap<String, Platform>,
    foreign: Vec<Platform>,
}

impl ForeignPlatformDetector {
    pub fn new(engine: String, platforms: Vec<Platform>) -> Self {
        Self { engine, platforms, steps: BTreeMap::new(), foreign: Vec::new() }
    }

    /// Reads one line of standard output or standard error.
    pub fn line(&mut self, line: &str) {
        if let Some((step, platform)) = step(line) {
            self.steps.insert(step.to_owned(), platform);
        }
        let lower = line.to_ascii_lowercase();
        if self.foreign.is_empty()
            && FOREIGN_PROGRAM_MESSAGES.iter().any(|sign| lower.contains(sign))
        {
            let step = line.split(' ').next().and_then(|step| self.steps.get(step));
            let mut platforms =
                step.map_or_else(|| self.platforms.clone(), |one| vec![one.clone()]);
            // A damaged program gives the same message on its own platform.
            platforms.retain(|platform| platform.architecture != architecture());
            self.foreign = platforms;
        }
    }

    /// The error, if the build failed because of a foreign platform.
    pub fn reason(self) -> Option<DockerfileError> {
        let names: Vec<_> = self.foreign.iter().map(|platform| format!("`{platform}`")).collect();
        let (engine, platforms) = (self.engine, names.join(" or "));
        (!platforms.is_empty()).then_some(DockerfileError::Foreign { engine, platforms })
    }
}

/// Parses a line such as `#9 [linux/arm64 build 2/3] RUN make`.
fn step(line: &str) -> Option<(&str, Platform)> {
    let (step, rest) = line.split_once(" [")?;
    let platform = rest.split([' ', ']']).next()?.parse().ok()?;
    step.starts_with('#').then_some((step, platform))
}

/// The architecture of this machine in OCI's spelling.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::ForeignPlatformDetector;
    use crate::http::Retryable as _;

    fn hear(platforms: &[&str], lines: &[&str]) -> Option<String> {
        let platforms = platforms.iter().map(|name| name.parse().expect("a platform")).collect();
        let mut foreign_platform_detector =
            ForeignPlatformDetector::new("docker (buildx)".into(), platforms);
        for line in lines {
            foreign_platform_detector.line(line);
        }
        foreign_platform_detector
            .reason()
            .map(|error| format!("{error}\n{}", error.help().expect("help")))
    }

    #[test]
    fn the_platform_is_that_of_the_step_that_failed() {
        let said = hear(
            &["linux/amd64", "linux/s390x", "linux/riscv64"],
            &[
                "#8 [linux/s390x build 2/2] RUN uname",
                "#9 [linux/riscv64 build 2/2] RUN uname",
                "#8 0.2 exec of nothing",
                "#9 0.134 exec /bin/sh: exec format error",
                "#9 ERROR: process \"/bin/sh -c uname\" did not complete successfully: exit code: 1",
            ],
        );
        assert_eq!(
            said.expect("foreign"),
            "docker (buildx) cannot run programs for `linux/riscv64` here\n\
             install an emulator, with the package `qemu-user-static`, with `docker run --privileged --rm tonistiigi/binfmt --install all`, or on GitHub with `docker/setup-qemu-action`; or use a builder with a machine of that platform"
        );
    }

    #[test]
    fn without_a_step_all_foreign_platforms_are_named() {
        let first = |platforms: &[&str], line| {
            let said = hear(platforms, &[line])?;
            Some(said.lines().next()?.replace("docker (buildx) cannot run programs for ", ""))
        };
        let crun = "exec container process `/bin/sh`: Exec format error";
        let emulator = ".buildkit_qemu_emulator: /bin/sh: Invalid ELF image for this architecture";
        assert_eq!(first(&["linux/s390x"], crun).expect("foreign"), "`linux/s390x` here");
        assert_eq!(
            first(&["linux/s390x", "linux/riscv64"], emulator).expect("foreign"),
            "`linux/s390x` or `linux/riscv64` here"
        );
        let own = format!("linux/{}", super::architecture());
        assert_eq!(first(&[&own], crun), None, "a script without its first line");
        assert_eq!(first(&["linux/s390x"], "make: *** Error 1"), None);
    }
}
