//! Asks the `git` program, which writes nothing, runs no hook of the repository and sees no
//! `GIT_*` variable of this process.

use super::repository;
use crate::resolve::credentials;
use crate::resolve::inputs::HostEnvironment;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// What begins the message where the repository is not one that git may be started in.
pub const NOT_ASKED: &str = "git is not asked";

pub struct Program<'a> {
    pub host: &'a HostEnvironment,
}

impl Program<'_> {
    pub fn outside(&self) -> String {
        format!("`{}` is not in a git repository", self.host.dir.display())
    }

    /// The output of git, or an error message.
    pub fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.bytes(arguments, &[])?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// The same as bytes, with further variables for git.
    pub fn bytes(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Vec<u8>, String> {
        repository::root(self.host).map_err(|why| format!("{NOT_ASKED}: {why}"))?;
        let mut env = credentials::scrub(&self.host.env, &BTreeSet::new());
        env.retain(|name, _| !name.starts_with("GIT_"));
        let output = Command::new("git")
            .args([
                "--no-optional-locks",
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "safe.bareRepository=explicit",
            ])
            .args(arguments)
            .current_dir(&self.host.dir)
            .env_clear()
            .envs(env)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => "the program `git` was not found".to_owned(),
                _ => format!("`git` cannot be started: {error}"),
            })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("not a git repository") {
            return Err(self.outside());
        }
        let said = first_line(&said)
            .unwrap_or_else(|| format!("`git {}`: {}", arguments.join(" "), output.status));
        Err(format!("git failed: {}", said.trim_start_matches("fatal: ")))
    }
}

pub fn first_line(text: &str) -> Option<String> {
    text.lines().next().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
}
