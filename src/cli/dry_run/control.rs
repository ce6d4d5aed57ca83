//! Asks a local cloud that is up what it holds, and about its faults: listed, added to,
//! cleared.

use crate::cli::session::github::{MAX_ANSWER_TIME, local_client, unanswered};
use crate::local::{
    AddedFaults, CloudFile, FAULTS, FaultList, FaultRule, FaultState, HOST, INVENTORY, Inventory,
    is_up,
};
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Redactor;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// A connection to a local cloud.
#[derive(Debug)]
pub struct CloudControl<'a> {
    cloud: &'a CloudFile,
    http: crate::http::Client,
}

impl<'a> CloudControl<'a> {
    pub fn of(cloud: &'a CloudFile, redactor: &Redactor) -> Result<Self, StepError> {
        if !is_up(&cloud.state) {
            let what = format!("the local cloud in `{}` has ended", cloud.state.display());
            return Err(StepError::new(what).help("start one: `shipway local --detach`"));
        }
        Ok(Self { cloud, http: local_client(cloud, redactor)? })
    }

    pub async fn inventory(&self) -> Result<Inventory, StepError> {
        self.asked(self.http.direct().get(url(INVENTORY)), "what it holds").await
    }

    /// The faults that requests may still meet.
    pub async fn left(&self) -> Result<Vec<FaultState>, StepError> {
        self.faults(self.http.direct().get(url(FAULTS))).await
    }

    /// Adds some. Returns all that requests may meet.
    pub async fn add(&self, rules: &[FaultRule]) -> Result<Vec<FaultState>, StepError> {
        let body = AddedFaults { rules: rules.to_vec() };
        self.faults(self.http.direct().post(url(FAULTS)).json(&body)).await
    }

    /// Removes all. Returns those that requests could still have met.
    pub async fn clear(&self) -> Result<Vec<FaultState>, StepError> {
        self.faults(self.http.direct().delete(url(FAULTS))).await
    }

    async fn faults(&self, request: reqwest::RequestBuilder) -> Result<Vec<FaultState>, StepError> {
        Ok(self.asked::<FaultList>(request, "about its faults").await?.faults)
    }

    async fn asked<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        what: &str,
    ) -> Result<T, StepError> {
        let state = self.cloud.state.display();
        let what = StepError::new(format!("cannot ask the local cloud in `{state}` {what}"));
        match timeout(MAX_ANSWER_TIME, self.answer(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => Err(what.because(why).help(format!(
                "end it: `shipway local stop {}`",
                self.cloud.state.join("cloud.json").display()
            ))),
            Err(_) => Err(unanswered(self.cloud, what)),
        }
    }

    /// The answer, or why there is none.
    async fn answer<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, String> {
        let said = |error: &dyn std::error::Error| chain_of(error).join(": ");
        let answer = self.http.fetch(request).await.map_err(|error| said(&error))?;
        answer.json().await.map_err(|error| said(&error))
    }

    /// Whether it takes requests and answers none.
    pub async fn is_suspended(&self) -> bool {
        let request = self.http.direct().get(url(FAULTS));
        timeout(MAX_ANSWER_TIME, self.answer::<FaultList>(request)).await.is_err()
    }
}

fn url(path: &str) -> String {
    format!("http://{HOST}{path}")
}
