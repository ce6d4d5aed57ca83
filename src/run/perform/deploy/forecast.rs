//! What a deploy is going to change, found by reading alone.

use super::age::OwnCommit;
use super::owner::Claim;
use super::target::{DeployTarget, HeldVersions as _, Stage};
use crate::journal::{Handover, Previous, TargetId};
use crate::oci::{Digest, Reference};
use crate::plan::expr::Scope;
use crate::run::outcome::{StepError, StepOutput};
use crate::run::perform::deployed::KindWords;
use crate::run::perform::performer::{Job, Performer};
use crate::value::{Change, Difference, PropertyValue, Verdict};
use serde_json::Value;

/// Stands for the digest of an image that is not built yet.
const UNBUILT: [u8; 32] = [0; 32];

/// What a deploy is going to change.
#[derive(Clone, Debug)]
pub struct DeployForecast {
    /// The resource as people call it.
    pub name: String,
    /// `None` where no server was asked.
    pub compared: Option<Comparison>,
}

/// How a version is brought up before what runs is changed.
#[derive(Clone, Debug)]
pub enum Trial {
    /// It is verified as this resource, which is then removed.
    Beside(String),
    /// It is verified as this part of the resource, which then gets the requests.
    Within(String),
    /// This part of the resource runs it already, and gets the requests again.
    Existing(String),
}

/// The live resource, compared with the one that the plan describes.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub target: TargetId,
    pub kind: &'static KindWords,
    /// A hash of the live resource, which changes with it; `None` if it does not exist yet.
    pub live: Option<Digest>,
    pub difference: Difference,
    /// Whether the live resource was made by another tool, which the deploy is going to
    /// overwrite.
    pub is_of_other_tool: bool,
    /// The commit that the live resource was deployed from.
    pub deployed_commit: Option<String>,
    /// The commit that is going to be deployed.
    pub commit: Option<String>,
    /// Why it is not deployed, where it would have to be replaced and that is forbidden.
    pub refusal: Option<String>,
    /// How the new version is brought up before what runs is changed, if it is.
    pub tried: Option<Trial>,
    /// What would keep a rollback from putting back what runs, and what it would cost. Each
    /// fits after "a rollback ".
    pub rollback_obstacles: Vec<String>,
}

/// The reference of an image that is not built yet.
pub fn unbuilt(reference: &Reference) -> Reference {
    reference.with_digest(Digest::from_sha256(&UNBUILT))
}

pub async fn forecast_of<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    job: &Job,
    live: bool,
) -> Result<(DeployForecast, StepOutput), StepError> {
    let name = target.name(job)?;
    let mut output = StepOutput { handover: job.handover.clone(), ..StepOutput::default() };
    if !live {
        return Ok((DeployForecast { name, compared: None }, output));
    }
    let mut desired = target.desired(job).await?;
    let id = target.id(&desired);
    let live = target.read(&id).await?;
    let mut difference = target.difference(live.as_ref(), &desired);
    let tags = live.as_ref().and_then(|live| target.tags(live));
    if let Some(tags) = &tags {
        Claim { performer, service: job.service, target: &id, name: &name }.check(tags)?;
    }
    let is_of_other_tool = live.is_some() && tags.is_none();
    let own = OwnCommit::new(&performer.facts, &job.scope);
    let is_older = tags.as_ref().is_some_and(|tags| own.check(&name, tags).is_err());
    let deployed_commit = tags.as_ref().and_then(|tags| tags.commit.clone());
    let commit = git(&performer.plan.scope, "sha");
    mark_unknown(&mut difference);
    let is_same_commit = commit.is_some() && commit == deployed_commit;
    if is_same_commit && is_clean(&performer.plan.scope) && depends_on_build(&difference) {
        difference.verdict = Verdict::Undecided;
    }
    if is_older && !performer.facts.allow_older {
        difference.verdict = Verdict::Older;
    }
    if let Some(live) = &live {
        let (outputs, deployed) = target.outputs(live);
        output.outputs = outputs;
        output.handover = Handover { deployed: Some(deployed), ..output.handover };
    }
    let changes_it = changes_what_runs(difference.verdict);
    let rolls_back = changes_it && target.rolls_back(job)?;
    let replaced = live.as_ref().filter(|_| rolls_back);
    let rollback_obstacles =
        replaced.map(|live| target.obstacles(&desired, live, job)).unwrap_or_default();
    let tried = match live.as_ref().filter(|_| changes_it) {
        Some(live) => trial(target, live, &mut desired, job).await?,
        None => None,
    };
    let live = live.map(|live| digest(&target.previous(&live)));
    let refusal = (difference.verdict == Verdict::Refuse).then(|| refusal(performer, job));
    let (kind, target) = (target.kind(), id);
    let compared = Comparison {
        target,
        kind,
        live,
        difference,
        is_of_other_tool,
        deployed_commit,
        commit,
        refusal,
        tried,
        rollback_obstacles,
    };
    Ok((DeployForecast { name, compared: Some(compared) }, output))
}

async fn trial<T: DeployTarget>(
    target: &T,
    live: &T::Live,
    desired: &mut T::Desired,
    job: &Job,
) -> Result<Option<Trial>, StepError> {
    Ok(match target.stage(live, desired, job).await? {
        Stage::AtOnce => None,
        Stage::Beside => Some(Trial::Beside(target.describe(&target.trial(desired)))),
        Stage::Within { held, is_checked } => match held.existing(desired) {
            Some(existing) => Some(Trial::Existing(existing)),
            None => is_checked.then(|| Trial::Within(held.describe_held(desired))),
        },
    })
}

fn changes_what_runs(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Update
        | Verdict::Replace
        | Verdict::Start
        | Verdict::Resend
        | Verdict::Undecided => true,
        Verdict::Create | Verdict::Refuse | Verdict::Older | Verdict::Unchanged => false,
    }
}

/// Why a resource that would have to be replaced is not.
fn refusal(performer: &Performer, job: &Job) -> String {
    let step = performer.plan.step(job.service, job.place);
    let group = step.action.azure_deploy().and_then(|deploy| deploy.aci().next());
    let Some(group) = group else {
        return "Azure does not change this: delete it, or give it another name".to_owned();
    };
    let never = "cannot be changed in place, and `replace: never` forbids more";
    match (&group.replace, &performer.facts.environment_name) {
        (None, Some(environment)) => {
            format!("{never} (the default of the protected environment `{environment}`)")
        }
        _ => never.to_owned(),
    }
}

/// Replaces the digest that stands for an image that is not built yet.
fn mark_unknown(difference: &mut Difference) {
    let unbuilt = Digest::from_sha256(&UNBUILT).to_string();
    for change in &mut difference.changes {
        if let Some(PropertyValue::Plain(Value::String(text))) = &change.after
            && text.ends_with(&unbuilt)
        {
            change.after = Some(PropertyValue::Unknown);
        }
    }
}

/// Whether nothing differs but images that are not built yet.
fn depends_on_build(difference: &Difference) -> bool {
    let is_unknown = |change: &Change| change.after == Some(PropertyValue::Unknown);
    difference.verdict == Verdict::Update && difference.changes.iter().all(is_unknown)
}

/// A hash of a version, which changes with it.
fn digest(version: &Previous) -> Digest {
    Digest::of(&serde_json::to_vec(version).expect("a version is JSON"))
}

fn is_clean(scope: &Scope) -> bool {
    git(scope, "dirty").is_none_or(|dirty| dirty != "true")
}

fn git(scope: &Scope, name: &str) -> Option<String> {
    let text = scope.context("git")?.get(name).text();
    Some(text).filter(|text| !text.is_empty())
}
