//! Performs one attempt of one step. Every request, child process and file that
//! a step needs is made below this folder.
//!
//! An attempt does what its step says once. It knows nothing of retries, of
//! other steps' timeouts or of the journal, and returns its outputs or an error.
//!
//! `performer` is the data that all actions share, `dispatch` the only file that
//! knows the actions, beside `forecast`, which
//! foresees them without changing anything. `build`, `push`, `tag`, `deploy`, `verify` and `run` are
//! one module per action; what several of them need lies beside them, one
//! question a file, so that no action imports another one's inside. `deployed` is what
//! the commands need of resources that some run has deployed.

mod attest;
mod azure_clients;
mod azure_settings;
mod blocking;
mod build;
mod build_tags;
mod clients;
mod create;
mod deploy;
mod deployed;
mod dispatch;
mod early_build;
mod early_upload;
mod facts;
mod find_image;
mod forecast;
mod key_files;
mod located_image;
mod login;
mod names;
mod outputs;
mod performer;
mod pinned_images;
mod plan;
mod preflight;
mod progress;
mod push;
mod references;
mod require;
mod retry;
mod rollback;
mod run;
mod say;
mod scratch;
mod services;
mod sign;
mod signature_state;
mod signers;
mod source;
mod subscription;
mod tag;
#[cfg(test)]
mod test_support;
mod verify;

pub use azure_clients::{AzureAccess, AzureClients};
pub use build::{command_refusal, reexec, remove_kept};
pub use clients::{Clients, ClientsConfig};
pub use deploy::{Comparison, DeployForecast, EarlyReads, Trial, repository_holding};
pub use deployed::revision::DeployedRevision;
pub use deployed::tags::ResourceTags;
#[cfg(test)]
pub use deployed::testing as deployed_testing;
pub use deployed::{
    ContainerProgram, DeployedContainer, DeployedResource, DeployedResources, KindWords,
    ResourceId, ResourceKind, Terminal, TerminalSize, split_time,
};
pub use early_build::EarlyBuild;
pub use facts::{PreviewLimit, RunFacts, SourceFacts};
pub use forecast::{ChangedSources, Forecast, Forecaster, StepForecast, TagForecast, TagState};
pub use key_files::CommitFile;
pub use outputs::object as outputs_object;
pub use performer::{Job, Performer, Produced, Remember};
pub use pinned_images::PinnedImages;
pub use plan::{RunPlan, digest_of_step};
pub use preflight::Preflight;
pub use retry::{Retries, retry, retry_step};
pub use rollback::{RollbackJob, RolledBack};
pub use say::{Held, Room, Said, Say};
pub use services::{EarlyUploads, Services};
pub use signers::Signers;
pub use source::PlanSource;
