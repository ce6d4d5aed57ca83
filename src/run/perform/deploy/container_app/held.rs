//! A new version as a revision of the app that gets no requests yet. The app's tags and its
//! address stay those of the revision that gets them.

use super::app::{AppStep, publish};
use crate::azure::container_apps::{App, AppEvent, AppPart, AppTarget, DesiredApp, TagChange};
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::run::perform::deploy::target::{DeployTarget as _, HeldVersions, Stage};
use crate::run::perform::deployed::lease::Lease;
use crate::run::perform::deployed::tags::{LEASE, ResourceTags};
use crate::run::perform::performer::Job;
use crate::value::Applied;

/// How a version is brought up. Ingress is the app's: where it changes, the revisions that
/// run would be asked in the new way at once, so that the version is verified as an app of
/// its own.
pub async fn stage<'a, 's>(
    step: &'a AppStep<'s>,
    live: &App,
    desired: &mut DesiredApp,
    job: &Job,
) -> Result<Stage<'a, AppStep<'s>>, StepError> {
    if desired.label.is_some() || live.serving().is_empty() || live.is_stopped() {
        return Ok(Stage::AtOnce);
    }
    let is_checked = step.verifies_first(job)?;
    let has_same_ingress = desired.has_ingress_of(live);
    if step.performer.facts.puts_back && has_same_ingress {
        desired.existing_revision = step.client().revision_of(desired, live).await?;
    }
    let is_within = desired.existing_revision.is_some() || (is_checked && has_same_ingress);
    Ok(match (is_within, is_checked) {
        (true, _) => Stage::Within { held: step, is_checked },
        (false, true) => Stage::Beside,
        (false, false) => Stage::AtOnce,
    })
}

impl HeldVersions<DesiredApp, App> for AppStep<'_> {
    fn describe_held(&self, desired: &DesiredApp) -> String {
        let new = || format!("a revision of app `{}` without requests", desired.id.name);
        self.existing(desired).unwrap_or_else(new)
    }

    fn held_id(&self, desired: &DesiredApp) -> TargetId {
        let part = AppPart::Revision(desired.revision_name());
        AppTarget { app: desired.id.clone(), part }.to_string().into()
    }

    fn existing(&self, desired: &DesiredApp) -> Option<String> {
        let revision = desired.existing_revision.as_ref()?;
        Some(format!("revision `{revision}` of app `{}`", desired.id.name))
    }

    async fn hold(
        &self,
        desired: &DesiredApp,
        live: &App,
        job: &Job,
    ) -> Result<Applied, StepError> {
        let run = &self.performer.facts.id;
        let before = live.tags();
        let is_own = ResourceTags::read(&before)
            .is_some_and(|tags| tags.lease.is_some_and(|lease| lease.run == *run));
        // An earlier attempt has sent it.
        if desired.existing_revision.is_none() && is_own && desired.is_held_in(live) {
            return Ok(Applied::Accepted);
        }
        let mut after = before.clone();
        after.retain(|name, _| !name.eq_ignore_ascii_case(LEASE));
        after.insert(LEASE.to_owned(), Lease::from_now(run).to_string());
        let tags = TagChange { before: &before, after: &after };
        let events = |event: AppEvent| publish(event, job);
        Ok(self.client().hold(desired, live, tags, &events).await?)
    }

    async fn watch_held(&self, desired: &DesiredApp, job: &Job) -> Result<App, StepError> {
        let events = |event: AppEvent| publish(event, job);
        let revision = desired.revision_name();
        Ok(self.client().watch_revision(&desired.id, &revision, &events).await?)
    }

    async fn withdraw(&self, desired: &DesiredApp, before: Option<&App>) -> Result<(), StepError> {
        let Some(live) = self.client().read(&desired.id).await? else { return Ok(()) };
        let tags = live.tags();
        let lease = ResourceTags::read(&tags).and_then(|tags| tags.lease);
        let revision = desired.revision_name();
        let is_own = lease.is_some_and(|lease| lease.run == self.performer.facts.id);
        if !is_own || live.serving() == revision {
            return Ok(());
        }
        let mut after = tags.clone();
        after.retain(|name, _| !name.eq_ignore_ascii_case(LEASE));
        let tags = TagChange { before: &tags, after: &after };
        let before = before.map(|before| (before, &live));
        Ok(self.client().withdraw(&desired.id, &revision, tags, before).await?)
    }
}
