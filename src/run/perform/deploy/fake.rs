//! A second target, which proves that the seam needs nothing of the first one.
//!
//! It "deploys" to a variable: what is applied works on the second look.

mod owner;

use super::deployment::deploy_to;
use super::evidence::ResourceEvidence;
use super::rollback::{Undo, Undone, undo};
use super::target::{DeployTarget, Stage};
use crate::event::{Outputs, Revision};
use crate::journal::{Deployed, Previous, Replaced, TargetId};
use crate::oci::Digest;
use crate::plan::expr::Rendered;
use crate::run::outcome::StepError;
use crate::run::perform::deployed::KindWords;
use crate::run::perform::deployed::lease::Lease;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::deployed::testing::JOB_FILE;
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::retry::Retries;
use crate::run::perform::test_support::{job, performer};
use crate::value::{Applied, Difference, Verdict};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

/// A job file, as a scheduler would keep it.
#[derive(Default)]
struct JobFile {
    content: Mutex<Option<String>>,
    /// Whether it has secure values, which cannot be compared.
    has_secure_values: bool,
    calls: Mutex<Vec<&'static str>>,
    /// The run that deployed it before the test, if it has tags.
    run: Option<String>,
    /// What its tags say, if it is not what the test deploys.
    owner: Option<OwnerTags>,
}

/// Who has deployed a job file.
#[derive(Clone, Copy)]
struct OwnerTags {
    plan: &'static str,
    service: &'static str,
    repository: Option<&'static str>,
    environment: Option<&'static str>,
}

impl JobFile {
    fn called(&self, operation: &'static str) {
        self.calls.lock().expect("no panic").push(operation);
    }

    fn content(&self) -> Option<String> {
        self.content.lock().expect("no panic").clone()
    }
}

impl DeployTarget for JobFile {
    type Desired = String;
    type Live = String;
    type Held = Infallible;

    async fn preflight(
        &self,
        registries: &[String],
        _: &Retries,
    ) -> Result<Option<String>, StepError> {
        self.called("preflight");
        match registries {
            [] => Ok(self.content()),
            [first, ..] => Err(StepError::new(format!("`{first}` grants no access"))),
        }
    }

