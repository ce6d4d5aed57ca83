//! What a Dockerfile tells about the image: its ports, its health check, and whether an
//! engine is needed to build it.

use super::folder::{Folder, join, split};
use std::collections::BTreeMap;

/// A Dockerfile of the folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FoundDockerfile {
    pub path: String,
    /// The folder that its `COPY` lines are relative to; empty for the root.
    pub context: String,
    pub content: DockerfileContent,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DockerfileContent {
    /// The TCP ports of its last stage.
    pub ports: Vec<u16>,
    /// The path that its health check asks.
    pub health_path: Option<String>,
    /// Whether a program runs during the build.
    pub has_run: bool,
    sources: Vec<String>,
}

/// Dockerfiles that make no image to deploy.
const OTHER_PURPOSES: [&str; 7] =
    ["base", "ci", "debug", "dev", "devcontainer", "development", "test"];

/// All Dockerfiles of the folder, in a fixed order: the root's first.
pub fn all(folder: &Folder) -> Vec<FoundDockerfile> {
    let is_one = |path: &&String| {
        let (parent, name) = split(path);
        let lower = name.to_ascii_lowercase();
        let variant = lower.strip_prefix("dockerfile.").or(lower.strip_suffix(".dockerfile"));
        let is_named = ["dockerfile", "containerfile"].contains(&lower.as_str())
            || variant.is_some_and(|variant| {
                !OTHER_PURPOSES.contains(&variant) && variant != "dockerignore"
            });
        let is_hidden = parent.split('/').any(|part| part.starts_with('.'));
        is_named && !is_hidden
    };
    let mut found: Vec<FoundDockerfile> =
        folder.files.iter().filter(is_one).map(|path| read(folder, path)).collect();
    // Of several for one folder, the plain name is the image, and the others its variants.
    let plain: Vec<String> = found
        .iter()
        .filter(|file| !split(&file.path).1.contains('.'))
        .map(|file| split(&file.path).0.to_owned())
        .collect();
    found.retain(|file| {
        let (parent, name) = split(&file.path);
        !name.contains('.') || !plain.iter().any(|folder| folder == parent)
    });
    found
}

fn read(folder: &Folder, path: &str) -> FoundDockerfile {
    let content = DockerfileContent::read(&folder.text(path));
    let (own, _) = split(path);
    let fits =
        |context: &str| content.sources.iter().all(|source| folder.has_below(context, source));
    // Most lie in the folder that they copy from; those of monorepos often copy from the root.
    let context = if own.is_empty() || fits(own) || !fits("") { own } else { "" };
    FoundDockerfile { path: path.to_owned(), context: context.to_owned(), content }
}

impl FoundDockerfile {
    /// Whether a builder finds it in the context by itself.
    pub fn has_default_name(&self) -> bool {
        self.path == join(&self.context, "Dockerfile")
    }

    /// The name of its service: of the folder, or of the variant.
    pub fn service(&self) -> Option<String> {
        let (parent, name) = split(&self.path);
        let lower = name.to_ascii_lowercase();
        let variant = lower.strip_prefix("dockerfile.").or(lower.strip_suffix(".dockerfile"));
        variant.map(str::to_owned).or_else(|| {
            let mut parts = parent.rsplit('/').filter(|part| *part != "docker");
            parts.next().filter(|part| !part.is_empty()).map(str::to_owned)
        })
    }
}

impl DockerfileContent {
    pub fn read(text: &str) -> Self {
        let mut found = Self::default();
        let mut variables = BTreeMap::new();
        for line in instructions(text) {
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            let rest = rest.trim();
            match word.to_ascii_uppercase().as_str() {
                "FROM" => found.ports.clear(),
                "ARG" | "ENV" => variables.extend(assignments(rest)),
                "EXPOSE" => found.ports.extend(ports(rest, &variables)),
                "RUN" => found.has_run = true,
                "COPY" | "ADD" => found.sources.extend(sources(rest)),
                "HEALTHCHECK" => found.health_path = health_path(rest),
                _ => {}
            }
        }
        found.ports.dedup();
        found
    }
}

/// The instructions, each on one line, without comments.
fn instructions(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(begun) = line.strip_suffix('\\') {
            open.push_str(begun);
            open.push(' ');
        } else {
            open.push_str(line);
            lines.push(std::mem::take(&mut open));
        }
    }
    lines.push(open);
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// `NAME=VALUE …`, or the old form `NAME VALUE`.
fn assignments(rest: &str) -> Vec<(String, String)> {
    let unquoted = |value: &str| value.trim_matches(['"', '\'']).to_owned();
    match rest.split_once(char::is_whitespace) {
        Some((name, value)) if !name.contains('=') => {
            vec![(name.to_owned(), unquoted(value.trim()))]
        }
        _ => {
            let pairs = rest.split_whitespace().filter_map(|pair| pair.split_once('='));
            pairs.map(|(name, value)| (name.to_owned(), unquoted(value))).collect()
        }
    }
}

fn ports(rest: &str, variables: &BTreeMap<String, String>) -> Vec<u16> {
    let port = |word: &str| {
        let (number, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
        let name = number.strip_prefix('$').map(|name| name.trim_matches(['{', '}']));
        let name = name.map(|name| name.split(":-").next().unwrap_or_default());
        let number = name.map_or(number, |name| variables.get(name).map_or("", String::as_str));
        number.parse().ok().filter(|_| protocol.eq_ignore_ascii_case("tcp"))
    };
    rest.split_whitespace().filter_map(port).collect()
}

/// The paths that are copied from the context.
fn sources(rest: &str) -> Vec<String> {
    let json = serde_json::from_str::<Vec<String>>(rest);
    let words = json.unwrap_or_else(|_| rest.split_whitespace().map(str::to_owned).collect());
    if words.iter().any(|word| word.starts_with("--from=") || word.starts_with("<<")) {
        return Vec::new();
    }
    let mut paths: Vec<String> = words.into_iter().filter(|word| !word.starts_with("--")).collect();
    paths.pop();
    paths.retain(|path| !path.contains("://") && !path.contains('$') && path != ".");
    paths.into_iter().map(|path| path.trim_start_matches('/').to_owned()).collect()
}

/// The path of the first URL of this machine in the command.
fn health_path(rest: &str) -> Option<String> {
    let url = rest.split(['"', '\'', ' ', ',', '(', ')']).find(|word| {
        let host = word.split("://").nth(1).unwrap_or_default();
        ["localhost", "127.0.0.1", "0.0.0.0"].iter().any(|local| host.starts_with(local))
    })?;
    let path = url.split("://").nth(1)?.split_once('/').map(|(_, path)| format!("/{path}"));
    let path = path.filter(|path| !path.contains(['$', '|', ';', '`']));
    Some(path.unwrap_or_else(|| "/".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::DockerfileContent;

    #[test]
    fn ports_and_health_path_are_those_of_the_last_stage() {
        let read = DockerfileContent::read(
            "FROM node AS build\nEXPOSE 1234\nRUN npm ci\nFROM node:22-slim\nARG PORT=3000\n\
             # EXPOSE 5\nCOPY package.json \\\n  src/ ./\nEXPOSE $PORT 53/udp\nHEALTHCHECK \
             --interval=5s CMD curl -f http://localhost:3000/healthz || exit 1\n",
        );
        assert_eq!(read.ports, [3000]);
        assert_eq!(read.health_path.as_deref(), Some("/healthz"));
        assert!(read.has_run);
        assert_eq!(read.sources, ["package.json", "src/"]);
    }
}
