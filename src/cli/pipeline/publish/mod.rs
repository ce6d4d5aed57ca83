//! Publishes the result of a run, or of a run that was refused: at GitHub and in
//! files.
//!
//! A report that cannot be made is a warning; it does not change the result. Without its
//! outputs, later steps of a workflow would go on with empty values, so that a run whose
//! outputs are lost does not exit with 0.

mod deployment;
mod lost;
mod not_made;
mod plan;
mod statuses;
mod subject;
pub mod traces;

pub use lost::LostOutputs;
pub use subject::{DeploymentName, EnvironmentName, Subject};

use crate::cli::session::connections::GitHubConnection;
use crate::event::{Channel, Event, EventKind, Reported, RunFinished};
use crate::github::actions::{append, append_summary};
use crate::github::client::{
    Client, Error, Marker, Markers, Posted, Repo, StickyComment, Upserted,
};
use crate::report::{Card, View, action_outputs, result};
use crate::resolve::HostEnvironment;
use crate::run::outcome::chain_of;
use crate::run::perform::retry;
use crate::secret::Redactor;
use futures::future::join_all;
use not_made::{NotMade, no_connection, warnings};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

pub struct Publisher<'a> {
    pub subject: &'a Subject,
    /// `None` without a token, a repository, or a cloud that simulates GitHub.
    pub github: Option<(&'a crate::http::Client, &'a GitHubConnection)>,
    pub host: &'a HostEnvironment,
    pub redactor: &'a Redactor,
    /// The folder of the run. `None` if the run was refused before it had one.
    pub folder: Option<PathBuf>,
    /// Whether an earlier process of this run may have reported already.
    pub is_resumed: bool,
}

/// What came of the reports.
#[derive(Debug)]
pub struct Published {
    /// An event for each that was made, and a warning for each reason why some were not.
    pub events: Vec<EventKind>,
    /// Why the outputs or the file with the result were not written.
    pub lost: Option<LostOutputs>,
}

/// A run that has ended is not held up by its reports for longer.
const MAX_REPORT_TIME: Duration = Duration::from_mins(2);

type Made = Result<Option<Reported>, NotMade>;

/// A report that GitHub may take too long over.
struct Timed<'a> {
    /// GitHub's.
    host: &'a str,
    end: Instant,
    channel: Channel,
}

impl Timed<'_> {
    async fn made(self, report: impl Future<Output = Made>) -> Made {
        timeout_at(self.end, report).await.unwrap_or_else(|_| {
            let minutes = MAX_REPORT_TIME.as_secs() / 60;
            let why = format!("{} took more than {minutes} minutes", self.host);
            Err(NotMade::new(self.channel, why))
        })
    }
}

/// The comments of a pull request.
#[derive(Clone, Copy)]
struct Conversation<'a> {
    client: &'a Client,
    repo: &'a Repo,
    number: u64,
}

