//! The repositories that a plan pushes to.

use crate::oci::Reference;
use crate::plan::expr::Scope;
use crate::plan::schema::{Action, Plan, Text};
use std::collections::BTreeSet;

/// Registry and repository of each `tag` step, as far as they are known without a
/// run.
pub fn repositories(plan: &Plan, scope: &Scope) -> BTreeSet<(String, String)> {
    let steps = plan.services.iter().flat_map(|(_, service)| &service.steps);
    let targets = steps.filter_map(|step| match &step.action {
        Action::Tag(tag) => Some(&tag.targets),
        _ => None,
    });
    targets.flatten().filter_map(|target| repository(&target.image, scope)).collect()
}

fn repository(text: &Text, scope: &Scope) -> Option<(String, String)> {
    let rendered = text.render(scope).ok()?.plain()?.to_owned();
    // A tag that is known only in a run is empty here.
    let reference: Reference = rendered.trim_end_matches(':').parse().ok()?;
    Some((reference.host, reference.repository))
}

#[cfg(test)]
mod tests {
    use super::repositories;
    use crate::plan::expr::{Object, Scope};

    #[test]
    fn every_repository_that_is_tagged_is_found() {
        let plan = crate::plan::read(
            "name: shop
services:
  web:
    steps:
      - build: .
      - tag: { image: demo.azurecr.io/web, tags: ['${{ pr.tag }}'] }
      - tag: 'demo.azurecr.io/copy:${{ pr.tag }}'
  api:
    steps:
      - build: .
      - tag: [ghcr.io/octo/api:v1, 'ghcr.io/octo/api:v2']
",
        );
        let scope = Scope::default().with("pr", Object::default().with("tag", ""));
        let found = repositories(&plan.plan.expect("a plan"), &scope);
        let found: Vec<_> = found.iter().map(|(host, name)| format!("{host}/{name}")).collect();
        assert_eq!(found, ["demo.azurecr.io/copy", "demo.azurecr.io/web", "ghcr.io/octo/api"]);
    }
}
