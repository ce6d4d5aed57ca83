//! `nothing-to-tag`, `nothing-to-push`, `nothing-to-deploy`, `nothing-to-verify`
//! and `never-pushed`: each step works on what those before it made.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Deploy, Part, Probe, Service, Text, Verify};
use crate::plan::span::Span;

/// What the steps so far have made.
#[derive(Default)]
struct Made {
    built: bool,
    /// A tag that waits to be pushed.
    tagged: Option<Span>,
    pushed: bool,
    deployed: bool,
}

pub(super) fn check(service: &Service, found: &mut Vec<Diagnostic>) {
    let mut made = Made::default();
    let mut was_tagged = false;
    for step in &service.steps {
        let span = &step.span;
        match &step.action {
            Action::Build(_) => made.built = true,
            Action::Tag(tag) => {
                if !made.built {
                    found.push(nothing(
                        "nothing-to-tag",
                        "there is no image to tag yet",
                        span,
                        "put a `build` before it",
                    ));
                }
                was_tagged = true;
                made.tagged = Some(tag.span.clone());
            }
            Action::Push(push) => {
                if push.image.is_none() && !was_tagged {
                    let help = "put a `tag` before it, which says where the image goes";
                    found.push(nothing(
                        "nothing-to-push",
                        "there is no tagged image to push yet",
                        span,
                        help,
                    ));
                }
                made.tagged = None;
                made.pushed = true;
            }
            Action::Deploy(deploy) => {
                if needs_image(deploy) && !made.pushed {
                    let help = "put a `push` before it, or name an `image` that is in a registry";
                    found.push(nothing(
                        "nothing-to-deploy",
                        "no image was pushed that could be deployed",
                        span,
                        help,
                    ));
                }
                made.deployed = true;
            }
            Action::Verify(verify) => {
                if asks_deployed(verify) && !made.deployed {
                    let help = "put a `deploy` before it, or name a whole URL";
                    found.push(nothing(
                        "nothing-to-verify",
                        "nothing is deployed that could be asked",
                        &verify.span,
                        help,
                    ));
                }
            }
            Action::Run(_) => {}
        }
    }
    if let Some(span) = made.tagged {
        found.push(
            Diagnostic::warning("never-pushed", "these tags are never pushed", &span)
                .help("put a `push` after it"),
        );
    }
}

fn nothing(code: &'static str, message: &str, span: &Span, help: &str) -> Diagnostic {
    Diagnostic::error(code, message, span).help(help)
}

/// Whether a container runs what the service pushed.
fn needs_image(deploy: &Deploy) -> bool {
    deploy.images().iter().any(Option::is_none)
}

/// Whether what is asked is a part of the deployed address.
fn asks_deployed(verify: &Verify) -> bool {
    match &verify.probe {
        Probe::Http(text) => matches!(first(text), Some(literal) if literal.starts_with('/')),
        Probe::Tcp(text) => text.as_literal().is_some_and(|literal| !literal.contains(':')),
    }
}

fn first(text: &Text) -> Option<&str> {
    match text.parts.first() {
        Some(Part::Literal(literal)) => Some(literal),
        Some(Part::Expression(_)) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn each_needs_what_comes_before() {
        insta::assert_snapshot!(drawn(
            "name: a\nazure: { resource-group: g }\nsteps:\n- tag: a.io/b:v1\n- build: .\n- tag: a.io/b:v2\n\
             - deploy: { aci: }\n"
        ));
        insta::assert_snapshot!(drawn(
            "name: a\nsteps:\n- verify: /\n- push:\n- verify: { tcp: 80 }\n"
        ));
    }

    #[test]
    fn what_is_named_needs_nothing() {
        fine(
            "name: a\nazure: { resource-group: g }\nsteps:\n- verify: https://example.com/\n- verify: { tcp: \"db:5432\" }\n\
             - deploy: { image: \"a.io/b:v1\", aci: { ports: [80] } }\n- verify: /\n",
        );
    }
}
