//! `not-awaited`: a service takes an image that another one pushes, and does not wait
//! for it.

use crate::oci::Reference;
use crate::plan::check::uses::Uses;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, BuildKind, Plan, Service, Text};
use crate::plan::span::Span;
use std::collections::{HashMap, HashSet};

/// A service by its number, and where it gives an image its name.
struct Pusher<'p> {
    service: usize,
    span: &'p Span,
}

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    let pushers = pushers(uses.plan);
    if pushers.is_empty() {
        return;
    }
    for (number, (_, service)) in uses.plan.services.iter().enumerate() {
        for image in taken(service) {
            let Some(pushers) = pushers.get(&spelled(&image.source)) else { continue };
            found.extend(missing(uses, number, image, pushers));
        }
    }
}

/// What is wrong, unless the service pushes the image itself, or the needs of both say which
/// is first.
fn missing(
    uses: &Uses<'_>,
    taker: usize,
    image: &Text,
    pushers: &[Pusher<'_>],
) -> Option<Diagnostic> {
    let needs = &uses.plan.services.0.get(taker)?.1.needs;
    let is_needed = |service| needs.iter().any(|need| uses.number_of(&need.value) == service);
    // Most plans say it with one need, without a search along all of them.
    if pushers.iter().any(|pusher| pusher.service == taker || is_needed(Some(pusher.service))) {
        return None;
    }
    let awaited = needed_by(uses, taker);
    let is_ordered = pushers.iter().any(|pusher| {
        awaited.contains(&pusher.service) || needed_by(uses, pusher.service).contains(&taker)
    });
    let pusher = pushers.first().filter(|_| !is_ordered)?;
    let services = &uses.plan.services.0;
    let (taker, service) = services.get(taker)?;
    let (name, _) = services.get(pusher.service)?;
    let (taker, name) = (&taker.value, &name.value);
    let add = if service.needs.is_empty() {
        format!("add `needs: [{name}]` to `{taker}`")
    } else {
        format!("add `{name}` to the `needs` of `{taker}`")
    };
    let message =
        format!("`{taker}` takes an image that `{name}` pushes, and does not wait for it");
    Some(
        Diagnostic::warning("not-awaited", message, &image.span)
            .label("taken here")
            .also(pusher.span, format!("the name that `{name}` pushes"))
            .help(format!("{add}: until then it gets an earlier image or none")),
    )
}

/// The services that one needs, those that they need, and itself.
fn needed_by(uses: &Uses<'_>, service: usize) -> HashSet<usize> {
    let mut all = HashSet::new();
    let mut next = vec![service];
    while let Some(service) = next.pop() {
        if all.insert(service) {
            let needs = &uses.plan.services.0[service].1.needs;
            next.extend(needs.iter().filter_map(|need| uses.number_of(&need.value)));
        }
    }
    all
}

/// Who pushes which reference.
fn pushers(plan: &Plan) -> HashMap<String, Vec<Pusher<'_>>> {
    let mut pushers: HashMap<String, Vec<Pusher<'_>>> = HashMap::new();
    // A service alone waits for itself.
    let services = plan.services.iter().enumerate().filter(|_| plan.services.0.len() > 1);
    for (number, (_, service)) in services {
        let mut add = |reference: &str, span| {
            pushers.entry(spelled(reference)).or_default().push(Pusher { service: number, span });
        };
        for step in &service.steps {
            let Action::Tag(tag) = &step.action else { continue };
            for target in &tag.targets {
                let image = &target.image;
                if target.tags.is_empty() {
                    add(&image.source, &image.span);
                }
                for tag in &target.tags {
                    add(&format!("{}:{}", image.source, tag.source), &image.span);
                }
            }
        }
    }
    pushers
}

/// The images that a service takes from a registry by their names.
fn taken(service: &Service) -> Vec<&Text> {
    let mut images = Vec::new();
    for step in &service.steps {
        match &step.action {
            Action::Build(build) => match &build.kind {
                BuildKind::Image(existing) => images.push(&existing.image),
                BuildKind::Layers(layers) => images.push(&layers.base),
                BuildKind::Dockerfile(_) => {}
            },
            Action::Deploy(deploy) => images.extend(deploy.images().into_iter().flatten()),
            Action::Tag(_) | Action::Push(_) | Action::Verify(_) | Action::Run(_) => {}
        }
    }
    images
}

/// A reference as it is compared; one with an expression is taken as it is written.
fn spelled(reference: &str) -> String {
    let parsed = reference.parse::<Reference>();
    parsed.map_or_else(|_| reference.to_owned(), |reference| reference.to_string())
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(needs: &str, taken: &str) -> String {
        format!(
            "name: a\nservices:\n  one:\n    steps:\n    - build: {{ layers: [] }}\n    - tag: {{ image: b.io/c, \
             tags: [v1, \"${{{{ git.sha }}}}\"] }}\n    - push:\n  two:\n{needs}    steps:\n    \
             - build: {{ image: \"{taken}\" }}\n    - tag: b.io/live:v1\n    - push:\n  three:\n    \
             steps: [{{ run: x }}]\n"
        )
    }

    #[test]
    fn image_of_a_service_that_is_not_needed_is_pointed_at() {
        assert_eq!(
            drawn(&plan("", "b.io/c:v1")),
            "\
warning[not-awaited]: `two` takes an image that `one` pushes, and does not wait for it
  --> shipway.yml:10:23
   |
 6 |     - tag: { image: b.io/c, tags: [v1, \"${{ git.sha }}\"] }
   |                     ------ the name that `one` pushes
...
10 |     - build: { image: \"b.io/c:v1\" }
   |                       ^^^^^^^^^^^ taken here
   |
   = help: add `needs: [one]` to `two`: until then it gets an earlier image or none"
        );
        let shown = drawn(&plan("    needs: [three]\n", "b.io/c:${{ git.sha }}"));
        let help = "= help: add `one` to the `needs` of `two`: until then it gets an earlier image or none";
        assert!(shown.ends_with(help), "{shown}");
    }

    #[test]
    fn services_whose_needs_say_which_is_first_are_right() {
        fine(&plan("    needs: [one]\n", "b.io/c:v1"));
        let through = plan("    needs: [three]\n", "b.io/c:v1");
        fine(&through.replace("  three:\n", "  three:\n    needs: [one]\n"));
        // What was there before is taken.
        fine(&plan("", "b.io/c:v1").replace("  one:\n", "  one:\n    needs: [two]\n"));
        fine(&plan("", "b.io/c:v2"));
        fine(&plan("", "b.io/live:v1"));
    }
}
