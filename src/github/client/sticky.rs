//! The comment of a plan on a pull request, which later runs find and update.
//!
//! It is recognized by its first line, a hidden marker, and by its author. What follows quotes logs,
//! which may have a marker too: a token that may write
//! comments may edit all of them, and the comment of a person who quotes the marker
//! must not be replaced.

use super::built_commit::BuiltCommit;
use super::comments::Comment;
use super::error::{Error, Kind};
use super::repo::Repo;
use super::request::Client;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::collections::BTreeSet;
use std::fmt;

/// The author of comments with the token of a workflow.
const ACTIONS_BOT: &str = "github-actions[bot]";

/// The characters to escape in a marker. `-` is among them, because `--` ends a
/// comment in older HTML.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.');

/// The hidden line that identifies a comment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Marker(String);

impl Marker {
    /// The marker of a plan, an environment, and the key of `--comment-key`.
    pub fn new(plan: &str, environment: Option<&str>, key: &str) -> Self {
        let part = |text| utf8_percent_encode(text, ENCODED).to_string();
        let environment = part(environment.unwrap_or_default());
        Self(format!("<!-- shipway key={}/{environment}/{} -->", part(plan), part(key)))
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The markers of a plan and a key, whatever the environment.
#[derive(Clone, Copy, Debug)]
pub struct Markers<'a> {
    pub plan: &'a str,
    pub key: &'a str,
}

impl Markers<'_> {
    /// What all of them begin with.
    fn beginning(&self) -> String {
        format!("<!-- shipway key={}/", utf8_percent_encode(self.plan, ENCODED))
    }

    /// The environment in the marker of a comment; empty for none. `None` for a comment
    /// with another key.
    pub(super) fn environment(&self, body: &str) -> Option<String> {
        let rest = first_line(body).strip_prefix(&self.beginning())?;
        let (environment, key) = rest.split_once(" -->")?.0.split_once('/')?;
        let is_ours = key == utf8_percent_encode(self.key, ENCODED).to_string();
        is_ours.then(|| percent_decode_str(environment).decode_utf8_lossy().into_owned())
    }
}

/// A comment to create or to update.
#[derive(Clone, Copy, Debug)]
pub struct StickyComment<'a> {
    pub marker: &'a Marker,
    /// The marker of another comment whose place it takes.
    pub replaces: Option<&'a Marker>,
    /// Gets the marker in front if it does not begin with it.
    pub body: &'a str,
    /// The commit that it is about. A comment about a newer one is left as it is; without
    /// a commit here it is replaced too.
    pub commit: Option<&'a BuiltCommit>,
}

impl StickyComment<'_> {
    /// The markers of the comments that this one replaces.
    fn markers(&self) -> Vec<String> {
        [Some(self.marker), self.replaces].into_iter().flatten().map(Marker::to_string).collect()
    }
}

/// The end of [`Client::upsert_comment`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Upserted {
    Posted(Posted),
    /// The comment is about this newer commit, and was left as it is.
    Newer(BuiltCommit),
}

/// The comment that is there now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Posted {
    pub id: u64,
    pub url: String,
    pub change: Change,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    Created,
    Updated,
    Unchanged,
}

impl Client {
    /// Creates or updates a comment.
    ///
    /// It can be retried after any error, because it looks for the comment first.
    pub async fn upsert_comment(
        &self,
        repo: &Repo,
        number: u64,
        comment: &StickyComment<'_>,
    ) -> Result<Upserted, Error> {
        let (marker, markers) = (comment.marker.to_string(), comment.markers());
        let body = comment.body;
        let body =
            if body.starts_with(&marker) { body.to_owned() } else { format!("{marker}\n{body}") };
        let ours = self.ours(repo, number, &markers).await?;
        if let Some(newer) = newer(&ours, comment.commit) {
            return Ok(Upserted::Newer(newer));
        }
        if let Some(posted) = self.update_oldest(repo, ours, &body).await? {
            return Ok(Upserted::Posted(posted));
        }
        let created = self.create_comment(repo, number, &body).await?;
        // Another job may have created one at the same time. The older one stays.
        let ours = self.ours(repo, number, &markers).await?;
        let raced = ours.first().is_some_and(|oldest| oldest.id != created.id);
        if !raced {
            self.delete_duplicates(repo, &ours).await?;
        } else if let Some(posted) = self.update_oldest(repo, ours, &body).await? {
            return Ok(Upserted::Posted(posted));
        }
        Ok(Upserted::Posted(posted(created, Change::Created)))
    }

