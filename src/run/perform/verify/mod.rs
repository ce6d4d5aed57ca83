//! `verify`: asks the deployed service until it answers as expected.

mod exchange;
mod expectation;

use super::deploy;
use super::names::plain;
use super::performer::{Job, Performer};
use crate::http::connect;
use crate::plan::expr::Rendered;
use crate::plan::schema::{Probe, Verify};
use crate::run::outcome::{AttemptError, Given, StepError, StepOutput};
use exchange::{Exchange, SILENCE, ask};
use expectation::Expectation;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// One try waits no longer than this for an answer.
const LONGEST_TRY: Duration = Duration::from_secs(15);

pub(super) async fn perform(
    performer: &Performer,
    verify: &Verify,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let target = target(verify, job)?;
    let expectation = Expectation::of(&verify.expect, &job.scope)?;
    let within = verify.within.resolve(&job.scope)?;
    let every = verify.every.resolve(&job.scope)?;
    let consecutive = verify.consecutive.resolve(&job.scope)?.max(1);
    let deadline = Instant::now() + within;
    let mut passed = 0;
    let mut tries = 0_u32;
    let mut last = None;
    loop {
        tries += 1;
        let begun = Instant::now();
        let left = deadline.saturating_duration_since(begun).min(LONGEST_TRY);
        let asked = target.try_once(performer, &expectation, left).await;
        let latency = begun.elapsed();
        passed = if asked.is_ok() { passed + 1 } else { 0 };
        let missed = match asked {
            Ok(status) if passed >= consecutive => {
                job.note(format!("{} answers{}", target.shown(), in_words(status)));
                return Ok(done(&target, status, latency, job));
            }
            Ok(_) => Miss::default(),
            Err(missed) => missed,
        };
        if Instant::now() + every >= deadline {
            // A try that the end cut short says less than the one before it.
            let cut_short = left < LONGEST_TRY && missed.is_silent();
            let told = last.filter(|_| cut_short).unwrap_or(missed);
            let trouble = told.trouble(&target, tries, within);
            return Err(deploy::with_signs_of_life(performer, job, trouble).await.into());
        }
        last = Some(missed).filter(|missed| !missed.is_silent()).or(last);
        tokio::time::sleep(every).await;
    }
}

fn in_words(status: Option<u16>) -> String {
    status.map_or_else(String::new, |status| format!(" {status}"))
}

fn done(target: &Target, status: Option<u16>, latency: Duration, job: &Job) -> StepOutput {
    let plain = |name: &str, value: String| (name.to_owned(), Rendered::Plain(value));
    let mut outputs: Given = vec![plain("latency-ms", latency.as_millis().to_string())];
    if let Target::Http(url) = target {
        outputs.push(plain("url", url.to_string()));
    }
    if let Some(status) = status {
        outputs.push(plain("status", status.to_string()));
    }
    StepOutput { outputs, handover: job.handover.clone() }
}

/// What is asked.
enum Target {
    Http(Url),
    Tcp { host: String, port: u16 },
}

/// A try that did not pass.
#[derive(Default)]
struct Miss {
    reason: String,
    exchange: Vec<String>,
}

impl Target {
    fn shown(&self) -> String {
        match self {
            Self::Http(url) => url.to_string(),
            Self::Tcp { host, port } => format!("{host}:{port}"),
        }
    }

    /// The status, where there is one.
    async fn try_once(
        &self,
        performer: &Performer,
        expectation: &Expectation,
        limit: Duration,
    ) -> Result<Option<u16>, Miss> {
        match self {
            Self::Http(url) => {
                let exchange = ask(&performer.http, url, limit).await;
                check(&exchange, expectation)
            }
            Self::Tcp { host, port } => {
                let connected = connect(performer.http.settings(), host, *port);
                match tokio::time::timeout(limit, connected).await {
                    Ok(Ok(_)) => Ok(None),
                    Ok(Err(error)) => Err(Miss {
                        reason: crate::run::outcome::chain_of(&error).join(": "),
                        exchange: Vec::new(),
                    }),
                    Err(_) => Err(Miss { reason: SILENCE.into(), ..Miss::default() }),
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
    /// Whether nobody answered.
    fn is_silent(&self) -> bool {
        self.reason == SILENCE
    }

    fn trouble(self, target: &Target, tries: u32, within: Duration) -> StepError {
        let times = if tries == 1 { "once".to_owned() } else { format!("{tries} times") };
        let seconds = within.as_secs_f64();
        let reason = if self.reason.is_empty() {
            "it did not pass often enough in a row".to_owned()
        } else {
            self.reason
        };
        StepError::new(format!(
            "{} did not answer as expected within {seconds} s, asked {times}",
            target.shown()
        ))
        .because(reason)
        .details(self.exchange)
        .help(format!(
            "ask by hand what it answers: `curl -v {}`; give it longer with `within`",
            target.shown()
        ))
    }
}

/// What the plan asks, at the deployed URL.
fn target(verify: &Verify, job: &Job) -> Result<Target, StepError> {
    match &verify.probe {
        Probe::Http(text) => {
            let text = plain(text, "URL", &job.scope)?;
            let url = if text.starts_with('/') { at_service(&text, job)? } else { text };
            Url::parse(&url).map(Target::Http).map_err(|error| {
                StepError::new(format!("`{url}` is not a URL")).because(error.to_string())
            })
        }
        Probe::Tcp(text) => {
            let text = plain(text, "port", &job.scope)?;
            let (host, port) = match text.rsplit_once(':') {
                Some((host, port)) => (host.to_owned(), port),
                None => (address(job)?, text.as_str()),
            };
            let port = port.parse().map_err(|_| {
                StepError::new(format!("`{text}` is neither a port nor `host:port`"))
            })?;
            Ok(Target::Tcp { host, port })
        }
    }
}

/// A path under the URL that the service was deployed to.
fn at_service(path: &str, job: &Job) -> Result<String, StepError> {
    let deployed = job.handover.deployed.as_ref();
    let url = deployed.and_then(|deployed| deployed.url.clone()).ok_or_else(|| {
        StepError::new(format!("`{path}` is asked for, but nothing is deployed with a URL"))
            .help("deploy with `ports` before, or give a whole URL")
    })?;
    Ok(format!("{}{path}", url.trim_end_matches('/')))
}

fn address(job: &Job) -> Result<String, StepError> {
    let deployed = job.handover.deployed.as_ref();
    deployed.and_then(|deployed| deployed.fqdn.clone().or_else(|| deployed.ip.clone())).ok_or_else(
        || {
            StepError::new("a port is asked for, but nothing is deployed with an address")
                .help("deploy before, or give `host:port`")
        },
    )
}