    fn kind(&self) -> &'static KindWords {
        &JOB_FILE
    }

    fn name(&self, _job: &Job) -> Result<String, StepError> {
        Ok("the job file".to_owned())
    }

    fn tags(&self, _live: &String) -> Option<ResourceTags> {
        let is_own = self.calls.lock().expect("no panic").contains(&"apply");
        let run = if is_own { OWN_RUN.to_owned() } else { self.run.clone()? };
        let own = OwnerTags { plan: "web", service: "web", repository: None, environment: None };
        let owner = self.owner.unwrap_or(own);
        Some(ResourceTags {
            plan: owner.plan.to_owned(),
            service: owner.service.to_owned(),
            repository: owner.repository.map(str::to_owned),
            environment: owner.environment.map(str::to_owned),
            run,
            verified: true,
            ..ResourceTags::default()
        })
    }

    async fn desired(&self, job: &Job) -> Result<String, StepError> {
        self.called("desired");
        let pushed = job.handover.pushed.as_ref().map(ToString::to_string);
        pushed.ok_or_else(|| StepError::new("there is no image to deploy"))
    }

    fn describe(&self, desired: &String) -> String {
        format!("job file for {desired}")
    }

    async fn locate(&self, _job: &Job) -> Option<Deployed> {
        let target = format!("file:{}", self.content()?);
        Some(Deployed { target: target.into(), ..Deployed::default() })
    }

    fn id(&self, _desired: &String) -> TargetId {
        String::from("file").into()
    }

    async fn read(&self, _target: &TargetId) -> Result<Option<String>, StepError> {
        self.called("read");
        Ok(self.content())
    }

    fn difference(&self, live: Option<&String>, desired: &String) -> Difference {
        let verdict = match live {
            None => Verdict::Create,
            Some(live) if live == desired && self.has_secure_values => Verdict::Resend,
            Some(live) if live == desired => Verdict::Unchanged,
            Some(_) => Verdict::Update,
        };
        Difference { verdict, ..Difference::creation(Vec::new()) }
    }

    fn remember(&self, _desired: &mut String, _live: &String) {}

    fn verifies_first(&self, _job: &Job) -> Result<bool, StepError> {
        Ok(false)
    }

    async fn stage(
        &self,
        _: &String,
        _: &mut String,
        _: &Job,
    ) -> Result<Stage<'_, Infallible>, StepError> {
        Ok(Stage::AtOnce)
    }

    fn trial(&self, desired: &String) -> String {
        desired.clone()
    }

    fn is_trial(&self, _live: &String, _trial: &String) -> bool {
        false
    }

    fn take_lease(&self, _desired: &mut String, _lease: &Lease) {}

    fn is_recorded(&self, _desired: &String, _live: &String) -> bool {
        true
    }

    async fn keep(
        &self,
        _desired: &String,
        live: String,
        _job: &Job,
    ) -> Result<Option<String>, StepError> {
        self.called("keep");
        Ok(Some(live))
    }

    async fn apply(
        &self,
        desired: &String,
        _live: Option<String>,
        _job: &Job,
    ) -> Result<Applied, StepError> {
        self.called("apply");
        *self.content.lock().expect("no panic") = Some(desired.clone());
        Ok(Applied::Accepted)
    }

    async fn watch(&self, _desired: &String, _job: &Job) -> Result<String, StepError> {
        self.called("watch");
        self.content().ok_or_else(|| StepError::new("the job file is gone"))
    }

    async fn restart(
        &self,
        _target: &TargetId,
        live: String,
        _job: &Job,
    ) -> Result<String, StepError> {
        self.called("restart");
        Ok(live)
    }

    fn outputs(&self, live: &String) -> (Outputs<Rendered>, Deployed) {
        let id = format!("file:{live}");
        let deployed = Deployed { target: id.clone().into(), ..Deployed::default() };
        (Outputs::from_iter([("file".to_owned(), Rendered::Plain(id))]), deployed)
    }

    fn rolls_back(&self, _job: &Job) -> Result<bool, StepError> {
        Ok(true)
    }

    fn previous(&self, live: &String) -> Previous {
        Previous { revision: Revision::default(), state: live.as_str().into() }
    }

    fn obstacles(&self, desired: &String, live: &String, _job: &Job) -> Vec<String> {
        let is_larger = desired.len() > live.len();
        is_larger.then(|| "makes the file shorter".to_owned()).into_iter().collect()
    }

    async fn restore(
        &self,
        _target: &TargetId,
        previous: &Previous,
        _live: Option<String>,
        _job: &Job,
    ) -> Result<String, StepError> {
        self.called("restore");
        let text = previous.state.as_str().map(str::to_owned);
        (*self.content.lock().expect("no panic")).clone_from(&text);
        text.ok_or_else(|| StepError::new("the journal does not have the job file"))
    }

    async fn remove(&self, _target: &TargetId) -> Result<(), StepError> {
        self.called("remove");
        *self.content.lock().expect("no panic") = None;
        Ok(())
    }

    async fn evidence(_performer: &Performer, deployed: &Deployed) -> Option<ResourceEvidence> {
        let image = deployed.target.as_str().strip_prefix("file:")?;
        let lines = vec![format!("job file with {image}")];
        Some(ResourceEvidence { lines, ..ResourceEvidence::default() })
    }
}

/// The run that deploys in the tests.
const OWN_RUN: &str = "01jd";

const PLAN: &str = "\
name: web
azure: { resource-group: demo }
steps:
  - deploy: { image: 'demo.azurecr.io/web:v1', aci: {} }
";

#[tokio::test]
async fn a_second_target_deploys_through_the_same_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut performer = performer(PLAN, folder.path()).await;
    performer.facts.id = OWN_RUN.to_owned();
    let (mut job, notes) = job(&performer);
    let target = JobFile::default();
    let retries = Retries::new(Arc::new(|_| ()));

    let refused =
        target.preflight(&["demo.azurecr.io".to_owned()], &retries).await.expect_err("refused");
    assert_eq!(refused.failure.chain, ["`demo.azurecr.io` grants no access"]);
    target.preflight(&[], &retries).await.expect("access");
    let refused = deploy_to(&target, &performer, &job).await.expect_err("no image");
    assert_eq!(refused.failure.chain, ["there is no image to deploy"]);
    target.calls.lock().expect("no panic").clear();

    let image = format!("demo.azurecr.io/web@{}", Digest::of(b"image"));
    job.handover.pushed = Some(image.parse().expect("a reference"));
    let output = deploy_to(&target, &performer, &job).await.expect("deployed");
    deploy_to(&target, &performer, &job).await.expect("deployed again");

    let calls = ["desired", "read", "apply", "watch", "desired", "read", "keep"];
    assert_eq!(*target.calls.lock().expect("no panic"), calls);
    let describe = format!("job file for {image}");
    assert_eq!(
        *notes.lock().expect("no panic"),
        [describe.as_str(), describe.as_str(), "no change: it is as the plan says"]
    );
    let names: Vec<&str> = output.outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["changed", "file"]);
    assert_eq!(output.handover.pushed, job.handover.pushed, "the rest is handed on");
    let deployed = output.handover.deployed.expect("a deployed resource");
    assert_eq!(deployed.target.as_str(), format!("file:{image}"));
    let evidence = JobFile::evidence(&performer, &deployed).await;
    assert_eq!(evidence.expect("its own resource").lines, [format!("job file with {image}")]);
}

