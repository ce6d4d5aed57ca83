//! `missing-path`: a `build` takes a folder or a file that does not exist, or the certificates of
//! a registry are missing.
//!
//! Not one of the rules of a plan's text: the caller says what there is on the disk.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, BuildKind, Dockerfile, Plan, Registries, Step, Text, in_folder};
use crate::plan::span::Span;
use std::collections::{HashMap, HashSet};

/// What a path leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PathKind {
    Folder,
    /// Anything else.
    File,
}

/// Tells what a path leads to; `None` for nothing.
type Look<'l> = &'l dyn Fn(&str) -> Option<PathKind>;

/// Tells what a path of the file in which a span begins leads to; `None` for nothing.
pub type LookFrom<'l> = &'l dyn Fn(&Span, &str) -> Option<PathKind>;

/// Reports what a `build` takes and what is not there. A `run` step before it may make
/// anything, so nothing after one is reported. Certificates of registries are read before the
/// first step.
pub fn missing_paths(plan: &Plan, look: LookFrom<'_>) -> Vec<Diagnostic> {
    let mut found = missing_certificates(plan, look);
    for (service, step) in before_a_run(plan) {
        let look = |path: &str| look(service, path);
        if is_run(step) {
            found.extend(check_working_directory(step, &look));
        } else {
            check_step(step, &look, &mut found);
        }
    }
    found
}

fn missing_certificates(plan: &Plan, look: LookFrom<'_>) -> Vec<Diagnostic> {
    let of_environments = plan.environments.iter().map(|(_, one)| &one.registries);
    let registries = std::iter::once(&plan.registries).chain(of_environments);
    let files = registries.flat_map(Registries::all).filter_map(|registry| registry.ca.as_ref());
    let missing = |text: &Text| {
        let path =
            text.as_literal().filter(|path| look(&text.span, path) != Some(PathKind::File))?;
        let message = format!("there is no file `{path}` with certificates");
        let help = "paths are relative to the plan's folder, and lead to a file of the repository";
        Some(Diagnostic::error("missing-path", message, &text.span).help(help))
    };
    files.filter_map(missing).collect()
}

/// The steps before which nothing runs: those of each service up to its first `run`, that
/// included. Beside each stands where the name of its service is.
pub(super) fn before_a_run(plan: &Plan) -> impl Iterator<Item = (&Span, &Step)> {
    let runs = services_after_a_run(plan);
    let services = plan.services.iter();
    let services = services.filter(move |(name, _)| !runs.contains(name.value.as_str()));
    services.flat_map(|(name, service)| {
        let first = service.steps.iter().position(is_run).map_or(service.steps.len(), |at| at + 1);
        service.steps[..first].iter().map(|step| (&name.span, step))
    })
}

/// Whether a `run` step runs before the step at these indices, which may have made any file
/// that the step needs.
pub fn is_after_a_run(plan: &Plan, service: usize, step: usize) -> bool {
    let (name, of) = &plan.services.0[service];
    of.steps[..step].iter().any(is_run) || services_after_a_run(plan).contains(name.value.as_str())
}

fn is_run(step: &Step) -> bool {
    matches!(step.action, Action::Run(_))
}

/// The services that need one with a `run` step, directly or not.
fn services_after_a_run(plan: &Plan) -> HashSet<&str> {
    let mut needed_by: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut with_run = Vec::new();
    for (name, service) in plan.services.iter() {
        for need in &service.needs {
            needed_by.entry(&need.value).or_default().push(&name.value);
        }
        if service.steps.iter().any(is_run) {
            with_run.push(name.value.as_str());
        }
    }
    let mut after = HashSet::new();
    while let Some(service) = with_run.pop() {
        for dependent in needed_by.get(service).into_iter().flatten() {
            if after.insert(*dependent) {
                with_run.push(dependent);
            }
        }
    }
    after
}

fn check_step(step: &Step, look: Look<'_>, found: &mut Vec<Diagnostic>) {
    let Action::Build(build) = &step.action else { return };
    match &build.kind {
        BuildKind::Dockerfile(dockerfile) => found.extend(check_dockerfile(dockerfile, step, look)),
        BuildKind::Layers(layers) => {
            found.extend(check_image(&layers.base, look));
            for layer in &layers.layers {
                found.extend(check_made(&layer.from, layer.from.as_literal(), look));
            }
        }
        BuildKind::Image(existing) => found.extend(check_image(&existing.image, look)),
    }
}

/// The first program of a service starts in a folder that nothing before it has made.
fn check_working_directory(step: &Step, look: Look<'_>) -> Option<Diagnostic> {
    let text = step.working_directory.as_ref()?;
    let path = text.as_literal()?;
    if look(path) == Some(PathKind::Folder) {
        return None;
    }
    let message = format!("there is no folder `{path}` to run in");
    Some(
        Diagnostic::warning("missing-path", message, &text.span)
            .help("paths are relative to the plan's folder"),
    )
}

