//! The requests that a deployment makes for the one who asked for it.

use super::super::path::ResourcePath;
use super::super::request::ArmRequest;
use super::super::response::{ASYNC_OPERATION, ArmError, ArmResponse};
use super::error::RuntimeRequest;
use futures::future::BoxFuture;
use http::{HeaderMap, Method};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Answers a request as Resource Manager does. Passed in, because the router itself hands
/// deployments here.
pub type Dispatch =
    Arc<dyn Fn(ArmRequest) -> BoxFuture<'static, Result<ArmResponse, ArmError>> + Send + Sync>;

/// How long between two looks at an operation.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// As long as Container Instances try.
const MAX_POLLS: u32 = 9_000;

/// Sends requests with the token of the one who deploys.
#[derive(Clone)]
pub struct Requests {
    dispatch: Dispatch,
    host: String,
    headers: HeaderMap,
}

impl Requests {
    /// Those that are made for the sender of a request.
    pub fn of(request: &ArmRequest, dispatch: Dispatch) -> Self {
        Self { dispatch, host: request.host.clone(), headers: request.headers.clone() }
    }

    pub async fn get(&self, path: &str, version: &str) -> Result<Value, ArmError> {
        let answer = self.send(Method::GET, path, version, Vec::new()).await?;
        Ok(answer.body.unwrap_or_default())
    }

    /// Makes or changes a resource, and waits until that is done.
    pub async fn put(&self, path: &str, version: &str, body: &Value) -> Result<(), ArmError> {
        let body = body.to_string().into_bytes();
        let answer = self.send(Method::PUT, path, version, body).await?;
        let operation = answer.headers.get(ASYNC_OPERATION).and_then(|it| it.to_str().ok());
        match operation.and_then(|operation| url::Url::parse(operation).ok()) {
            Some(operation) => self.wait(&operation).await,
            None => Ok(()),
        }
    }

    pub async fn patch(&self, path: &str, version: &str, body: &Value) -> Result<(), ArmError> {
        let body = body.to_string().into_bytes();
        self.send(Method::PATCH, path, version, body).await.map(drop)
    }

    /// The answer that an expression is made of.
    pub async fn ask(&self, request: &RuntimeRequest) -> Result<Value, ArmError> {
        let RuntimeRequest { resource, action, version } = request;
        let Some(action) = action else { return self.get(resource, version).await };
        let path = format!("{resource}/{action}");
        let answer = self.send(Method::POST, &path, version, b"{}".to_vec()).await?;
        Ok(answer.body.unwrap_or_default())
    }

    async fn wait(&self, operation: &url::Url) -> Result<(), ArmError> {
        let version = operation.query_pairs().find(|(name, _)| name == "api-version");
        let version = version.map(|(_, version)| version.into_owned()).unwrap_or_default();
        for _ in 0..MAX_POLLS {
            let body = self.get(operation.path(), &version).await?;
            match body["status"].as_str().unwrap_or_default() {
                "Succeeded" => return Ok(()),
                "Failed" | "Canceled" => {
                    let text = |name: &str| body["error"][name].as_str().unwrap_or_default();
                    return Err(ArmError::bad(text("code"), text("message")));
                }
                _ => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
        Err(ArmError::conflict("DeploymentTimeout", "The resource took longer than 30 minutes."))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        version: &str,
        body: Vec<u8>,
    ) -> Result<ArmResponse, ArmError> {
        let parsed =
            ResourcePath::parse(path).ok_or_else(|| ArmError::no_such_route(&method, path))?;
        let request = ArmRequest {
            method,
            host: self.host.clone(),
            path: parsed,
            raw_path: path.to_owned(),
            query: vec![("api-version".to_owned(), version.to_owned())],
            headers: self.headers.clone(),
            body,
        };
        (self.dispatch)(request).await
    }
}
