//! `verify`: sends requests to the deployed service until it answers as expected.

mod diagnosis;
mod ended;
mod endpoint;
mod exchange;
mod expectation;
mod gone;
mod miss;
mod no_answer;
mod pace;

use super::performer::{Job, Performer};
use super::require;
use crate::event::{OutputName, Outputs};
use crate::http::connect;
use crate::journal::Deployed;
use crate::plan::expr::{Rendered, Scope};
use crate::plan::literal::ExitCode;
use crate::plan::schema::{Probe, Verify};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use endpoint::{Endpoint, endpoints};
use exchange::{Exchange, Redirects, exchange};
use expectation::Expectation;
use miss::Miss;
use no_answer::NoAnswer;
use pace::{Every, Pace};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How long one attempt waits for an answer.
const MAX_TRY_TIME: Duration = Duration::from_secs(15);

/// By how much a cache may tell an answer older than it is: ages are whole seconds, and may be
/// rounded up at each cache.
const MAX_ROUNDING: Duration = Duration::from_secs(2);

/// How long a version that was put back may take to accept a connection.
const MAX_CONNECT_TIME: Duration = Duration::from_mins(1);

pub async fn perform(
    performer: &Performer,
    verify: &Verify,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    // A restart that is resumed may be long after what it started again was removed.
    if performer.facts.restarts.is_some()
        && let Some(error) = gone::removed(performer, job).await
    {
        return Err(error.into());
    }
    require::check_running(performer, verify, job).await?;
    if let Probe::Exit(code) = &verify.probe {
        return ended::until(performer, code, &Pace::of(verify, job)?, job).await;
    }
    let check = Check::at(endpoints(verify, job)?, verify, job)?;
    check.until_it_holds(performer, job).await
}

/// Makes the check as far as it asks what is deployed, by whatever name. `false` if it asks
/// other addresses alone. A check of `instead_of`, in whose place this version is to be, is made
/// of this version.
pub async fn deployed(
    performer: &Performer,
    verify: &Verify,
    job: &Job,
    instead_of: &Deployed,
) -> Result<bool, AttemptError> {
    if verify.waits_for_end() {
        return perform(performer, verify, job).await.map(|_| true);
    }
    let mut endpoints = endpoints(verify, job)?;
    let Some(deployed) = &job.handover.deployed else { return Ok(false) };
    let has = |of: &Deployed, endpoint: &Endpoint| {
        let names = [of.fqdn.as_deref(), of.ip.as_deref()].into_iter().flatten();
        names.into_iter().any(|name| name.eq_ignore_ascii_case(endpoint.address().0))
    };
    if let Some(host) = deployed.fqdn.as_deref().or(deployed.ip.as_deref()) {
        let replaced = endpoints.iter_mut().filter(|endpoint| has(instead_of, endpoint));
        replaced.for_each(|endpoint| endpoint.set_host(host));
    }
    endpoints.retain(|endpoint| has(deployed, endpoint));
    if endpoints.is_empty() {
        return Ok(false);
    }
    require::check_running(performer, verify, job).await?;
    let check = Check::at(endpoints, verify, job)?;
    check.until_it_holds(performer, job).await.map(|_| true)
}

/// Repeats the check for an earlier version, as far as it holds for any version: the
/// target answers with the status. `false` if the target is an expression, which may
/// be another for each version.
pub async fn repeat(
    performer: &Performer,
    verify: &Verify,
    job: &Job,
) -> Result<bool, AttemptError> {
    // What a job did is not done again.
    let targets = verify.probe.addresses();
    if targets.is_empty() || targets.iter().any(|target| target.as_literal().is_none()) {
        return Ok(false);
    }
    let check = Check {
        endpoints: endpoints(verify, job)?,
        redirects: redirects(verify, job)?,
        expectation: Expectation::of_any_version(&verify.expect, &job.scope)?,
        pace: Pace::of(verify, job)?,
    };
    check.until_it_holds(performer, job).await.map(|_| true)
}

