//! `verify`: sends requests to the deployed service until it answers as expected.

mod exchange;
mod expectation;

use super::deploy;
use super::names::plain;
use super::performer::{Job, Performer};
use crate::event::{OutputName, Outputs};
use crate::http::connect;
use crate::plan::expr::Rendered;
use crate::plan::schema::{Probe, Verify};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use exchange::{Exchange, TIMED_OUT, exchange};
use expectation::Expectation;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How long one attempt waits for an answer.
const MAX_TRY_TIME: Duration = Duration::from_secs(15);

pub async fn perform(
    performer: &Performer,
    verify: &Verify,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let endpoint = endpoint(verify, job)?;
    let expectation = Expectation::new(&verify.expect, &job.scope)?;
    let within = verify.within.resolve(&job.scope)?;
    let every = verify.every.resolve(&job.scope)?;
    let consecutive = verify.consecutive.resolve(&job.scope)?.max(1);
    let deadline = Instant::now() + within;
    let mut passed = 0;
    let mut tries = 0_u32;
    let mut last_miss = None;
    loop {
        tries += 1;
        let began = Instant::now();
        let left = deadline.saturating_duration_since(began).min(MAX_TRY_TIME);
        let result = endpoint.try_once(performer, &expectation, left).await;
        let latency = began.elapsed();
        passed = if result.is_ok() { passed + 1 } else { 0 };
        let miss = match result {
            Ok(status) if passed >= consecutive => {
                job.note(format!("{endpoint} answers{}", in_words(status)));
                return Ok(output(&endpoint, status, latency, job));
            }
            Ok(_) => Miss::default(),
            Err(miss) => miss,
        };
        if Instant::now() + every >= deadline {
            // An attempt that the deadline cut short says less than the one before.
            let cut_short = left < MAX_TRY_TIME && miss.is_timeout();
            let miss = last_miss.filter(|_| cut_short).unwrap_or(miss);
            let error = miss.into_error(&endpoint, tries, within);
            return Err(deploy::with_evidence(performer, job, error).await.into());
        }
        last_miss = Some(miss).filter(|miss| !miss.is_timeout()).or(last_miss);
        tokio::time::sleep(every).await;
    }
}

fn in_words(status: Option<u16>) -> String {
    status.map_or_else(String::new, |status| format!(" {status}"))
}

fn output(endpoint: &Endpoint, status: Option<u16>, latency: Duration, job: &Job) -> StepOutput {
    let plain = Rendered::Plain;
    let mut outputs =
        Outputs::from([(OutputName::LatencyMs, plain(latency.as_millis().to_string()))]);
    if let Endpoint::Http(url) = endpoint {
        outputs.set(OutputName::Url, plain(url.to_string()));
    }
    if let Some(status) = status {
        outputs.set(OutputName::Status, plain(status.to_string()));
    }
    StepOutput { outputs, handover: job.handover.clone() }
}

/// What requests or connections go to.
enum Endpoint {
    Http(Url),
    Tcp { host: String, port: u16 },
}

/// An attempt that did not pass.
#[derive(Default)]
struct Miss {
    reason: String,
    exchange: Vec<String>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => write!(f, "{url}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl Endpoint {
    /// Sends one request, or connects once. Returns the status of an HTTP answer.
    async fn try_once(
        &self,
        performer: &Performer,
        expectation: &Expectation,
        limit: Duration,
    ) -> Result<Option<u16>, Miss> {
        match self {
            Self::Http(url) => {
                let exchange = exchange(&performer.services.http, url, limit).await;
                check(&exchange, expectation)
            }
            Self::Tcp { host, port } => {
                let connected = connect(performer.services.http.settings(), host, *port);
                match tokio::time::timeout(limit, connected).await {
                    Ok(Ok(_)) => Ok(None),
                    Ok(Err(error)) => Err(Miss {
                        reason: crate::run::outcome::chain_of(&error).join(": "),
                        exchange: Vec::new(),
                    }),
                    Err(_) => Err(Miss { reason: TIMED_OUT.into(), ..Miss::default() }),
                }
            }
        }
    }
}

fn check(exchange: &Exchange, expectation: &Expectation) -> Result<Option<u16>, Miss> {
    let miss = |reason| Miss { reason, exchange: exchange.lines() };
    match &exchange.answer {
        Err(error) => Err(miss(error.clone())),
        Ok(answer) => match expectation.missed(answer) {
            None => Ok(Some(answer.status)),
            Some(reason) => Err(miss(reason)),
        },
    }
}

impl Miss {
    /// Whether the attempt ended because there was no answer in time.
    fn is_timeout(&self) -> bool {
        self.reason == TIMED_OUT
    }

    fn into_error(self, endpoint: &Endpoint, tries: u32, within: Duration) -> StepError {
        let times = if tries == 1 { "once".to_owned() } else { format!("{tries} times") };
        let seconds = within.as_secs_f64();
        let reason = if self.reason.is_empty() {
            "it did not pass often enough in a row".to_owned()
        } else {
            self.reason
        };
        StepError::new(format!(
            "{endpoint} did not answer as expected within {seconds} s, asked {times}"
        ))
        .because(reason)
        .details(self.exchange)
        .help(format!(
            "ask by hand what it answers: `curl -v {endpoint}`; give it longer with `within`"
        ))
    }
}

/// The endpoint that the plan names; a path or a port alone is of the deployed
/// service.
fn endpoint(verify: &Verify, job: &Job) -> Result<Endpoint, StepError> {
    match &verify.probe {
        Probe::Http(text) => {
            let text = plain(text, "URL", &job.scope)?;
            let url = if text.starts_with('/') { deployed_url(&text, job)? } else { text };
            Url::parse(&url).map(Endpoint::Http).map_err(|error| {
                StepError::new(format!("`{url}` is not a URL")).because(error.to_string())
            })
        }
        Probe::Tcp(text) => {
            let text = plain(text, "port", &job.scope)?;
            let (host, port) = match text.rsplit_once(':') {
                Some((host, port)) => (host.to_owned(), port),
                None => (deployed_host(job)?, text.as_str()),
            };
            let port = port.parse().map_err(|_| {
                StepError::new(format!("`{text}` is neither a port nor `host:port`"))
            })?;
            Ok(Endpoint::Tcp { host, port })
        }
    }
}

/// The URL of a path below the deployed service's URL.
fn deployed_url(path: &str, job: &Job) -> Result<String, StepError> {
    let deployed = job.handover.deployed.as_ref();
    let url = deployed.and_then(|deployed| deployed.url.clone()).ok_or_else(|| {
        StepError::new(format!("`{path}` is asked for, but nothing is deployed with a URL"))
            .help("deploy with `ports` before, or give a whole URL")
    })?;
    Ok(format!("{}{path}", url.trim_end_matches('/')))
}

fn deployed_host(job: &Job) -> Result<String, StepError> {
    let deployed = job.handover.deployed.as_ref();
    deployed.and_then(|deployed| deployed.fqdn.clone().or_else(|| deployed.ip.clone())).ok_or_else(
        || {
            StepError::new("a port is asked for, but nothing is deployed with an address")
                .help("deploy before, or give `host:port`")
        },
    )
}
