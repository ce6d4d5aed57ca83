//! The faults of a local cloud that is up: listed, added to, cleared.

use crate::cli::session::github::local_client;
use crate::http::Error;
use crate::local::{AddedFaults, CloudFile, FAULTS, FaultList, FaultRule, FaultState, HOST, is_up};
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Redactor;

/// A connection to a local cloud.
#[derive(Debug)]
pub struct FaultControl<'a> {
    cloud: &'a CloudFile,
    http: crate::http::Client,
}

impl<'a> FaultControl<'a> {
    pub fn of(cloud: &'a CloudFile, redactor: &Redactor) -> Result<Self, StepError> {
        if !is_up(&cloud.state) {
            let what = format!("the local cloud in `{}` has ended", cloud.state.display());
            return Err(StepError::new(what).help("start one: `shipway local`"));
        }
        Ok(Self { cloud, http: local_client(cloud, redactor)? })
    }

    /// Those that requests may still meet.
    pub async fn left(&self) -> Result<Vec<FaultState>, StepError> {
        self.asked(self.http.direct().get(url())).await
    }

    /// Adds some. Returns all that requests may meet.
    pub async fn add(&self, rules: &[FaultRule]) -> Result<Vec<FaultState>, StepError> {
        let body = AddedFaults { rules: rules.to_vec() };
        self.asked(self.http.direct().post(url()).json(&body)).await
    }

    /// Removes all. Returns those that requests could still have met.
    pub async fn clear(&self) -> Result<Vec<FaultState>, StepError> {
        self.asked(self.http.direct().delete(url())).await
    }

    async fn asked(&self, request: reqwest::RequestBuilder) -> Result<Vec<FaultState>, StepError> {
        let failed = |error: &dyn std::error::Error| {
            let state = self.cloud.state.display();
            let what = format!("cannot ask the local cloud in `{state}` about its faults");
            StepError::new(what).because(chain_of(error).join(": "))
        };
        let answer = self.http.fetch(request).await.map_err(|error: Error| failed(&error))?;
        let list = answer.json::<FaultList>().await.map_err(|error| failed(&error))?;
        Ok(list.faults)
    }
}

fn url() -> String {
    format!("http://{HOST}{FAULTS}")
}
