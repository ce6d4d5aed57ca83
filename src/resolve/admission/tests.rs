//! The whole table of decisions, as one snapshot.

use super::{Decision, EnvironmentFacts, Facts, LeaveOut};
use crate::http::Retryable as _;
use crate::plan::schema::PROTECTED_EVENTS;
use crate::resolve::error::UnmatchedEnvironment;
use crate::resolve::event::{Checkout, EventOrigin, LookupFailure, PullRequest, Trust};
use crate::resolve::git::Git;
use std::fmt::Write as _;

const HEAD: &str = "aaaaaaa0000000000000000000000000000000aa";
const OTHER: &str = "bbbbbbb0000000000000000000000000000000bb";

/// An environment that only this event chooses.
fn needs(name: &str, event: &str) -> UnmatchedEnvironment {
    let condition = format!("github.event_name == '{event}'");
    UnmatchedEnvironment { name: name.to_owned(), condition }
}

/// An event, and what it says of a pull request.
struct Case {
    name: &'static str,
    origin: Option<EventOrigin>,
    event: &'static str,
    about: About,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum About {
    /// The payload describes the pull request.
    Described,
    /// GitHub has to be asked.
    LookedUp,
    /// There is no pull request.
    Nothing,
}

const CASES: [Case; 15] = [
    Case { name: "no event", origin: None, event: "", about: About::Nothing },
    Case { name: "no event, --pr 7", origin: None, event: "", about: About::LookedUp },
    Case { name: "simulated push", ..simulated("push", About::Nothing) },
    Case { name: "simulated pull_request", ..simulated("pull_request", About::Described) },
    Case { name: "pull_request in a file", ..in_file("pull_request", About::Described) },
    Case { name: "issue_comment in a file", ..in_file("issue_comment", About::LookedUp) },
    Case { name: "push in a file", ..in_file("push", About::Nothing) },
    workflow("pull_request", About::Described),
    workflow("pull_request_target", About::Described),
    workflow("issue_comment", About::LookedUp),
    workflow("workflow_run", About::LookedUp),
    Case { name: "workflow_dispatch, --pr 7", ..workflow("workflow_dispatch", About::LookedUp) },
    Case { name: "push, with an open pull request", ..workflow("push", About::Described) },
    workflow("push", About::Nothing),
    workflow("schedule", About::Nothing),
];

const fn workflow(event: &'static str, about: About) -> Case {
    Case { name: event, origin: Some(EventOrigin::Workflow), event, about }
}

const fn simulated(event: &'static str, about: About) -> Case {
    Case { name: event, origin: Some(EventOrigin::Simulated), event, about }
}

const fn in_file(event: &'static str, about: About) -> Case {
    Case { name: event, origin: Some(EventOrigin::File), event, about }
}

#[derive(Clone, Copy)]
enum Code {
    Own,
    Fork,
    /// A fork whose head a maintainer named with `--allow-fork-deploy`.
    AllowedFork,
    Closed,
}

/// Each with whether there is a token.
const CODES: [(Code, bool); 5] = [
    (Code::Own, true),
    (Code::Fork, true),
    (Code::AllowedFork, true),
    (Code::Closed, true),
    (Code::Own, false),
];

#[derive(Clone, Copy)]
enum Environment {
    Settled,
    NoMatch,
    Withheld,
}

const CHECKOUTS: [Checkout; 4] =
    [Checkout::Head, Checkout::Merge, Checkout::Other, Checkout::Unknown];

/// What is decided, in words.
fn words(decision: Decision) -> String {
    let said = |error: &crate::resolve::ResolveError| {
        let code = if error.is_usage() { 2 } else { 3 };
        let source = std::error::Error::source(error);
        let source = source.map(|source| format!(": {source}")).unwrap_or_default();
        let help = error.help().map(|help| format!("\n   help: {help}")).unwrap_or_default();
        format!("{code}: {error}{source}{help}")
    };
    match decision {
        Decision::Go => "pushed and deployed".to_owned(),
        Decision::LeaveOut(LeaveOut::Fork) => "left out, the code comes from a fork".to_owned(),
        Decision::LeaveOut(LeaveOut::Closed) => "left out, the pull request is closed".to_owned(),
        Decision::Note(error) => format!("pushed and deployed, with a note: {error}"),
        Decision::Refuse(error) => format!("exit code {}", said(&error)),
    }
}

struct Row<'a> {
    case: &'a Case,
    code: Code,
    token: bool,
    environment: Environment,
    dry_run: bool,
}

