//! Finds Dockerfiles whose cached layers buildah reuses although a build argument changed.
//!
//! Buildah, and podman with it, looks an instruction other than `RUN` up by its text as
//! written (`ENV COMMIT=$COMMIT`), so it takes the layer of another value. That is so from
//! version 1.24 to the newest at the time of writing (buildah issue 5501).

use super::engine::Engine;
use super::native::{ParsedDockerfile, StepKind};
use super::request::BuildRequest;
use std::collections::BTreeSet;

/// Whether the engine may reuse layers of other build arguments.
pub fn is_stale(engine: &Engine, request: &BuildRequest, dockerfile: &str) -> bool {
    match engine {
        Engine::Docker(_) => false,
        Engine::Podman { .. } | Engine::Buildah => {
            !request.args.is_empty() && uses_arguments(dockerfile)
        }
    }
}

/// Whether an instruction that is looked up by its text names a build argument. Assumed
/// of a Dockerfile that cannot be parsed.
fn uses_arguments(dockerfile: &str) -> bool {
    let Ok(parsed) = ParsedDockerfile::read("", dockerfile) else { return true };
    let mut declared = BTreeSet::new();
    for step in parsed.globals.iter().chain(parsed.stages.iter().flat_map(|stage| &stage.steps)) {
        match &step.kind {
            StepKind::Arg(text) => declared.extend(
                text.split_whitespace()
                    .map(|word| word.split_once('=').map_or(word, |(name, _)| name)),
            ),
            // These are not expanded by the builder, or have the arguments in their key.
            StepKind::Cmd(_)
            | StepKind::Entrypoint(_)
            | StepKind::Healthcheck(..)
            | StepKind::Maintainer(_)
            | StepKind::Onbuild(_)
            | StepKind::Run(_)
            | StepKind::Shell(_) => {}
            StepKind::Copy(_)
            | StepKind::Env(_)
            | StepKind::Expose(_)
            | StepKind::Label(_)
            | StepKind::StopSignal(_)
            | StepKind::User(_)
            | StepKind::Volume(_)
            | StepKind::Workdir(_) => {
                if variables(&step.text).any(|name| declared.contains(name)) {
                    return true;
                }
            }
        }
    }
    false
}

/// The names after `$` and `${`.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[cfg(test)]
mod tests {
    use super::is_stale;
    use crate::image::dockerfile::engine::{DockerBuilder, Engine};
    use crate::image::dockerfile::request::BuildRequest;

    fn request() -> BuildRequest {
        let args = [("COMMIT".to_owned(), "1".to_owned())].into();
        BuildRequest { args, ..BuildRequest::default() }
    }

    #[track_caller]
    fn stale(instructions: &str, expected: bool) {
        let file = format!("FROM base\nARG COMMIT=none\n{instructions}\n");
        assert_eq!(is_stale(&Engine::Buildah, &request(), &file), expected, "{instructions}");
    }

    #[test]
    fn an_instruction_that_names_an_argument_may_be_stale() {
        stale("ENV COMMIT=$COMMIT", true);
        stale("LABEL commit=${COMMIT:-x}", true);
        stale("WORKDIR /srv/$COMMIT", true);
        stale("COPY app /srv/$COMMIT/", true);
        stale("RUN echo $COMMIT >/commit", false);
        stale("CMD echo $COMMIT", false);
        stale("ENV PATH=/app/bin:$PATH", false);
        stale("ENV COMMITTER=$COMMITTER", false);
    }

    #[test]
    fn without_arguments_or_with_docker_nothing_is_stale() {
        let file = "FROM base\nARG COMMIT\nENV COMMIT=$COMMIT\n";
        let podman = Engine::Podman { program: "podman".into() };
        assert!(is_stale(&podman, &request(), file));
        assert!(!is_stale(&podman, &BuildRequest::default(), file));
        let docker = Engine::Docker(DockerBuilder::Classic);
        assert!(!is_stale(&docker, &request(), file));
    }
}