fn check_dockerfile(dockerfile: &Dockerfile, step: &Step, look: Look<'_>) -> Option<Diagnostic> {
    let context = dockerfile.context.as_literal()?;
    // An absent key stands nowhere in the plan.
    let at = |text: &Text| if text.span.is_empty() { &step.span } else { &text.span }.clone();
    let report = |message: String, span: &Span| {
        // A condition may ask whether it is there.
        if step.condition.is_some() {
            Diagnostic::warning("missing-path", message, span)
        } else {
            Diagnostic::error("missing-path", message, span)
        }
    };
    match look(context) {
        Some(PathKind::Folder) => {}
        Some(PathKind::File) => {
            let message = format!("`{context}` is a file, and a build takes a folder");
            return Some(
                report(message, &at(&dockerfile.context))
                    .help("name the folder as `context` and the file as `dockerfile`"),
            );
        }
        None => {
            let message = format!("there is no folder `{context}` to build from");
            return Some(
                report(message, &at(&dockerfile.context))
                    .help("paths are relative to the plan's folder"),
            );
        }
    }
    let joined = |file: &str| in_folder(context, file);
    let Some(named) = &dockerfile.dockerfile else {
        let file = joined("Dockerfile");
        let missing = look(&file) != Some(PathKind::File);
        return missing.then(|| {
            report(format!("there is no file `{file}`"), &at(&dockerfile.context))
                .help("name another one as `dockerfile`, or build from `layers`")
        });
    };
    let file = named.as_literal()?;
    if look(file) == Some(PathKind::File) {
        return None;
    }
    let diagnostic = report(format!("there is no file `{file}`"), &named.span);
    let in_context = joined(file);
    Some(if look(&in_context) == Some(PathKind::File) {
        diagnostic.help(format!("it is relative to the plan's folder: `{in_context}`"))
    } else {
        diagnostic
    })
}

/// Checks an image that is a folder or a file.
fn check_image(image: &Text, look: Look<'_>) -> Option<Diagnostic> {
    let formats = ["oci:", "oci-archive:", "docker-archive:"];
    let path = formats.iter().find_map(|format| image.as_literal()?.strip_prefix(format))?;
    let without_tag = path.rsplit_once(':').map_or(path, |(path, _)| path);
    if look(path).is_some() { None } else { check_made(image, Some(without_tag), look) }
}

/// Reports a path that is not there as a warning: a step of a workflow before Shipway
/// may make it.
fn check_made(text: &Text, path: Option<&str>, look: Look<'_>) -> Option<Diagnostic> {
    let path = path.filter(|path| look(path).is_none())?;
    let message = format!("`{path}` does not exist");
    Some(
        Diagnostic::warning("missing-path", message, &text.span)
            .help("paths are relative to the plan's folder; a `run` step before it may make it"),
    )
}

#[cfg(test)]
mod tests {
    use super::{PathKind, missing_paths};
    use crate::plan::span::Span;
    use crate::plan::{read, render};

    /// What is missing for a plan where only these paths exist; folders end in `/`.
    fn drawn(text: &str, paths: &[&str]) -> String {
        let plan = read(text).plan.expect("a plan");
        let look = |_: &Span, path: &str| {
            let path = path.trim_end_matches('/');
            paths
                .iter()
                .find(|known| known.trim_end_matches('/') == path)
                .map(|known| if known.ends_with('/') { PathKind::Folder } else { PathKind::File })
        };
        render("shipway.yml", text, &missing_paths(&plan, &look), false)
    }

    #[test]
    fn what_a_build_takes_must_exist() {
        let text = "name: a\nsteps:\n- build: web\n- build: api\n- build: { context: api, dockerfile: prod }\n\
            - build: { dockerfile: nope }\n- build: api/prod\n- if: git.dirty\n  build: web\n\
            - build: { base: \"oci:base:v1\", layers: [{ from: dist, to: /a }, { from: api, to: /b }] }\n\
            - build: { image: \"docker-archive:web.tar\" }\n";
        insta::assert_snapshot!(drawn(text, &["./", "api/", "api/prod"]));
    }

    #[test]
    fn certificates_of_registries_must_exist() {
        let text = "name: a\nregistries: { a.io: { ca: gone.pem }, b.io: { ca: certs/b.pem } }\n\
            environments: { live: { registries: { c.io: { ca: certs } } } }\nsteps: [{ run: make }]\n";
        assert_eq!(
            drawn(text, &["certs/", "certs/b.pem"]),
            "\
error[missing-path]: there is no file `gone.pem` with certificates
 --> shipway.yml:2:27
  |
2 | registries: { a.io: { ca: gone.pem }, b.io: { ca: certs/b.pem } }
  |                           ^^^^^^^^
  |
  = help: paths are relative to the plan's folder, and lead to a file of the repository

error[missing-path]: there is no file `certs` with certificates
 --> shipway.yml:3:51
  |
3 | environments: { live: { registries: { c.io: { ca: certs } } } }
  |                                                   ^^^^^
  |
  = help: paths are relative to the plan's folder, and lead to a file of the repository"
        );
    }

    #[test]
    fn run_step_may_make_anything() {
        let text = "name: a\nservices:\n  assets:\n    steps: [{ run: make }, { build: nope }]\n  \
            web:\n    needs: [assets]\n    steps: [{ build: nope }]\n  \
            all:\n    needs: [web]\n    steps: [{ build: nope }]\n";
        assert_eq!(drawn(text, &[]), "");
    }

    #[test]
    fn what_exists_or_is_an_expression_is_accepted() {
        let text = "name: a\nsteps:\n- build: .\n- build: \"${{ env.DIR }}\"\n- build: { image: \"oci:web:v1\" }\n\
            - build: { image: \"a.io/b:v1\" }\n- build: { context: api/, dockerfile: Dockerfile }\n";
        assert_eq!(drawn(text, &["./", "api/", "Dockerfile", "web/"]), "");
    }
}