impl Row<'_> {
    fn decide(&self, checkout: Checkout) -> String {
        let is_known = self.case.about != About::LookedUp || self.token;
        let mut pull_request = PullRequest { number: 7, ..PullRequest::default() };
        if is_known {
            pull_request.head_sha = Some(HEAD.to_owned());
            pull_request.fork = Some(matches!(self.code, Code::Fork | Code::AllowedFork));
            pull_request.closed = matches!(self.code, Code::Closed);
        }
        let checkout = if is_known { checkout } else { Checkout::Unknown };
        let git = Git {
            head: match checkout {
                Checkout::Head => Some(HEAD.to_owned()),
                Checkout::Merge | Checkout::Other => Some(OTHER.to_owned()),
                Checkout::Unknown => None,
            },
            missing: (checkout == Checkout::Unknown && is_known)
                .then(|| "`/src` is not in a git repository".to_owned()),
            ..Git::default()
        };
        let trust = if pull_request.fork == Some(true) {
            let why = "the pull request comes from a fork".to_owned();
            Trust::Fork { head: pull_request.head_sha.clone(), why }
        } else {
            Trust::Trusted
        };
        let failure = LookupFailure {
            chain: vec!["there is no token to ask GitHub with".to_owned()],
            help: None,
        };
        let facts = Facts {
            origin: self.case.origin,
            event: self.case.event,
            dry_run: self.dry_run,
            pull_request: (self.case.about != About::Nothing).then_some(&pull_request),
            trust: &trust,
            git: &git,
            checkout,
            unknown: (!is_known).then_some(&failure),
            environment: match self.environment {
                Environment::Settled => EnvironmentFacts::Settled,
                Environment::NoMatch => EnvironmentFacts::NoMatch(vec![
                    needs("production", "push"),
                    needs("preview", "pull_request"),
                ]),
                Environment::Withheld => EnvironmentFacts::Withheld("production"),
            },
            allowed: matches!(self.code, Code::AllowedFork).then_some(HEAD),
        };
        words(facts.decide())
    }

    /// The event, and the code of the pull request.
    fn name(&self) -> String {
        let code = match self.code {
            _ if self.case.about == About::Nothing => "",
            _ if !self.token => ", without a token",
            Code::Own => ", own",
            Code::Fork => ", fork",
            Code::AllowedFork => ", allowed fork",
            Code::Closed => ", closed",
        };
        format!("{}{code}", self.case.name)
    }
}

/// Every decision by its number, in the order of first appearance.
#[derive(Default)]
struct Legend(Vec<String>);

impl Legend {
    fn number(&mut self, decision: String) -> usize {
        let known = self.0.iter().position(|known| *known == decision);
        known.unwrap_or_else(|| {
            self.0.push(decision);
            self.0.len() - 1
        }) + 1
    }
}

/// The width of the first column.
const WIDTH: usize = 46;

fn title() -> String {
    let checkouts = "| head merge other    no ".repeat(3);
    format!(
        "{:WIDTH$}| environment settled     | none matches            | protected one matches\n\
         {:WIDTH$}{}\n",
        "",
        "event, code of the pull request; checked out:",
        checkouts.trim_end()
    )
}

/// A row for each event and code, with the number of the decision for each
/// environment and checkout, and then what the numbers mean.
fn table(dry_run: bool) -> String {
    let (mut table, mut legend) = (title(), Legend::default());
    for case in &CASES {
        let codes: &[(Code, bool)] = match case.about {
            About::Nothing => &[(Code::Own, true)],
            About::Described => &CODES[..4],
            About::LookedUp => &CODES,
        };
        for &(code, token) in codes {
            let mut line = String::new();
            for environment in [Environment::Settled, Environment::NoMatch, Environment::Withheld] {
                let row = Row { case, code, token, environment, dry_run };
                if line.is_empty() {
                    write!(line, "{:WIDTH$}", row.name()).expect("a string takes everything");
                }
                line += "|";
                let trusted = PROTECTED_EVENTS.contains(&case.event);
                for checkout in CHECKOUTS {
                    // These events can choose it.
                    if trusted && matches!(environment, Environment::Withheld) {
                        line += "     -";
                        continue;
                    }
                    let number = legend.number(row.decide(checkout));
                    write!(line, "{number:6}").expect("a string takes everything");
                }
                line += " ";
            }
            writeln!(table, "{}", line.trim_end()).expect("a string takes everything");
        }
    }
    for (at, decision) in legend.0.iter().enumerate() {
        write!(table, "\n{}: {decision}", at + 1).expect("a string takes everything");
    }
    table
}

#[test]
fn every_event_checkout_fork_token_and_environment_in_a_real_run() {
    insta::assert_snapshot!(table(false));
}

#[test]
fn every_event_checkout_fork_token_and_environment_in_a_dry_run() {
    insta::assert_snapshot!(table(true));
}
