//! The comment about what a run would do, beside the one about what it did.

use super::not_made::{NotMade, warnings};
use super::{Conversation, Publisher};
use crate::event::Channel;
use crate::event::Failure;
use crate::github::client::{Posted, StickyComment};
use crate::report::PlanCard;

/// What a `--comment-key` ends with in the marker of this comment.
const KEY: &str = ":plan";

impl Publisher<'_> {
    /// Posts the comment if this is about a pull request. Returns what there is to say of
    /// that; an error is a warning.
    pub async fn plan(&self, card: &PlanCard) -> Vec<String> {
        match self.post_plan(card).await {
            Ok(posted) => posted
                .into_iter()
                .map(|posted| format!("comment on the pull request: {}", posted.url))
                .collect(),
            Err(reason) => {
                let warnings = warnings(&[reason]).into_iter();
                let shown = |text: String| self.redactor.redact(&format!("warning: {text}"));
                warnings.map(shown).collect()
            }
        }
    }

    /// Posts why nothing could be planned: the comment about an earlier plan must not stand
    /// for this one.
    pub async fn plan_refused(&self, refusals: Vec<Failure>) -> Vec<String> {
        let subject = self.subject;
        let card = PlanCard {
            plan: subject.plan.clone().unwrap_or_default(),
            part: subject.part(),
            environment: subject.environment.name().map(str::to_owned),
            refusals,
            commit: subject.commit.clone(),
            run_url: subject.origin.run_url.clone(),
            ..PlanCard::default()
        };
        self.plan(&card).await
    }

    async fn post_plan(&self, card: &PlanCard) -> Result<Option<Posted>, NotMade> {
        let subject = self.subject;
        let Some(number) = subject.pull_request else { return Ok(None) };
        let Some((client, repo)) = self.connection(Channel::Plan)? else { return Ok(None) };
        let conversation = Conversation { client: &client, repo: &repo, number };
        let key = format!("{}{KEY}", subject.comment_key.as_deref().unwrap_or_default());
        let marker = self.marker(conversation, Channel::Plan, &key).await?;
        let body = card.comment(&subject.hidden_lines(&marker), self.redactor);
        let comment = StickyComment {
            marker: &marker,
            replaces: None,
            body: &body,
            commit: subject.guarded_commit(),
        };
        self.upserted(conversation, Channel::Plan, comment).await.map(Some)
    }
}
