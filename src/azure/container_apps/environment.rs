//! The environments that apps run in.

use super::app::text;
use super::client::{API_VERSION, ContainerApps};
use super::error::AppError;
use super::id::environment_id;
use crate::azure::{ArmError, ArmRequest, Verb};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

/// An environment that apps run in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct AppEnvironment {
    pub document: Value,
}

impl AppEnvironment {
    pub fn location(&self) -> &str {
        text(&self.document["location"])
    }

    fn state(&self) -> &str {
        text(&self.document["properties"]["provisioningState"])
    }
}

/// An environment to create.
#[derive(Clone, Copy, Debug)]
pub struct NewEnvironment<'a> {
    pub subscription: &'a str,
    pub resource_group: &'a str,
    pub name: &'a str,
    pub location: &'a str,
}

impl ContainerApps {
    /// Reads an environment by its resource id; `None` where it does not exist.
    pub async fn find_environment(&self, id: &str) -> Result<Option<AppEnvironment>, AppError> {
        let found = self.arm.find(id, API_VERSION).await;
        found.map_err(|source| failed("read", id, source))
    }

    /// Creates an environment whose apps write to no workspace, and waits until apps can be
    /// put into it, for a minute or two. The caller sets the time limit.
    pub async fn create_environment(
        &self,
        new: &NewEnvironment<'_>,
        progressed: impl Fn(&str),
    ) -> Result<AppEnvironment, AppError> {
        let id = environment_id(new.subscription, new.resource_group, new.name);
        let body = json!({
            "location": new.location,
            "properties": {
                "workloadProfiles":
                    [{ "name": "Consumption", "workloadProfileType": "Consumption" }],
            },
        });
        let request =
            ArmRequest { verb: Verb::Put, path: &id, api_version: API_VERSION, body: Some(&body) };
        let sent = self.arm.call(&request).await.map_err(|source| failed("create", &id, source))?;
        let finished = self.arm.finish(&sent, progressed).await;
        finished.map_err(|source| failed("create", &id, source))?;
        // The operation may end before the environment takes apps.
        let began = Instant::now();
        loop {
            let found = self.find_environment(&id).await?.unwrap_or_default();
            match found.state() {
                "Succeeded" => return Ok(found),
                state @ ("Failed" | "Canceled" | "UpgradeFailed") => {
                    let why = text(&found.document["properties"]["deploymentErrors"]);
                    let why = if why.is_empty() { "Azure gives no reason" } else { why };
                    return Err(AppError::Environment {
                        environment: new.name.to_owned(),
                        state: state.to_owned(),
                        why: why.to_owned(),
                    });
                }
                _ => tokio::time::sleep(self.arm.pacing().wait(began.elapsed())).await,
            }
        }
    }
}

fn failed(doing: &'static str, id: &str, source: ArmError) -> AppError {
    let name = id.rsplit('/').next().unwrap_or_default();
    let what = format!("the environment `{name}` of apps");
    AppError::Arm { doing, what, source: Box::new(source) }
}