/// Waits until what is deployed accepts a connection, if it has a public port.
pub async fn connects(performer: &Performer, job: &Job) -> Result<(), StepError> {
    let url = job.handover.deployed.as_ref().and_then(|deployed| deployed.url.as_deref());
    let url = url.and_then(|url| Url::parse(url).ok());
    let host = url.as_ref().and_then(Url::host_str);
    let (Some(host), Some(port)) = (host, url.as_ref().and_then(Url::port_or_known_default)) else {
        return Ok(());
    };
    let check = Check {
        endpoints: vec![Endpoint::Tcp { host: host.to_owned(), port }],
        redirects: Redirects::Kept,
        expectation: Expectation::default(),
        pace: Pace {
            within: MAX_CONNECT_TIME,
            every: Every::UpTo(Duration::from_secs(1)),
            consecutive: 1,
        },
    };
    match check.until_it_holds(performer, job).await {
        Err(AttemptError::Failed(error) | AttemptError::TimedOut { error, .. }) => Err(*error),
        Err(AttemptError::Stopped) | Ok(_) => Ok(()),
    }
}

/// A check, its expressions evaluated.
struct Check {
    /// Asked in order, until one answers as expected.
    endpoints: Vec<Endpoint>,
    redirects: Redirects,
    expectation: Expectation,
    pace: Pace,
}

impl Check {
    fn at(endpoints: Vec<Endpoint>, verify: &Verify, job: &Job) -> Result<Self, StepError> {
        let expectation = Expectation::new(&verify.expect, &job.scope)?;
        let redirects = redirects(verify, job)?;
        Ok(Self { endpoints, redirects, expectation, pace: Pace::of(verify, job)? })
    }

    async fn until_it_holds(
        &self,
        performer: &Performer,
        job: &Job,
    ) -> Result<StepOutput, AttemptError> {
        let Self { endpoints, pace, .. } = self;
        let Pace { within, consecutive, .. } = pace;
        let first = Instant::now();
        let deadline = first + *within;
        let mut passed = 0;
        let mut tries = 0_u32;
        let mut last_miss = None;
        loop {
            tries += 1;
            let left = deadline.saturating_duration_since(Instant::now()).min(MAX_TRY_TIME);
            let result = self.try_in_order(performer, first, deadline).await;
            passed = if result.is_ok() { passed + 1 } else { 0 };
            let miss = match result {
                Ok(answer) if passed >= *consecutive => {
                    job.note(format!("{} answers{}", answer.endpoint, in_words(answer.status)));
                    return Ok(answer.output(job));
                }
                Ok(_) => Miss::default(),
                Err(miss) => miss,
            };
            let next = pace.next_try(first, Instant::now(), passed);
            let Some(next) = next.filter(|_| !miss.is_final()) else {
                // An attempt that the deadline cut short says less than the one before.
                let cut_short = left < MAX_TRY_TIME && miss.is_timeout();
                let miss = last_miss.filter(|_| cut_short).unwrap_or(miss);
                let tried = miss::Tried { endpoints, tries, within: *within };
                return Err(miss.into_error(performer, job, &tried).await.into());
            };
            last_miss = Some(miss).filter(|miss| !miss.is_timeout()).or(last_miss);
            tokio::time::sleep_until(next).await;
        }
    }

