//! The comment about what a run would do, beside the one about what it did.

use super::not_made::{NotMade, warnings};
use super::{Conversation, Publisher};
use crate::event::Channel;
use crate::github::client::{Marker, Posted, StickyComment};
use crate::report::PlanCard;

/// What a `--comment-key` ends with in the marker of this comment.
const KEY: &str = ":plan";

impl Publisher<'_> {
    /// Posts the comment if this is about a pull request. An error is a warning.
    pub async fn plan(&self, card: &PlanCard) -> Result<Option<Posted>, String> {
        let posted = self.post_plan(card).await;
        posted.map_err(|reason| self.redactor.redact(&warnings(&[reason]).join("; ")))
    }

    async fn post_plan(&self, card: &PlanCard) -> Result<Option<Posted>, NotMade> {
        let subject = self.subject;
        let Some(number) = subject.pull_request else { return Ok(None) };
        let Some((client, repo)) = self.connection(Channel::Plan)? else { return Ok(None) };
        let key = format!("{}{KEY}", subject.comment_key.as_deref().unwrap_or_default());
        let marker = Marker::new(&card.plan, card.environment.as_deref(), &key);
        let body = card.comment(&subject.hidden_lines(&marker), self.redactor);
        let comment = StickyComment {
            marker: &marker,
            replaces: None,
            body: &body,
            commit: subject.built.as_ref(),
        };
        let conversation = Conversation { client: &client, repo: &repo, number };
        self.upserted(conversation, Channel::Plan, comment).await.map(Some)
    }
}