    /// The environments that our comments with these markers are about, each once;
    /// `None` for a run without one.
    pub async fn environments_of_comments(
        &self,
        repo: &Repo,
        number: u64,
        markers: &Markers<'_>,
    ) -> Result<Vec<Option<String>>, Error> {
        let ours = self.ours(repo, number, &[markers.beginning()]).await?;
        let named = ours.iter().filter_map(|comment| markers.environment(comment.body.as_deref()?));
        let named: BTreeSet<String> = named.collect();
        Ok(named.into_iter().map(|name| Some(name).filter(|name| !name.is_empty())).collect())
    }

    /// Updates the comment with this marker. `None` without one: a comment is
    /// not made only to say that something has gone.
    pub async fn update_sticky_comment(
        &self,
        repo: &Repo,
        number: u64,
        marker: &Marker,
        body: &str,
    ) -> Result<Option<Posted>, Error> {
        let ours = self.ours(repo, number, &[marker.to_string()]).await?;
        self.update_oldest(repo, ours, body).await
    }

    /// Updates the oldest of our comments and deletes the others. `None` if there are
    /// none, or if it was deleted at the same time.
    async fn update_oldest(
        &self,
        repo: &Repo,
        mut ours: Vec<Comment>,
        body: &str,
    ) -> Result<Option<Posted>, Error> {
        if ours.is_empty() {
            return Ok(None);
        }
        self.delete_duplicates(repo, &ours).await?;
        let oldest = ours.swap_remove(0);
        if oldest.body.as_deref().is_some_and(|there| same(there, body)) {
            return Ok(Some(posted(oldest, Change::Unchanged)));
        }
        match self.update_comment(repo, oldest.id, body).await {
            Ok(comment) => Ok(Some(posted(comment, Change::Updated))),
            Err(Error { kind: Kind::Missing, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Our comments with one of these markers, the oldest first.
    async fn ours(
        &self,
        repo: &Repo,
        number: u64,
        markers: &[String],
    ) -> Result<Vec<Comment>, Error> {
        let has_one =
            |body: &str| markers.iter().any(|marker| first_line(body).starts_with(marker));
        let mut found = self.comments(repo, number).await?;
        found.retain(|comment| comment.body.as_deref().is_some_and(has_one));
        let mut login = None;
        if found.iter().any(|comment| !is_bots(comment)) {
            // Fails with the token of a workflow, whose comments are a bot's.
            login = self.login().await.ok().map(|user| user.login);
        }
        found.retain(|comment| is_bots(comment) || is_by(comment, login.as_deref()));
        found.sort_by_key(|comment| comment.id);
        Ok(found)
    }

    async fn delete_duplicates(&self, repo: &Repo, ours: &[Comment]) -> Result<(), Error> {
        for comment in ours.iter().skip(1) {
            match self.delete_comment(repo, comment.id).await {
                // The other job has deleted it.
                Ok(()) | Err(Error { kind: Kind::Missing, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The newest commit that these comments are about, if it is newer than this one.
fn newer(ours: &[Comment], commit: Option<&BuiltCommit>) -> Option<BuiltCommit> {
    let commit = commit?;
    let told = ours.iter().filter_map(|one| BuiltCommit::of_comment(one.body.as_deref()?));
    told.filter(|told| told.is_newer_than(commit)).max_by_key(|told| told.time)
}

fn first_line(body: &str) -> &str {
    body.trim_start().lines().next().unwrap_or_default()
}

/// Whether an app wrote it: people cannot write as an app.
fn is_bots(comment: &Comment) -> bool {
    let user = comment.user.as_ref();
    user.is_some_and(|user| user.kind == "Bot" || user.login == ACTIONS_BOT)
}

fn is_by(comment: &Comment, login: Option<&str>) -> bool {
    comment.user.as_ref().is_some_and(|user| Some(user.login.as_str()) == login)
}

/// Whether two texts are equal to GitHub, which trims them and may change line ends.
fn same(there: &str, body: &str) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    plain(there) == plain(body)
}

fn posted(comment: Comment, change: Change) -> Posted {
    Posted { id: comment.id, url: comment.html_url, change }
}

#[cfg(test)]
mod tests;