    /// Asks one endpoint after the other until one answers as expected.
    async fn try_in_order(
        &self,
        performer: &Performer,
        first: Instant,
        deadline: Instant,
    ) -> Result<Answer<'_>, Miss> {
        let mut misses = Vec::new();
        for endpoint in &self.endpoints {
            let began = Instant::now();
            let limit = deadline.saturating_duration_since(began).min(MAX_TRY_TIME);
            match self.try_once(performer, endpoint, first, limit).await {
                Ok(status) => return Ok(Answer { endpoint, status, latency: began.elapsed() }),
                Err(miss) => misses.push((endpoint, miss)),
            }
        }
        Err(Miss::of_all(misses))
    }

    /// Sends one request, or connects once. Returns the status of an HTTP answer, which must
    /// have been made since the first attempt.
    async fn try_once(
        &self,
        performer: &Performer,
        endpoint: &Endpoint,
        first: Instant,
        limit: Duration,
    ) -> Result<Option<u16>, Miss> {
        let client = &performer.services.http;
        match endpoint {
            Endpoint::Http(url) => {
                let exchange = exchange(client, url, self.redirects, limit).await;
                if let Some(reason) = self.expectation.redirect_left(&exchange, self.redirects) {
                    return Err(Miss::of_answer(reason, exchange.lines()));
                }
                check(&exchange, &self.expectation, first.elapsed())
            }
            Endpoint::Tcp { host, port } => {
                let connected = connect(client.settings(), host, *port);
                match tokio::time::timeout(limit, connected).await {
                    Ok(Ok(_)) => Ok(None),
                    Ok(Err(error)) => {
                        Err(Miss::without_answer(NoAnswer::of_tunnel(&error), Vec::new()))
                    }
                    Err(_) => Err(Miss::without_answer(NoAnswer::TimedOut, Vec::new())),
                }
            }
        }
    }
}

fn redirects(verify: &Verify, job: &Job) -> Result<Redirects, StepError> {
    let is_followed = verify.follow.resolve(&job.scope)?;
    Ok(if is_followed { Redirects::Followed } else { Redirects::Kept })
}

/// Checks what can be known of the address and of what is expected before the first step.
pub fn check_text(verify: &Verify, scope: &Scope) -> Result<(), StepError> {
    expectation::check_texts(&verify.expect, scope)?;
    let known = verify.probe.addresses().iter().filter(|text| text.is_known_early());
    for text in known {
        text.check_address(scope)?;
    }
    Ok(())
}

/// What the step is going to ask, as text.
pub fn planned(verify: &Verify, job: &Job) -> Result<String, StepError> {
    match &verify.probe {
        Probe::Exit(code) => {
            let ExitCode(code) = code.resolve(&job.scope)?;
            Ok(format!("its end, with exit code {code}"))
        }
        Probe::Http(_) | Probe::Tcp(_) => {
            endpoints(verify, job).map(|endpoints| endpoint::any_of(&endpoints))
        }
    }
}

fn in_words(status: Option<u16>) -> String {
    status.map_or_else(String::new, |status| format!(" {status}"))
}

/// An answer that is as expected.
struct Answer<'a> {
    endpoint: &'a Endpoint,
    /// The status, of HTTP.
    status: Option<u16>,
    latency: Duration,
}

impl Answer<'_> {
    fn output(&self, job: &Job) -> StepOutput {
        let plain = Rendered::Plain;
        let latency = plain(self.latency.as_millis().to_string());
        let mut outputs = Outputs::from([(OutputName::LatencyMs, latency)]);
        if let Endpoint::Http(url) = self.endpoint {
            outputs.set(OutputName::Url, plain(url.to_string()));
        }
        if let Some(status) = self.status {
            outputs.set(OutputName::Status, plain(status.to_string()));
        }
        StepOutput { outputs, handover: job.handover.clone() }
    }
}

fn check(
    exchange: &Exchange,
    expectation: &Expectation,
    since_first: Duration,
) -> Result<Option<u16>, Miss> {
    match &exchange.answer {
        Err(no_answer) => Err(Miss::without_answer(no_answer.clone(), exchange.lines())),
        Ok(answer) if answer.age().is_some_and(|age| age > since_first + MAX_ROUNDING) => {
            Err(Miss::of_cache(answer.age().unwrap_or_default(), exchange.lines()))
        }
        Ok(answer) => match expectation.missed(answer) {
            None => Ok(Some(answer.status)),
            Some(reason) => Err(Miss::of_status(answer.status, reason, exchange.lines())),
        },
    }
}
