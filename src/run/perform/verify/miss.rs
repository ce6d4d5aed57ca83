//! Attempts that did not pass, and the error of a `verify` whose time is over.

use super::diagnosis::Diagnosis;
use super::endpoint::{self, Endpoint};
use super::gone;
use super::no_answer::NoAnswer;
use crate::run::outcome::StepError;
use crate::run::perform::deploy;
use crate::run::perform::performer::{Job, Performer};
use std::time::Duration;

/// An attempt that did not pass.
#[derive(Default)]
pub struct Miss {
    /// What the answer lacks; empty where it passed, but not often enough in a row.
    reason: String,
    /// Why there was no answer at all.
    no_answer: Option<NoAnswer>,
    /// The status of the answer, if it was not the expected one.
    status: Option<u16>,
    exchange: Vec<String>,
}

/// What was tried, for how long.
pub struct Tried<'a> {
    /// What each try asked, at least one.
    pub endpoints: &'a [Endpoint],
    pub tries: u32,
    pub within: Duration,
}

impl Tried<'_> {
    /// The host and port of the first endpoint.
    fn address(&self) -> (&str, u16) {
        self.endpoints.first().map_or(("", 0), Endpoint::address)
    }
}

impl Miss {
    /// An answer that is not as expected.
    pub fn of_answer(reason: String, exchange: Vec<String>) -> Self {
        Self { reason, exchange, ..Self::default() }
    }

    /// An answer of HTTP with this status that is not as expected.
    pub fn of_status(status: u16, reason: String, exchange: Vec<String>) -> Self {
        Self { status: Some(status), ..Self::of_answer(reason, exchange) }
    }

    /// An answer of a cache on the way, from before the check.
    pub fn of_cache(age: Duration, exchange: Vec<String>) -> Self {
        let reason = format!(
            "a cache on the way answered with what it has kept for {} s, from before this check; \
             `verify: /` asks the service itself",
            age.as_secs()
        );
        Self::of_answer(reason, exchange)
    }

    pub fn without_answer(no_answer: NoAnswer, exchange: Vec<String>) -> Self {
        Self {
            reason: no_answer.to_string(),
            no_answer: Some(no_answer),
            exchange,
            ..Self::default()
        }
    }

    /// That of an attempt in which several endpoints were asked. There was no answer for one
    /// reason only if it is that of each.
    pub fn of_all(mut misses: Vec<(&Endpoint, Self)>) -> Self {
        if misses.len() <= 1 {
            return misses.pop().map(|(_, miss)| miss).unwrap_or_default();
        }
        let first = misses.first().and_then(|(endpoint, miss)| {
            miss.no_answer.clone().map(|no_answer| (endpoint.address(), no_answer))
        });
        let common = first.filter(|(address, first)| {
            misses.iter().all(|(endpoint, miss)| match (&miss.no_answer, first) {
                (Some(NoAnswer::Refused { .. }), NoAnswer::Refused { .. }) => {
                    endpoint.address() == *address
                }
                (Some(NoAnswer::TimedOut), NoAnswer::TimedOut)
                | (Some(NoAnswer::Barred(_)), NoAnswer::Barred(_)) => true,
                _ => false,
            })
        });
        let no_answer = common.map(|(_, no_answer)| no_answer);
        let reasons = misses.iter().map(|(endpoint, miss)| format!("{endpoint}: {}", miss.reason));
        let reason = reasons.collect::<Vec<_>>().join("; ");
        let is_missing = misses.iter().all(|(_, miss)| miss.status == Some(404));
        let exchange = misses.into_iter().flat_map(|(_, miss)| miss.exchange).collect();
        Self { reason, no_answer, exchange, status: is_missing.then_some(404) }
    }

    /// Whether the attempt ended because there was no answer in time.
    pub fn is_timeout(&self) -> bool {
        self.no_answer == Some(NoAnswer::TimedOut)
    }

    /// Whether every further attempt would end like this one.
    pub fn is_final(&self) -> bool {
        matches!(self.no_answer, Some(NoAnswer::Barred(_)))
    }

    /// The error, with all that the deployed service shows of the reason.
    pub async fn into_error(
        self,
        performer: &Performer,
        job: &Job,
        tried: &Tried<'_>,
    ) -> StepError {
        let (host, port) = tried.address();
        let evidence = deploy::evidence(performer, job).await;
        let error = self.error(performer, tried).details(self.exchange);
        let Some(no_answer) = self.no_answer.filter(|_| is_deployed(host, job)) else {
            let lines = evidence.map(|evidence| evidence.lines).unwrap_or_default();
            return error.details(lines);
        };
        if evidence.is_none()
            && let Some(removed) = gone::removed(performer, job).await
        {
            return removed;
        }
        match evidence {
            // A container that has ended is the reason, whatever it would listen on.
            Some(evidence) if evidence.cause.is_some() => evidence.lead(error),
            evidence => {
                let diagnosis =
                    Diagnosis::new(performer, port, &no_answer, evidence.as_ref()).await;
                let error = diagnosis.explain(error);
                error.details(evidence.map(|evidence| evidence.lines).unwrap_or_default())
            }
        }
    }

    fn error(&self, performer: &Performer, tried: &Tried<'_>) -> StepError {
        let Tried { endpoints, tries, within } = tried;
        let asked = endpoint::any_of(endpoints);
        if let Some(NoAnswer::Barred(why)) = &self.no_answer {
            return StepError::new(format!("cannot ask {asked}")).because(why.clone()).help(
                "a local cloud reaches nothing outside of it (`--allow-host` is for images \
                 alone): leave this check out of a dry run with `if: \"!run.dry-run\"`",
            );
        }
        let times = if *tries == 1 { "once".to_owned() } else { format!("{tries} times") };
        let seconds = within.as_secs_f64();
        if let Some(NoAnswer::Refused { .. }) = self.no_answer {
            let (host, port) = tried.address();
            return StepError::new(format!(
                "nothing listens on port {port} of {host}, asked {times} within {seconds} s"
            ))
            .help("give it longer with `within`, or read its log");
        }
        let reason = if self.reason.is_empty() {
            "it did not pass often enough in a row".to_owned()
        } else {
            self.reason.clone()
        };
        let by_hand = by_hand(performer, endpoints);
        let help = match self.status {
            // It is up, so that it does not help to wait.
            Some(404) => {
                format!("change the path of `verify`, which the program does not have; {by_hand}")
            }
            _ => format!("{by_hand}; give it longer with `within`"),
        };
        StepError::new(format!(
            "{asked} did not answer as expected within {seconds} s, asked {times}"
        ))
        .because(reason)
        .help(help)
    }
}

/// How a person asks the endpoints. In a local cloud the name stands for a container of this
/// machine, and everywhere else for whoever has it at Azure.
fn by_hand(performer: &Performer, endpoints: &[Endpoint]) -> String {
    let facts = &performer.facts;
    if facts.dry_run {
        "`shipway dry-run --keep` leaves it up, to ask by hand what it answers".to_owned()
    } else if facts.commands.cloud.is_some() {
        "ask by hand what it answers, through the proxy that `shipway local` has printed".to_owned()
    } else {
        let urls: Vec<String> = endpoints.iter().map(|url| format!("'{url}'")).collect();
        format!("ask by hand what it answers: `curl -v {}`", urls.join(" "))
    }
}

/// Whether a host is that of the service's deployed resource.
fn is_deployed(host: &str, job: &Job) -> bool {
    job.handover.deployed.as_ref().is_some_and(|deployed| {
        [&deployed.fqdn, &deployed.ip].into_iter().flatten().any(|known| known == host)
    })
}
