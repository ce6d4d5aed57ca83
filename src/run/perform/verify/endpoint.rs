//! Where a `verify` sends its requests.

use crate::plan::schema::{Probe, Text, Verify};
use crate::run::outcome::StepError;
use crate::run::perform::names::plain;
use crate::run::perform::performer::Job;
use std::fmt;
use url::Url;

/// What requests or connections go to.
pub enum Endpoint {
    Http(Url),
    Tcp { host: String, port: u16 },
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
    /// Sends the same to another host. A host that no URL can have changes nothing.
    pub fn set_host(&mut self, other: &str) {
        match self {
            Self::Http(url) => url.set_host(Some(other)).unwrap_or_default(),
            Self::Tcp { host, .. } => other.clone_into(host),
        }
    }

    /// The host and port that a connection is made to.
    pub fn address(&self) -> (&str, u16) {
        match self {
            Self::Http(url) => {
                (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80))
            }
            Self::Tcp { host, port } => (host, *port),
        }
    }
}

/// Endpoints of which one is asked, as text.
pub fn any_of(endpoints: &[Endpoint]) -> String {
    let all: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
    all.join(" or ")
}

/// The endpoints that the plan names, in order; a path or a port alone is of the deployed
/// service.
pub fn endpoints(verify: &Verify, job: &Job) -> Result<Vec<Endpoint>, StepError> {
    match &verify.probe {
        Probe::Http(addresses) => addresses.iter().map(|text| of_http(text, job)).collect(),
        Probe::Tcp(text) => {
            text.check_address(&job.scope)?;
            let text = plain(text, "port", &job.scope)?;
            let (host, port) = match text.rsplit_once(':') {
                Some((host, port)) => (host.to_owned(), port),
                None => (deployed_host(job)?, text.as_str()),
            };
            let port = port.parse().map_err(|_| {
                StepError::new(format!("`{text}` is neither a port nor `host:port`"))
            })?;
            Ok(vec![Endpoint::Tcp { host, port }])
        }
        Probe::Exit(_) => Err(StepError::new("`exit` asks no address")),
    }
}

fn of_http(address: &Text, job: &Job) -> Result<Endpoint, StepError> {
    address.check_address(&job.scope)?;
    let text = plain(address, "URL", &job.scope)?;
    let url = if text.starts_with('/') { deployed_url(&text, job)? } else { text };
    Url::parse(&url)
        .map(Endpoint::Http)
        .map_err(|error| StepError::new(format!("`{url}` is not a URL")).because(error.to_string()))
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