impl Publisher<'_> {
    /// Reports to GitHub first, so that the files can name what was made there.
    pub async fn publish(&self, view: &View, finished: &RunFinished, at: Duration) -> Published {
        let card = Card::new(view, finished);
        let (mut events, mut missing) = (Vec::new(), Vec::new());
        let end = Instant::now() + MAX_REPORT_TIME;
        let host = self.host_of_github();
        let card = &card;
        let reports = self.subject.channels.iter().map(|&channel| {
            let report = async move {
                match channel {
                    Channel::Comment => self.comment(card).await,
                    Channel::Deployment => self.deployment(view, finished, card).await,
                    Channel::Status => self.status(card, finished).await,
                    Channel::ServiceStatus => self.service_statuses(card, finished).await,
                    Channel::Summary => self.summary(card),
                    // That of `shipway plan`, not of a run.
                    Channel::Plan => Ok(None),
                }
            };
            Timed { host: &host, end, channel }.made(report)
        });
        // At once: one that GitHub has wait leaves the others their time.
        for made in join_all(reports).await {
            match made {
                Ok(reported) => events.extend(reported.map(EventKind::Reported)),
                Err(reason) => missing.push(reason),
            }
        }
        events.extend(warnings(&missing).iter().map(|message| self.warning(message)));
        let mut whole = view.clone();
        for kind in &events {
            whole.apply(&Event { at, kind: kind.clone() });
        }
        let lost = self.outputs(&whole, finished).err();
        Published { events, lost }
    }

    /// What is left to do once the reports to GitHub were stopped: the files, which later
    /// steps of a workflow read.
    pub fn publish_files(&self, view: &View, finished: &RunFinished) -> Published {
        let warning = "the run was told to stop while it reported to GitHub, so that reports may \
                       be missing there";
        let lost = self.outputs(view, finished).err();
        Published { events: vec![self.warning(warning)], lost }
    }

    fn host_of_github(&self) -> String {
        let api = self.github.and_then(|(_, connection)| Url::parse(&connection.api).ok());
        api.as_ref().and_then(Url::host_str).unwrap_or("GitHub").to_owned()
    }

    fn warning(&self, message: &str) -> EventKind {
        EventKind::Warned { step: None, message: self.redactor.redact(message) }
    }

    async fn comment(&self, card: &Card) -> Made {
        let Some(number) = self.subject.pull_request else { return Ok(None) };
        let Some((client, repo)) = self.connection(Channel::Comment)? else { return Ok(None) };
        let conversation = Conversation { client: &client, repo: &repo, number };
        let subject = self.subject;
        let key = subject.comment_key.as_deref().unwrap_or_default();
        let marker = self.marker(conversation, Channel::Comment, key).await?;
        let body = card.comment(&subject.hidden_lines(&marker), self.redactor);
        // A run that found no environment has left a comment without one.
        let without = subject
            .environment
            .name()
            .and(subject.plan.as_deref())
            .map(|plan| Marker::new(plan, None, key));
        let posted = self
            .upserted(
                conversation,
                Channel::Comment,
                StickyComment {
                    marker: &marker,
                    replaces: without.as_ref(),
                    body: &body,
                    commit: subject.guarded_commit(),
                },
            )
            .await?;
        let text = self.subject.dry_run.then(|| self.redactor.redact(&card.text()));
        Ok(Some(Reported {
            to: Channel::Comment,
            id: Some(posted.id),
            url: Some(posted.url),
            text,
        }))
    }

    /// Posts the comment, unless there is one about a newer commit. A branch that went back
    /// to this commit has an older one at its head, so GitHub is asked then.
    async fn upserted(
        &self,
        conversation: Conversation<'_>,
        channel: Channel,
        comment: StickyComment<'_>,
    ) -> Result<Posted, NotMade> {
        let Conversation { client, repo, number } = conversation;
        let refused = |error: Error| NotMade::refused(channel, &error, self.subject);
        let upserted = retry(|| client.upsert_comment(repo, number, &comment)).await;
        let newer = match upserted.map_err(refused)? {
            Upserted::Posted(posted) => return Ok(posted),
            Upserted::Newer(newer) => newer,
        };
        let kept = || NotMade::older(channel, &newer, self.subject.built.as_ref());
        let pull = retry(|| client.pull(repo, number)).await.map_err(|_| kept())?;
        if self.subject.commit.as_deref() != Some(&pull.head.sha) {
            return Err(kept());
        }
        let comment = StickyComment { commit: None, ..comment };
        match retry(|| client.upsert_comment(repo, number, &comment)).await.map_err(refused)? {
            Upserted::Posted(posted) => Ok(posted),
            Upserted::Newer(_) => Err(kept()),
        }
    }

    /// The marker by which the comment is found again. A run that was refused without an
    /// environment has that of the plan's only comment: its check mark must not stand.
    async fn marker(
        &self,
        conversation: Conversation<'_>,
        channel: Channel,
        key: &str,
    ) -> Result<Marker, NotMade> {
        let Conversation { client, repo, number } = conversation;
        let unknown = |why: &str| NotMade::new(channel, why);
        let Some(plan) = &self.subject.plan else {
            return Err(unknown(
                "the plan cannot be read, so it is not known which comment is its own",
            ));
        };
        if !matches!(
            self.subject.environment,
            EnvironmentName::Unknown | EnvironmentName::Unmatched
        ) {
            return Ok(Marker::new(plan, self.subject.environment.name(), key));
        }
        let markers = Markers { plan, key };
        let known = retry(|| client.environments_of_comments(repo, number, &markers)).await;
        let known = known.map_err(|error| NotMade::refused(channel, &error, self.subject))?;
        match known.as_slice() {
            [one] => Ok(Marker::new(plan, one.as_deref(), key)),
            [] if self.subject.environment == EnvironmentName::Unmatched => {
                Ok(Marker::new(plan, None, key))
            }
            [] => Err(unknown(
                "no environment could be chosen, so it is not known which comment is its own",
            )),
            several => {
                let named = several.iter().flatten().map(|name| format!("`{name}`"));
                let named = named.collect::<Vec<_>>().join(", ");
                Err(NotMade::new(
                    channel,
                    format!(
                        "no environment could be chosen, and the pull request has comments of several ({named}), which stand"
                    ),
                ))
            }
        }
    }

    fn summary(&self, card: &Card) -> Made {
        let Some(file) = self.host.var("GITHUB_STEP_SUMMARY") else { return Ok(None) };
        append_summary(Path::new(file), &card.summary(self.redactor))
            .map_err(|error| NotMade::new(Channel::Summary, chain_of(&error).join(": ")))?;
        Ok(Some(Reported { to: Channel::Summary, id: None, url: None, text: None }))
    }

    /// Writes `result.json`, and in GitHub Actions the outputs of the step.
    fn outputs(&self, view: &View, finished: &RunFinished) -> Result<(), LostOutputs> {
        let file = self.result_file(view, finished);
        let path = file.as_ref().ok().and_then(Option::as_ref);
        let named = path.map(|path| path.display().to_string()).unwrap_or_default();
        let written = match self.host.var("GITHUB_OUTPUT") {
            Some(to) => append(Path::new(to), &action_outputs(view, finished, &named))
                .map_err(|error| LostOutputs::of(&error, self.redactor)),
            None => Ok(()),
        };
        written.and(file.map(|_| ()))
    }

    /// The file with the complete result. `None` without a folder to write it to.
    fn result_file(
        &self,
        view: &View,
        finished: &RunFinished,
    ) -> Result<Option<PathBuf>, LostOutputs> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let path = folder.join("result.json");
        let text = serde_json::to_string_pretty(&result(view, finished)).unwrap_or_default();
        match std::fs::write(&path, self.redactor.redact(&text)) {
            Ok(()) => Ok(Some(path)),
            Err(error) => Err(LostOutputs::of_result(&path, &error)),
        }
    }

    /// The commit that a report is attached to.
    fn commit(&self, channel: Channel) -> Result<&str, NotMade> {
        self.subject.commit.as_deref().ok_or_else(|| {
            let why = self.subject.no_commit.as_deref().unwrap_or("there is no commit");
            NotMade::new(channel, format!("the commit is not known: {why}"))
        })
    }

    /// The client and the repository. `None` in a dry run that was refused before its
    /// local GitHub was up: a dry run never asks the real one.
    fn connection(&self, channel: Channel) -> Result<Option<(Client, Repo)>, NotMade> {
        let Some((http, GitHubConnection { api, token, repository })) = self.github else {
            if self.subject.dry_run {
                return Ok(None);
            }
            return Err(NotMade::new(channel, no_connection(self.subject, self.host)));
        };
        let api =
            Url::parse(api).map_err(|error| NotMade::new(channel, format!("`{api}`: {error}")))?;
        let repo = repository.parse::<Repo>();
        let repo = repo.map_err(|error| NotMade::new(channel, error.to_string()))?;
        Ok(Some((Client::new(http, api, token.clone()), repo)))
    }
}

#[cfg(test)]
mod tests {
    use super::not_made::warnings;
    use super::{MAX_REPORT_TIME, Made, NotMade, Timed};
    use crate::event::Channel;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn reports_take_two_minutes_at_most_in_all() {
        let begun = Instant::now();
        let end = begun + MAX_REPORT_TIME;
        let slow = async |channel, seconds| -> Made {
            let report = async {
                sleep(Duration::from_secs(seconds)).await;
                Ok(None)
            };
            Timed { host: "api.github.com", end, channel }.made(report).await
        };
        let (in_time, late, never) = tokio::join!(
            slow(Channel::Comment, 90),
            slow(Channel::Deployment, 130),
            slow(Channel::Status, 3600),
        );
        assert_eq!(in_time, Ok(None));
        assert_eq!(begun.elapsed(), Duration::from_mins(2));
        let missing: Vec<NotMade> = [late, never].into_iter().filter_map(Result::err).collect();
        assert_eq!(
            warnings(&missing),
            [
                "the deployment and the status of the commit were not made: api.github.com took more than 2 minutes"
            ]
        );
    }
}
