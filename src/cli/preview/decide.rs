//! Decides what an event means for the preview of a pull request. A pure function, so
//! that all cases stand in one table.

use crate::resolve::PullRequest;
use crate::run::outcome::StepError;

/// What the decision depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct PreviewFacts<'a> {
    /// The name of the event; empty without one.
    pub event: &'a str,
    /// What a comment asks for, if the event is one.
    pub comment: Option<CommentCommand<'a>>,
    pub pull_request: Option<&'a PullRequest>,
    /// Whether GitHub did not tell which pull request the event is about.
    pub is_unknown: bool,
    /// Whether the plan has no environments, or one of them applies.
    pub applies: bool,
    /// Whether the command line names a commit of a fork that may be deployed.
    pub allows_fork: bool,
}

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    Deploy,
    /// Take the preview down. The text is a sentence of the comment that says why.
    Remove(String),
    /// Nothing, for this reason.
    Leave(String),
}

/// What the first word of a comment asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CommentCommand<'a> {
    Deploy,
    /// Remove the preview. The text is the login of the account that asks.
    Destroy(&'a str),
    /// It asks for nothing.
    Other,
}

impl<'a> CommentCommand<'a> {
    /// Reads a comment. Only its first word counts, so that a quoted or mentioned command
    /// does nothing.
    pub fn read(body: &str, author: &'a str) -> Self {
        match body.split_whitespace().next() {
            Some("/deploy") => Self::Deploy,
            Some("/destroy") => Self::Destroy(author),
            _ => Self::Other,
        }
    }
}

