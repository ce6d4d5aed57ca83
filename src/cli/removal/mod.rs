//! Removing what was deployed: what `down` and `sweep` share.
//!
//! Both choose deployed resources by their tags alone. The list is shown first, then
//! confirmed; each resource is read again right before it is deleted, a failure keeps
//! nothing else from being deleted, and GitHub is told at the end.

pub mod delete;
pub mod report;
pub mod resource;
pub mod show;

use super::confirm::{Answer, Expected, ask};
use super::exit::Exit;
use super::say;
use super::session::PlanSession;
use super::session::connections::Connections;
use crate::event::Channel;
use crate::report::Output;
use crate::run::outcome::StepError;
use crate::run::perform::{AzureClients, DeployedResource};
use clap::Args;
use delete::{Deletion, MAX_DELETION, Wait, delete};
use jiff::Timestamp;
use report::{RemovalReport, ReportSubject, Why};
use resource::{ListedResource, TaggedResource};
use serde_json::{Map, Value, json};
use show::count_by_kind;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The options of commands that remove.
#[derive(Args, Clone, Debug)]
pub struct RemovalOptions {
    /// Remove without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Only list what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Do not wait until Azure has removed them
    #[arg(long, conflicts_with = "dry_run")]
    pub no_wait: bool,
    /// Update the comment that a run made with this `--comment-key`
    #[arg(long, value_name = "KEY")]
    pub comment_key: Option<String>,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// A removal before it is confirmed.
pub struct Removal<'a> {
    pub session: &'a PlanSession,
    pub connections: &'a Connections,
    pub azure: &'a AzureClients,
    pub options: &'a RemovalOptions,
    /// The listed resources; those that go are removed stage by stage.
    pub listed: Vec<ListedResource>,
    /// The stage of a resource: lower ones go first.
    pub stage: &'a dyn Fn(&TaggedResource) -> usize,
    /// All resources of the repository that Azure lists, listed or not.
    pub all: &'a [TaggedResource],
    pub channels: &'a [Channel],
    pub why: Why<'a>,
}

/// How a removal ended.
#[derive(Debug, Default)]
pub struct Removed {
    pub ended: Vec<(ListedResource, Deletion)>,
    /// Reports that could not be made.
    pub warnings: Vec<String>,
}

