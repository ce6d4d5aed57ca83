//! Why an app could not be deployed, read or removed.

use super::evidence::AppEvidence;
use super::id::AppId;
use crate::azure::ArmError;
use crate::http::{self, Retry, Retryable};

/// Why an app could not be deployed, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Azure would refuse the app, so it was not sent.
    #[error("cannot deploy app `{app}`: {mistake}")]
    Mistake { app: String, mistake: String },
    #[error("cannot {doing} {what}")]
    Arm {
        /// The verb of the message, such as `create or update`.
        doing: &'static str,
        /// Such as ``app `web` ``.
        what: String,
        source: Box<ArmError>,
    },
    /// The new revision does not run.
    #[error("cannot start app `{app}`: revision `{revision}` does not run: {why}")]
    NotReady {
        app: String,
        revision: String,
        /// The reason in one line.
        why: String,
        #[source]
        evidence: Box<AppEvidence>,
    },
    /// An app that was ready has a revision that does not stay up.
    #[error("the service answers, but app `{app}` does not stay up: {why}")]
    Broken {
        app: String,
        why: String,
        #[source]
        evidence: Box<AppEvidence>,
    },
    /// The service that has logs and terminals did not answer as expected.
    #[error("cannot {doing} app `{app}`")]
    Stream { doing: &'static str, app: String, source: Box<http::Error> },
    /// An environment that was created cannot take apps.
    #[error("cannot create the environment `{environment}` of apps: it is `{state}`: {why}")]
    Environment {
        environment: String,
        /// Its provisioning state, as Azure writes it.
        state: String,
        why: String,
    },
    #[error("cannot {doing} app `{app}`: it does not exist")]
    NoApp { doing: &'static str, app: String },
    /// The address of a log or a terminal is not one that the app's token may be sent to.
    #[error("cannot {doing} app `{app}`: Azure names another host for it than for its events")]
    ForeignHost { doing: &'static str, app: String },
    /// There is no container to read or to start a program in.
    #[error("cannot {doing} app `{app}`: {why}")]
    NoContainer { doing: &'static str, app: String, why: String },
    /// The terminal of a program in a container cannot be reached.
    #[error("cannot connect to the terminal of a program in app `{app}`")]
    Terminal { app: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl AppError {
    pub fn of(doing: &'static str, id: &AppId, source: ArmError) -> Self {
        Self::Arm { doing, what: format!("app `{}`", id.name), source: Box::new(source) }
    }
}

impl Retryable for AppError {
    fn retry(&self) -> Retry {
        match self {
            Self::Arm { source, .. } => source.retry(),
            Self::Stream { source, .. } => source.retry(),
            Self::Mistake { .. }
            | Self::NotReady { .. }
            | Self::Broken { .. }
            | Self::Environment { .. }
            | Self::NoApp { .. }
            | Self::ForeignHost { .. }
            | Self::NoContainer { .. }
            | Self::Terminal { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Arm { source, .. } => source.help(),
            Self::Stream { source, .. } => source.help(),
            Self::NotReady { evidence, .. } | Self::Broken { evidence, .. } => {
                Some(evidence.remedy())
            }
            Self::NoContainer { .. } => Some(
                "an app without requests may have no replica: ask its URL, or keep one with \
                 `scale: { min: 1 }`"
                    .to_owned(),
            ),
            Self::Environment { environment, .. } => Some(format!(
                "remove it before it is created again, in the portal or with `az containerapp \
                 env delete --name {environment}`"
            )),
            Self::NoApp { .. } => Some("deploy it first, with `shipway run`".to_owned()),
            Self::Mistake { .. } | Self::ForeignHost { .. } | Self::Terminal { .. } => None,
        }
    }
}
