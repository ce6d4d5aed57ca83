//! A platform whose programs do not run where the engine is, told from what the
//! engine says when it stumbles over one.

use super::error::DockerfileError;
use crate::oci::Platform;
use std::collections::BTreeMap;

/// What the kernel says of a program for another architecture, and what the
/// emulators of `BuildKit` do.
const SIGNS: [&str; 2] = ["exec format error", "invalid elf image for this architecture"];

/// Hears what an engine says of a build, line by line.
#[derive(Clone, Debug)]
pub struct Hearing {
    engine: String,
    platforms: Vec<Platform>,
    /// What `BuildKit` works for, by the number of the step: `#9`.
    steps: BTreeMap<String, Platform>,
    foreign: Vec<Platform>,
}

impl Hearing {
    pub(super) fn new(engine: String, platforms: Vec<Platform>) -> Self {
        Self { engine, platforms, steps: BTreeMap::new(), foreign: Vec::new() }
    }

    /// Hears a line of its output, of either stream.
    pub fn line(&mut self, line: &str) {
        if let Some((step, platform)) = step(line) {
            self.steps.insert(step.to_owned(), platform);
        }
        let lower = line.to_ascii_lowercase();
        if self.foreign.is_empty() && SIGNS.iter().any(|sign| lower.contains(sign)) {
            let step = line.split(' ').next().and_then(|step| self.steps.get(step));
            let mut platforms =
                step.map_or_else(|| self.platforms.clone(), |one| vec![one.clone()]);
            // What is no program at all is said to be foreign too.
            platforms.retain(|platform| platform.architecture != architecture());
            self.foreign = platforms;
        }
    }

    /// Why the build failed, where it was for that.
    pub fn reason(self) -> Option<DockerfileError> {
        let names: Vec<_> = self.foreign.iter().map(|platform| format!("`{platform}`")).collect();
        let (engine, platforms) = (self.engine, names.join(" or "));
        (!platforms.is_empty()).then_some(DockerfileError::Foreign { engine, platforms })
    }
}

/// `#9 [linux/arm64 build 2/3] RUN make`
fn step(line: &str) -> Option<(&str, Platform)> {
    let (step, rest) = line.split_once(" [")?;
    let platform = rest.split([' ', ']']).next()?.parse().ok()?;
    step.starts_with('#').then_some((step, platform))
}

/// That of this machine, as images name it.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::Hearing;
    use crate::http::Retryable as _;

    fn hear(platforms: &[&str], lines: &[&str]) -> Option<String> {
        let platforms = platforms.iter().map(|name| name.parse().expect("a platform")).collect();
        let mut hearing = Hearing::new("docker (buildx)".into(), platforms);
        for line in lines {
            hearing.line(line);
        }
        hearing.reason().map(|error| format!("{error}\n{}", error.help().expect("help")))
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
             give this machine an emulator, by its package `qemu-user-static`, by `docker run --privileged --rm tonistiigi/binfmt --install all`, or on GitHub by `docker/setup-qemu-action`; or use a builder with a machine of that platform"
        );
    }

    #[test]
    fn without_a_step_it_is_every_platform_that_is_not_our_own() {
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
