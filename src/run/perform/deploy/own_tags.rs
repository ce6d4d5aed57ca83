//! The tags that a deploy gives its resource.

use crate::oci::Reference;
use crate::plan::expr::Scope;
use crate::plan::schema::{Map, Text};
use crate::run::outcome::StepError;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::names::plain;
use crate::run::perform::performer::{Job, Performer};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The tags of what `job` deploys. `image` is the image that its first container runs,
/// `named` the one that the plan names, if it names one.
pub fn resource_tags(
    performer: &Performer,
    job: &Job,
    image: &str,
    named: Option<&str>,
) -> ResourceTags {
    let Performer { facts, plan, .. } = performer;
    let git = |name: &str| member(&plan.scope, "git", name);
    let parsed = |image: &str| image.parse::<Reference>().ok();
    let pushed_tag = || job.handover.references.first()?.tag.clone();
    let expires = facts.expires.map(|time_to_live| Timestamp::now() + time_to_live);
    ResourceTags {
        plan: plan.parsed.name.value.clone(),
        repository: facts.repository.clone(),
        run: facts.id.clone(),
        service: plan.service_name(job.service),
        environment: facts.environment_name.clone(),
        pull_request: member(&plan.scope, "pr", "number"),
        branch: git("branch"),
        commit: git("sha"),
        commit_time: git("commit-time"),
        dirty: git("dirty").is_some_and(|dirty| dirty == "true"),
        digest: parsed(image).and_then(|image| image.digest).map(|digest| digest.to_string()),
        image_tag: match named {
            Some(named) => parsed(named).and_then(|image| image.tag),
            None => pushed_tag(),
        },
        expires: expires.map(|time| time.to_string()),
        verified: false,
        lease: None,
        revisions: Vec::new(),
    }
}

/// The plan's tags, beside Shipway's own. `check` keeps their names apart.
pub fn with_own_tags(
    mut own: BTreeMap<String, String>,
    plans: &Map<Text>,
    scope: &Scope,
) -> Result<BTreeMap<String, String>, StepError> {
    for (key, value) in plans.iter() {
        own.insert(key.value.clone(), plain(value, "tag", scope)?);
    }
    Ok(own)
}

fn member(scope: &Scope, context: &str, name: &str) -> Option<String> {
    scope.context(context).map(|context| context.get(name).text())
}

#[cfg(test)]
mod tests {
    use super::with_own_tags;
    use crate::plan::expr::{Object, Scope, Value};
    use crate::plan::schema::Action;
    use crate::run::outcome::StepError;
    use crate::secret::Redactor;
    use std::collections::BTreeMap;

    /// `team` is a tag of the plan with the value of `vars.team`.
    fn tagged(team: Value) -> Result<BTreeMap<String, String>, StepError> {
        let text = "name: a\nvars: { team: web }\nazure: { resource-group: g }\nsteps:\n\
                    - deploy:\n    image: a.io/b:v1\n    \
                    aci: { tags: { team: \"${{ vars.team }}\", cost: 1 } }\n";
        let plan = crate::plan::read(text).plan.expect("a plan");
        let (_, service) = &plan.services.0[0];
        let Action::Deploy(deploy) = &service.steps[0].action else { panic!("{service:?}") };
        let aci = deploy.aci().next().expect("a group");
        let scope = Scope::default().with("vars", Object::default().with("team", team));
        let own = BTreeMap::from([("shipway-plan".to_owned(), "a".to_owned())]);
        with_own_tags(own, &aci.tags, &scope)
    }

    #[test]
    fn tags_of_the_plan_are_added_to_those_of_shipway() {
        let all = tagged("web".into()).expect("tags");
        let all: Vec<_> = all.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(all, ["cost=1", "shipway-plan=a", "team=web"]);
    }

    #[test]
    fn secret_in_a_tag_is_refused() {
        let secret = Redactor::default().adopt("secrets.team", "hunter22".to_owned());
        let error = tagged(Value::secret(&secret)).expect_err("a secret");
        assert_eq!(error.failure.chain, ["the tag holds `secrets.team`, which is a secret"]);
    }
}
