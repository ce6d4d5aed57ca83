//! The requests of a build, but for its log (Microsoft.ContainerRegistry, `RegistryTasks`).
//! The service has preview versions of its API alone.

use super::error::TasksError;
use crate::azure::registries::AzureRegistry;
use crate::azure::{Arm, ArmError, ArmRequest, Verb};
use crate::http::{self, SafeUrl};
use crate::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::io::ReaderStream;
use url::Url;

const API_VERSION: &str = "2019-06-01-preview";
/// The first version with a login for registries whose roles are per repository.
const CALLER_API_VERSION: &str = "2025-03-01-preview";
/// An upload of which nothing was sent for so long has stalled.
const STALLED_AFTER: Duration = Duration::from_secs(100);
/// The times that the service takes.
const MIN_TIMEOUT: Duration = Duration::from_mins(5);
const MAX_TIMEOUT: Duration = Duration::from_hours(8);

/// The client for ACR Tasks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RegistryTasks {
    pub arm: Arm,
}

/// A place for the context of one build.
#[derive(Clone, Debug)]
pub struct SourcePlace {
    /// Signed: who knows it may write there for an hour.
    url: SafeUrl,
    relative_path: String,
}

/// What a run builds.
#[derive(Clone, Debug)]
pub struct DockerBuild {
    /// `REPOSITORY:TAG` in the registry.
    pub image: String,
    /// The path of the Dockerfile in the context.
    pub dockerfile: String,
    pub target: Option<String>,
    pub arguments: Vec<BuildArgument>,
    pub platform: TaskPlatform,
    /// After which Azure ends the run. Clamped to what the service takes.
    pub timeout: Duration,
}

#[derive(Clone, Debug)]
pub enum BuildArgument {
    Plain { name: String, value: String },
    Secret { name: String, value: Secret },
}

/// A platform in the words of the service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaskPlatform {
    /// `Linux` or `Windows`.
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
}

/// A run as the service describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    pub id: String,
    pub status: RunStatus,
    /// Why the service itself failed.
    pub error: Option<String>,
    pub images: Vec<BuiltImage>,
}

/// An image that a run has pushed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub struct BuiltImage {
    pub repository: String,
    pub tag: String,
    pub digest: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunStatus {
    /// Queued, started or running.
    InProgress,
    Succeeded,
    Failed,
    Canceled,
    /// The service failed, not the build.
    Error,
    Timeout,
}

impl RunStatus {
    fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "succeeded" => Self::Succeeded,
            "failed" => Self::Failed,
            "canceled" | "cancelled" => Self::Canceled,
            "error" | "internalerror" => Self::Error,
            "timeout" | "timedout" => Self::Timeout,
            _ => Self::InProgress,
        }
    }
}

#[derive(Deserialize)]
struct RunDocument {
    #[serde(default)]
    name: String,
    #[serde(default)]
    properties: RunProperties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RunProperties {
    run_id: String,
    /// `provisioningState` beside it says nothing of the build.
    status: String,
    run_error_message: Option<String>,
    output_images: Option<Vec<BuiltImage>>,
}

impl From<RunDocument> for Run {
    fn from(RunDocument { name, properties }: RunDocument) -> Self {
        let id = if properties.run_id.is_empty() { name } else { properties.run_id };
        Self {
            id,
            status: RunStatus::of(&properties.status),
            error: properties.run_error_message.filter(|message| !message.is_empty()),
            images: properties.output_images.unwrap_or_default(),
        }
    }
}

impl RegistryTasks {
    pub fn new(arm: Arm) -> Self {
        Self { arm }
    }

