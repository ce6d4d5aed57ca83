//! `nothing-to-tag`, `nothing-to-push`, `nothing-to-deploy`, `nothing-to-verify`
//! and `never-pushed`: each step works on what those before it made.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Deploy, Service, Step};
use crate::plan::span::Span;

/// What the steps so far have made.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that may exist")]
#[derive(Default)]
struct Made {
    built: bool,
    /// Whether an image was tagged, pushed since then or not.
    tagged: bool,
    /// The latest tag that no push followed.
    unpushed: Option<Span>,
    pushed: bool,
    deployed: bool,
}

pub(super) fn check(service: &Service, found: &mut Vec<Diagnostic>) {
    let mut made = Made::default();
    for step in &service.steps {
        found.extend(made.missing(step));
        made.add(&step.action);
    }
    if let Some(span) = made.unpushed {
        found.push(
            Diagnostic::warning("never-pushed", "these tags are never pushed", &span)
                .help("put a `push` after it"),
        );
    }
}

impl Made {
    /// The error of a step that works on something that no earlier step has made.
    fn missing(&self, step: &Step) -> Option<Diagnostic> {
        match &step.action {
            Action::Tag(_) if !self.built => Some(nothing(
                "nothing-to-tag",
                "there is no image to tag yet",
                &step.span,
                "put a `build` before it",
            )),
            Action::Push(push) if push.image.is_none() && !self.tagged => Some(nothing(
                "nothing-to-push",
                "there is no tagged image to push yet",
                &step.span,
                "put a `tag` before it, which says where the image goes",
            )),
            Action::Deploy(deploy) if needs_image(deploy) && !self.pushed => Some(nothing(
                "nothing-to-deploy",
                "no image was pushed that could be deployed",
                &step.span,
                "put a `push` before it, or name an `image` that is in a registry",
            )),
            Action::Verify(verify) if verify.needs_deployed() && !self.deployed => Some(nothing(
                "nothing-to-verify",
                "nothing is deployed that could be asked",
                &verify.span,
                "put a `deploy` before it, or name a whole URL",
            )),
            Action::Build(_)
            | Action::Tag(_)
            | Action::Push(_)
            | Action::Deploy(_)
            | Action::Verify(_)
            | Action::Run(_) => None,
        }
    }

    fn add(&mut self, action: &Action) {
        match action {
            Action::Build(_) => self.built = true,
            Action::Tag(tag) => {
                self.tagged = true;
                self.unpushed = Some(tag.span.clone());
            }
            Action::Push(_) => {
                self.unpushed = None;
                self.pushed = true;
            }
            Action::Deploy(deploy) => self.deployed |= deploy.is_to_azure(),
            Action::Verify(_) | Action::Run(_) => {}
        }
    }
}

fn nothing(code: &'static str, message: &str, span: &Span, help: &str) -> Diagnostic {
    Diagnostic::error(code, message, span).help(help)
}

/// Whether a container runs what the service pushed.
fn needs_image(deploy: &Deploy) -> bool {
    deploy.images().iter().any(Option::is_none)
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn steps_out_of_order_are_errors() {
        insta::assert_snapshot!(drawn(
            "name: a\nazure: { resource-group: g }\nsteps:\n- tag: a.io/b:v1\n- build: .\n- tag: a.io/b:v2\n\
             - deploy: { aci: }\n"
        ));
        insta::assert_snapshot!(drawn(
            "name: a\nsteps:\n- verify: /\n- push:\n- verify: { tcp: 80 }\n"
        ));
    }

    #[test]
    fn named_images_and_urls_need_no_earlier_step() {
        fine(
            "name: a\nazure: { resource-group: g }\nsteps:\n- verify: https://example.com/\n- verify: { tcp: \"db:5432\" }\n\
             - deploy: { image: \"a.io/b:v1\", aci: { ports: [80] } }\n- verify: /\n",
        );
    }
}
