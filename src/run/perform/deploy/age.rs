//! Keeps an older commit from replacing a newer one, as a slow run would do that ends
//! after the run of a later push.

use crate::plan::expr::Scope;
use crate::run::outcome::StepError;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::facts::{DescendsFrom, RunFacts};
use jiff::Timestamp;

/// The commit that is going to be deployed.
#[derive(Clone, Default)]
pub struct OwnCommit {
    /// `owner/name`; `None` where the plan is in no repository.
    repository: Option<String>,
    hash: String,
    time: Option<Timestamp>,
    /// The commit that the event's push replaced, by whatever commit.
    replaced: String,
    descends_from: Option<DescendsFrom>,
}

impl OwnCommit {
    pub fn new(facts: &RunFacts, scope: &Scope) -> Self {
        let git = |name: &str| scope.context("git").map(|git| git.get(name).text());
        let event = scope.context("github").map(|github| github.get("event"));
        Self {
            repository: facts.repository.clone(),
            descends_from: facts.source.descends_from.clone(),
            hash: git("sha").unwrap_or_default(),
            time: git("commit-time").and_then(|time| time.parse().ok()),
            replaced: event.map(|event| event.get("before").text()).unwrap_or_default(),
        }
    }

    /// Fails where `name` was deployed from a newer commit of the same repository.
    ///
    /// A push that put the older commit in the place of the deployed one says so in its
    /// event, and is deployed. So is a commit that was made from the deployed one, whatever the
    /// clocks of those who made them said.
    pub fn check(&self, name: &str, deployed: &ResourceTags) -> Result<(), StepError> {
        let parsed = |time: &String| time.parse::<Timestamp>().ok();
        let deployed_time = deployed.commit_time.as_ref().and_then(parsed);
        let (Some(own), Some(newer), Some(hash)) = (self.time, deployed_time, &deployed.commit)
        else {
            return Ok(());
        };
        let is_elsewhere = match (&self.repository, &deployed.repository) {
            (Some(own), Some(other)) => !own.eq_ignore_ascii_case(other),
            (own, other) => own.is_some() != other.is_some(),
        };
        if is_elsewhere || newer <= own || *hash == self.hash || *hash == self.replaced {
            return Ok(());
        }
        if self.descends_from.as_ref().is_some_and(|descends_from| descends_from(hash)) {
            return Ok(());
        }
        let message = format!(
            "{name} runs commit {} of {newer}, which is newer than {} of {own}",
            short(hash),
            short(&self.hash)
        );
        let help = "deploy the newest commit, or say with `--allow-older` that it is to go back";
        Err(StepError::new(message).help(help))
    }
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::{DescendsFrom, OwnCommit, ResourceTags};
    use std::sync::Arc;

    fn own() -> OwnCommit {
        OwnCommit {
            repository: Some("octo/demo".into()),
            hash: "1111111aaa".into(),
            time: "2026-11-20T10:00:00Z".parse().ok(),
            replaced: String::new(),
            descends_from: None,
        }
    }

    fn deployed(commit: &str, time: &str) -> ResourceTags {
        ResourceTags {
            repository: Some("Octo/demo".into()),
            commit: Some(commit.into()),
            commit_time: Some(time.into()),
            ..ResourceTags::default()
        }
    }

    #[test]
    fn newer_commit_is_not_replaced() {
        let newer = deployed("2222222bbb", "2026-11-20T12:00:01+02:00");

        let refused = own().check("container group `hello`", &newer).expect_err("it is newer");

        assert_eq!(
            refused.failure.chain,
            ["container group `hello` runs commit 2222222 of 2026-11-20T10:00:01Z, \
              which is newer than 1111111 of 2026-11-20T10:00:00Z"]
        );
        assert_eq!(
            refused.failure.help.as_deref(),
            Some("deploy the newest commit, or say with `--allow-older` that it is to go back")
        );
    }

    #[test]
    fn everything_else_is_replaced() {
        let newer = deployed("2222222bbb", "2026-11-20T10:00:01Z");
        let passes = |own: OwnCommit, deployed: &ResourceTags| own.check("it", deployed).is_ok();

        assert!(!passes(own(), &newer));
        assert!(passes(own(), &deployed("2222222bbb", "2026-11-20T10:00:00Z")), "the same second");
        assert!(passes(own(), &deployed("1111111aaa", "2026-11-20T10:00:01Z")), "the same commit");
        assert!(passes(own(), &deployed("2222222bbb", "yesterday")), "an unreadable time");
        assert!(passes(own(), &ResourceTags::default()), "no commit is recorded");
        let forced = OwnCommit { replaced: "2222222bbb".into(), ..own() };
        assert!(passes(forced, &newer), "the push put the older commit in its place");
        let descends: DescendsFrom = Arc::new(|commit| commit == "2222222bbb");
        let child = OwnCommit { descends_from: Some(descends), ..own() };
        assert!(passes(child.clone(), &newer), "it was made from the deployed one");
        assert!(!passes(child, &deployed("3333333ccc", "2026-11-20T10:00:01Z")));
        let elsewhere = ResourceTags { repository: Some("octo/other".into()), ..newer.clone() };
        assert!(passes(own(), &elsewhere), "commits of two repositories cannot be compared");
        assert!(passes(OwnCommit { repository: None, ..own() }, &newer));
        assert!(passes(OwnCommit { time: None, ..own() }, &newer), "no repository");
    }
}