impl PreviewFacts<'_> {
    pub fn decide(&self) -> Result<Decision, StepError> {
        if self.comment == Some(CommentCommand::Other) {
            let why = "the comment begins with neither `/deploy` nor `/destroy`";
            return Ok(Decision::Leave(why.to_owned()));
        }
        let Some(pull_request) = self.pull_request else { return self.without_pull_request() };
        let number = pull_request.number;
        let is_fork = pull_request.fork == Some(true);
        let is_closed = pull_request.closed;
        Ok(match self.comment {
            Some(CommentCommand::Destroy(login)) => {
                Decision::Remove(format!("@{login} asked for it"))
            }
            Some(_) if is_closed => {
                Decision::Leave(format!("pull request {number} is closed, so it has no preview"))
            }
            // Its code would be built with the secrets of the base branch's workflow.
            Some(CommentCommand::Deploy) if is_fork && !self.allows_fork => {
                Decision::Leave(format!(
                    "pull request {number} comes from a fork; `--allow-fork-deploy SHA` deploys \
                     a commit that was reviewed"
                ))
            }
            // GitHub gives such a run no secrets and no identity to sign in with.
            None if is_closed && is_fork && self.event == "pull_request" => {
                Decision::Leave(format!(
                    "pull request {number} comes from a fork, which this event may not deploy; \
                     `shipway sweep` removes a preview that was allowed"
                ))
            }
            None if is_closed => Decision::Remove(format!("Pull request {number} was closed")),
            None if self.ends_with_the_event() && !self.applies && !is_fork => {
                let why =
                    format!("No environment of the plan applies to pull request {number} now");
                Decision::Remove(why)
            }
            _ => Decision::Deploy,
        })
    }

    /// Whether the `if` of an environment says whether the pull request has a preview:
    /// the label was removed, it is a draft again.
    fn ends_with_the_event(&self) -> bool {
        matches!(self.event, "pull_request" | "pull_request_target")
    }

    fn without_pull_request(&self) -> Result<Decision, StepError> {
        // The run says why, to where it reports.
        if self.is_unknown {
            return Ok(Decision::Deploy);
        }
        match self.event {
            "issue_comment" => {
                Ok(Decision::Leave("the comment is on an issue, not on a pull request".to_owned()))
            }
            "push" | "workflow_run" => {
                Ok(Decision::Leave(format!("`{}` is about no open pull request", self.event)))
            }
            "schedule" => Err(StepError::of_usage(
                "`schedule` is about no pull request, and a preview belongs to one",
            )
            .help("`shipway sweep --yes` is for schedules: it removes what nothing needs")),
            event => {
                let what = if event.is_empty() {
                    "cannot tell which pull request the preview belongs to".to_owned()
                } else {
                    format!("`{event}` is about no pull request, and a preview belongs to one")
                };
                Err(StepError::of_usage(what).help("add `--pr N`"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CommentCommand, Decision, PreviewFacts};
    use crate::resolve::PullRequest;

    fn pull_request() -> PullRequest {
        PullRequest { number: 7, fork: Some(false), ..PullRequest::default() }
    }

    /// What is decided, in short.
    fn decided(facts: PreviewFacts<'_>) -> String {
        match facts.decide() {
            Ok(Decision::Deploy) => "deploy".to_owned(),
            Ok(Decision::Remove(why)) => format!("remove: {why}"),
            Ok(Decision::Leave(why)) => format!("leave: {why}"),
            Err(error) => format!("error: {}", error.failure.chain.join(": ")),
        }
    }

    #[test]
    fn pull_request_is_deployed_while_an_environment_applies() {
        let open = pull_request();
        let facts = PreviewFacts {
            event: "pull_request",
            pull_request: Some(&open),
            applies: true,
            ..PreviewFacts::default()
        };
        assert_eq!(decided(facts), "deploy");
        let withdrawn = PreviewFacts { applies: false, ..facts };
        assert_eq!(
            decided(withdrawn),
            "remove: No environment of the plan applies to pull request 7 now"
        );
        // The run refuses it, and names what each environment needs.
        let dispatched = PreviewFacts { event: "workflow_dispatch", ..withdrawn };
        assert_eq!(decided(dispatched), "deploy");
    }

    #[test]
    fn closed_pull_request_is_taken_down() {
        let closed = PullRequest { closed: true, ..pull_request() };
        let facts = PreviewFacts {
            event: "pull_request",
            pull_request: Some(&closed),
            ..PreviewFacts::default()
        };
        assert_eq!(decided(facts), "remove: Pull request 7 was closed");
        let deploy = PreviewFacts { comment: Some(CommentCommand::Deploy), ..facts };
        assert_eq!(decided(deploy), "leave: pull request 7 is closed, so it has no preview");
    }

    #[test]
    fn fork_is_built_and_needs_no_removal() {
        let open = PullRequest { fork: Some(true), ..pull_request() };
        let closed = PullRequest { closed: true, ..open.clone() };
        let facts = PreviewFacts {
            event: "pull_request",
            pull_request: Some(&open),
            ..PreviewFacts::default()
        };
        assert_eq!(decided(facts), "deploy");
        let closed = PreviewFacts { pull_request: Some(&closed), ..facts };
        assert_eq!(
            decided(closed),
            "leave: pull request 7 comes from a fork, which this event may not deploy; \
             `shipway sweep` removes a preview that was allowed"
        );
        let comment = Some(CommentCommand::Deploy);
        let by_comment = PreviewFacts { event: "issue_comment", comment, ..facts };
        assert_eq!(
            decided(by_comment),
            "leave: pull request 7 comes from a fork; `--allow-fork-deploy SHA` deploys a commit \
             that was reviewed"
        );
        assert_eq!(decided(PreviewFacts { allows_fork: true, ..by_comment }), "deploy");
        let with_secrets = PreviewFacts { event: "pull_request_target", ..closed };
        assert_eq!(decided(with_secrets), "remove: Pull request 7 was closed");
    }

    #[test]
    fn first_word_of_a_comment_is_its_command() {
        let read = |body| CommentCommand::read(body, "ada");
        assert_eq!(read("/deploy"), CommentCommand::Deploy);
        assert_eq!(read(" /destroy now\r\n"), CommentCommand::Destroy("ada"));
        for other in ["", "> /deploy", "please /deploy", "/deploy-docs", "/Deploy"] {
            assert_eq!(read(other), CommentCommand::Other, "{other}");
        }
        let open = pull_request();
        let facts = PreviewFacts {
            event: "issue_comment",
            pull_request: Some(&open),
            ..PreviewFacts::default()
        };
        let of = |comment| decided(PreviewFacts { comment: Some(comment), ..facts });
        assert_eq!(of(CommentCommand::Deploy), "deploy");
        assert_eq!(of(CommentCommand::Destroy("ada")), "remove: @ada asked for it");
        assert_eq!(
            of(CommentCommand::Other),
            "leave: the comment begins with neither `/deploy` nor `/destroy`"
        );
    }

    #[test]
    fn event_without_a_pull_request_deploys_nothing() {
        let of = |event: &str| decided(PreviewFacts { event, ..PreviewFacts::default() });
        assert_eq!(of("push"), "leave: `push` is about no open pull request");
        assert_eq!(
            of("schedule"),
            "error: `schedule` is about no pull request, and a preview belongs to one"
        );
        assert_eq!(of(""), "error: cannot tell which pull request the preview belongs to");
        assert_eq!(
            of("workflow_dispatch"),
            "error: `workflow_dispatch` is about no pull request, and a preview belongs to one"
        );
        let issue = PreviewFacts {
            event: "issue_comment",
            comment: Some(CommentCommand::Deploy),
            ..PreviewFacts::default()
        };
        assert_eq!(decided(issue), "leave: the comment is on an issue, not on a pull request");
    }
}