    /// A place to upload a context to. Shows whether builds are allowed, too.
    pub async fn source_place(&self, registry: &AzureRegistry) -> Result<SourcePlace, TasksError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            upload_url: Url,
            relative_path: String,
        }
        let path = format!("{}/listBuildSourceUploadUrl", registry.id);
        let doing = || format!("prepare a build in `{}`", registry.login_server);
        let answer: Answer = self.post(&path, API_VERSION, None, doing).await?;
        Ok(SourcePlace {
            url: SafeUrl::new(answer.upload_url),
            relative_path: answer.relative_path,
        })
    }

    /// Uploads a packed context.
    pub async fn upload(&self, file: &Path, place: &SourcePlace) -> Result<(), TasksError> {
        let read = |source| TasksError::Read { path: file.to_owned(), source };
        let opened = tokio::fs::File::open(file).await.map_err(read)?;
        let size = opened.metadata().await.map_err(read)?.len();
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let stream = futures::StreamExt::inspect(ReaderStream::new(opened), move |part| {
            let bytes = part.as_ref().map_or(0, bytes::Bytes::len);
            counter.fetch_add(bytes as u64, Ordering::Relaxed);
        });
        // Storage takes a blob at once with this header alone, and needs its length.
        let request = self
            .arm
            .http
            .uploading()
            .put(place.url.expose().clone())
            .header("x-ms-blob-type", "BlockBlob")
            .header("content-length", size)
            .body(reqwest::Body::wrap_stream(stream));
        tokio::select! {
            answer = self.arm.http.fetch(request) => {
                answer.map(drop).map_err(|source| TasksError::Upload { source: Box::new(named(source)) })
            }
            () = stalls(&sent) => {
                let host = place.url.expose().host_str().unwrap_or_default().to_owned();
                Err(TasksError::Stalled { host })
            }
        }
    }

    /// Starts a build of an uploaded context, and returns the run's id.
    pub async fn schedule(
        &self,
        registry: &AzureRegistry,
        place: &SourcePlace,
        build: &DockerBuild,
    ) -> Result<String, TasksError> {
        let path = format!("{}/scheduleRun", registry.id);
        let by_caller = registry.per_repository_roles;
        let version = if by_caller { CALLER_API_VERSION } else { API_VERSION };
        let body = build.body(place, by_caller);
        let doing = || format!("start a build in `{}`", registry.login_server);
        let run: RunDocument = self.post(&path, version, Some(&body), doing).await?;
        Ok(Run::from(run).id)
    }

    /// Reads a run.
    pub async fn run(&self, registry: &AzureRegistry, run: &str) -> Result<Run, ArmError> {
        let path = format!("{}/runs/{run}", registry.id);
        Ok(self.arm.get::<RunDocument>(&path, API_VERSION).await?.into())
    }

    /// Asks the service to end a run.
    pub async fn cancel(&self, registry: &AzureRegistry, run: &str) -> Result<(), TasksError> {
        let path = format!("{}/runs/{run}/cancel", registry.id);
        let request =
            ArmRequest { verb: Verb::Post, path: &path, api_version: API_VERSION, body: None };
        let doing = || format!("cancel the run `{run}` of `{}`", registry.login_server);
        self.arm.call(&request).await.map(drop).map_err(|source| failed(doing(), source))
    }

    /// The signed URL of a run's log.
    pub async fn log_link(
        &self,
        registry: &AzureRegistry,
        run: &str,
    ) -> Result<SafeUrl, TasksError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            log_link: Option<Url>,
        }
        let path = format!("{}/runs/{run}/listLogSasUrl", registry.id);
        let doing = || format!("find the log of the run `{run}`");
        let answer: Answer = self.post(&path, API_VERSION, None, doing).await?;
        let link = answer.log_link.ok_or_else(|| TasksError::NoLog { run: run.to_owned() })?;
        Ok(SafeUrl::new(link))
    }

    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        api_version: &str,
        body: Option<&Value>,
        doing: impl Fn() -> String,
    ) -> Result<T, TasksError> {
        let request = ArmRequest { verb: Verb::Post, path, api_version, body };
        let answer = self.arm.call(&request).await.map_err(|source| failed(doing(), source))?;
        serde_json::from_value(answer.body)
            .map_err(|error| failed(doing(), self.arm.unreadable(path, &error)))
    }
}

impl DockerBuild {
    fn body(&self, place: &SourcePlace, by_caller: bool) -> Value {
        let mut body = json!({
            "type": "DockerBuildRequest",
            "imageNames": [self.image],
            "isPushEnabled": true,
            "dockerFilePath": self.dockerfile,
            "platform": self.platform.body(),
            "sourceLocation": place.relative_path,
            "timeout": self.timeout.clamp(MIN_TIMEOUT, MAX_TIMEOUT).as_secs(),
        });
        if let Some(target) = &self.target {
            body["target"] = json!(target);
        }
        if !self.arguments.is_empty() {
            let arguments = self.arguments.iter().map(BuildArgument::body);
            body["arguments"] = arguments.collect();
        }
        if by_caller {
            body["credentials"] = json!({ "sourceRegistry": { "identity": "[caller]" } });
        }
        body
    }
}

impl BuildArgument {
    fn body(&self) -> Value {
        match self {
            Self::Plain { name, value } => json!({ "name": name, "value": value }),
            Self::Secret { name, value } => {
                json!({ "name": name, "value": value.expose(), "isSecret": true })
            }
        }
    }
}

impl TaskPlatform {
    /// `None` for a platform that the service does not build for.
    pub fn of(os: &str, architecture: &str, variant: Option<&str>) -> Option<Self> {
        let os = match os {
            "linux" => "Linux",
            "windows" => "Windows",
            _ => return None,
        };
        if !["amd64", "386", "arm", "arm64"].contains(&architecture) {
            return None;
        }
        let (os, architecture) = (os.to_owned(), architecture.to_owned());
        Some(Self { os, architecture, variant: variant.map(str::to_owned) })
    }

    fn body(&self) -> Value {
        let mut body = json!({ "os": self.os, "architecture": self.architecture });
        if let Some(variant) = &self.variant {
            body["variant"] = json!(variant);
        }
        body
    }
}

/// The error with the method, which is lost with a body that is sent once only.
fn named(error: http::Error) -> http::Error {
    match error {
        http::Error::Status { url, route, status, retry_after, body, request_id, .. } => {
            let method = "PUT".to_owned();
            http::Error::Status { method, url, route, status, retry_after, body, request_id }
        }
        other => other,
    }
}

/// Resolves once nothing was sent for too long.
async fn stalls(sent: &AtomicU64) {
    let mut before = None;
    loop {
        let now = sent.load(Ordering::Relaxed);
        if before.replace(now) == Some(now) {
            return;
        }
        tokio::time::sleep(STALLED_AFTER).await;
    }
}

fn failed(doing: String, source: ArmError) -> TasksError {
    TasksError::Arm { doing, source: Box::new(source) }
}