/// What a deploy does that finds what it wants, with secure values of this run.
async fn redeployed(in_doubt: bool, sent_by: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut performer = performer(PLAN, folder.path()).await;
    performer.facts.id = OWN_RUN.to_owned();
    let (mut job, _) = job(&performer);
    let image = format!("demo.azurecr.io/web@{}", Digest::of(b"image"));
    let run = Some(sent_by.to_owned());
    let target = JobFile { has_secure_values: true, run, ..JobFile::default() };
    *target.content.lock().expect("no panic") = Some(image.clone());
    job.handover.pushed = Some(image.parse().expect("a reference"));
    job.in_doubt = in_doubt;
    deploy_to(&target, &performer, &job).await.expect("deployed");
    target.calls.lock().expect("no panic").join(", ")
}

#[tokio::test]
async fn secure_values_that_this_run_may_have_sent_are_not_sent_twice() {
    assert_eq!(redeployed(true, "01jd").await, "desired, read, keep");
    assert_eq!(redeployed(true, "01jc").await, "desired, read, apply, watch");
    assert_eq!(redeployed(false, "01jd").await, "desired, read, apply, watch");
}

/// What becomes of a job file that was `before` and that a deploy made `now`.
async fn undone(before: Option<&str>, now: Option<&str>, may_have_begun: bool) -> String {
    undone_after(None, before, now, may_have_begun).await
}

/// The same where the tags of the job file name the run that deployed it last.
async fn undone_after(
    run: Option<&str>,
    before: Option<&str>,
    now: Option<&str>,
    may_have_begun: bool,
) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let performer = performer(PLAN, folder.path()).await;
    let (job, _) = job(&performer);
    let target = JobFile { run: run.map(str::to_owned), ..JobFile::default() };
    *target.content.lock().expect("no panic") = now.map(str::to_owned);
    let previous = before.map(|before| target.previous(&before.to_owned()));
    let replaced = Replaced { target: String::from("file").into(), previous };
    let task = Undo { job: &job, replaced: &replaced, may_have_begun };
    let end = match undo(&target, &performer, &task).await.expect("undone") {
        Undone::PutBack(deployed) => deployed.target.as_str().to_owned(),
        Undone::Removed => "removed".to_owned(),
        Undone::Kept => "kept".to_owned(),
        Undone::Unchanged => "unchanged".to_owned(),
        Undone::Superseded { by } => format!("superseded by {by}"),
    };
    format!("{} -> {end}", target.calls.lock().expect("no panic").join(", "))
}

#[tokio::test]
async fn a_target_is_put_back_only_if_the_deploy_changed_it() {
    assert_eq!(undone(Some("a"), Some("b"), false).await, "read, restore -> file:a");
    assert_eq!(undone(Some("a"), None, false).await, "read, restore -> file:a");
    assert_eq!(undone(Some("a"), Some("a"), false).await, "read -> unchanged");
    assert_eq!(undone(None, None, false).await, "read -> unchanged");
    assert_eq!(undone(None, Some("b"), false).await, "read -> kept");
}

#[tokio::test]
async fn a_rollback_that_may_have_begun_is_finished() {
    assert_eq!(undone(Some("a"), Some("a"), true).await, "read, restore -> file:a");
    assert_eq!(undone(None, None, true).await, "read -> removed");
}

#[tokio::test]
async fn what_another_run_deployed_is_not_put_back() {
    let other = Some("01kdt4eyg0000000000000000a");
    let superseded = "read -> superseded by 01kdt4eyg0000000000000000a";
    assert_eq!(undone_after(other, Some("a"), Some("b"), false).await, superseded);
    assert_eq!(undone_after(other, Some("a"), Some("b"), true).await, superseded);
    assert_eq!(undone_after(other, None, Some("b"), false).await, superseded);
    // The deploy had changed nothing, so the other run is the one before it.
    assert_eq!(undone_after(other, Some("a"), Some("a"), false).await, "read -> unchanged");
}