impl Removal<'_> {
    /// Lists the resources with a heading, and asks unless it was confirmed. The error is
    /// the exit of a removal that is not to be done.
    pub fn confirm(&self, heading: &str, expected: Expected<'_>) -> Result<(), Exit> {
        let to_stdout = self.options.dry_run && self.options.output == Output::Human;
        if !self.listed.is_empty() {
            let table = show::table(&self.listed, Timestamp::now());
            if to_stdout { say::result(&table) } else { say::tell(&table) }
        }
        say::tell(heading);
        let going = self.listed.iter().filter(|one| one.goes).count();
        if self.options.yes {
            return Ok(());
        }
        if self.options.dry_run || going == 0 {
            self.show(&Removed::default(), Map::new());
            return Err(Exit::Done);
        }
        let what = self.count();
        match ask(&format!("Remove {what}?"), expected, "nothing was removed") {
            Answer::Agreed => Ok(()),
            Answer::Declined => Err(Exit::Usage),
            Answer::NotAsked => {
                let chain = [
                    format!("cannot remove {what} without a confirmation"),
                    "there is no terminal to ask in".to_owned(),
                ];
                // What has to be named is named by `--env` already.
                say::error(&chain, Some("add `--yes`"));
                Err(Exit::Usage)
            }
        }
    }

    /// Removes the resources that go, and tells GitHub. `subjects` are reported even if
    /// nothing of them was left to remove.
    pub async fn perform(&self, mut subjects: BTreeSet<ReportSubject>) -> Removed {
        let no_wait = self.options.no_wait;
        let wait = if no_wait { Wait::UntilAccepted } else { Wait::UntilGone(MAX_DELETION) };
        let resources = &self.azure.deployed;
        let ended = delete(resources, self.stages(), wait, &self.session.redactor).await;
        for (_, deletion) in &ended {
            if let Deletion::Failed(failure) = deletion {
                let help = failure.help.as_ref();
                let help = help.map(|help| self.session.command_context().complete(help));
                say::error(&failure.chain, help.as_deref());
            }
        }
        subjects.extend(ended.iter().map(|(listed, _)| ReportSubject::of(&listed.resource)));
        let is_gone = |resource: &TaggedResource| {
            ended.iter().any(|(listed, end)| end.is_done() && listed.resource.id == resource.id)
        };
        let left: Vec<_> = self.all.iter().filter(|one| !is_gone(one)).cloned().collect();
        let report = RemovalReport {
            session: self.session,
            connections: self.connections,
            comment_key: self.options.comment_key.as_deref(),
            channels: self.channels,
            ended: &ended,
            left: &left,
            why: self.why,
        };
        let warnings = report.publish(&subjects).await;
        for warning in &warnings {
            say::tell(&format!("warning: {}", self.session.redactor.redact(warning)));
        }
        Removed { ended, warnings }
    }

    /// How many resources go, such as `2 container groups`.
    pub fn count(&self) -> String {
        let kinds = self.listed.iter().map(|one| (one.resource.kind, one.goes));
        count_by_kind(&kinds.collect::<Vec<_>>())
    }

    fn stages(&self) -> Vec<Vec<ListedResource>> {
        let mut going: Vec<&ListedResource> = self.listed.iter().filter(|one| one.goes).collect();
        going.sort_by_key(|one| (self.stage)(&one.resource));
        let stages =
            going.chunk_by(|one, next| (self.stage)(&one.resource) == (self.stage)(&next.resource));
        stages.map(|stage| stage.iter().map(|&one| one.clone()).collect()).collect()
    }

    /// Shows what became of the resources: lines, or one JSON document with `more` in it.
    pub fn show(&self, removed: &Removed, more: Map<String, Value>) {
        match self.options.output {
            Output::Human if removed.ended.is_empty() => {}
            Output::Human => say::result(&show::lines(&removed.ended)),
            Output::Json => {
                let mut whole = json!({
                    "groups": show::groups(&self.listed, &removed.ended),
                    "warnings": removed.warnings,
                });
                if let Some(members) = whole.as_object_mut() {
                    members.extend(more);
                }
                let text = serde_json::to_string_pretty(&whole).unwrap_or_default();
                say::result(&self.session.redactor.redact(&text));
            }
        }
    }

    /// Sums up what was removed, and what is left. `command` removes that, too.
    pub fn sum_up(&self, removed: &Removed, command: &str) -> Exit {
        let ended = &removed.ended;
        let count = |is_done: bool| {
            let kinds = ended.iter().map(|(it, end)| (it.resource.kind, end.is_done() == is_done));
            count_by_kind(&kinds.collect::<Vec<_>>())
        };
        let left = ended.iter().filter(|(_, deletion)| !deletion.is_done()).count();
        if !removed.ended.is_empty() {
            let is_started = |(_, deletion): &(_, Deletion)| *deletion == Deletion::Started;
            let verb = if removed.ended.iter().any(is_started) { "removing" } else { "removed" };
            say::tell(&format!("{verb} {}", count(true)));
        }
        if left == 0 {
            return Exit::Done;
        }
        let (is, them) = if left == 1 { ("is", "it") } else { ("are", "them") };
        let chain = [format!("{} {is} still there", count(false))];
        let help = format!("`shipway {command}` removes {them} once the cause is gone");
        say::error(&chain, Some(&self.session.command_context().complete(&help)));
        Exit::Failed
    }
}

/// What Shipway deployed. Resources of other tools are left out.
pub fn deployed(resources: Vec<DeployedResource>) -> Vec<TaggedResource> {
    resources.into_iter().filter_map(TaggedResource::of).collect()
}

/// A mistake on the command line.
pub fn mistake(session: &PlanSession, error: StepError) -> Exit {
    session.show_step_error(error);
    Exit::Usage
}
