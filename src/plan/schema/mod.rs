//! The typed plan, and the description of its keys.
//!
//! A field's doc comment is the key's meaning: the JSON Schema and the tables of
//! `docs/reference.md` are made of them. Every string may hold `${{ }}` and is
//! therefore a [`Text`]; a [`Field`] knows the type that it is read as once its
//! expressions have values.

mod aci;
mod azure;
mod build;
mod container_app;
mod deploy;
mod environment;
mod in_environment;
mod job_file;
mod plan;
mod push;
mod registry;
mod report;
mod require;
mod run;
mod secret;
mod step;
mod tag;
mod text;
mod verify;

pub use aci::{
    Aci, AzureFile, ContainerSettings, GitVolume, HealthProbe, HealthProbeKind, HealthProbes,
    MAX_CPU, Mount, OnFailure, Strategy, VariableValue, VolumeKind,
};
pub use azure::Azure;
pub use build::{Build, BuildKind, Dockerfile, ExistingImage, Layer, Layers, Using, in_folder};
pub use container_app::{AppProbe, AppProbeKind, ContainerApp, MAX_APP_CPU};
pub use deploy::{Deploy, DeployKind};
pub use environment::{Environment, PROTECTED_EVENTS};
pub use in_environment::AzureInEnvironment;
pub use job_file::{BatchAiCredentials, BatchTaskCredentials, JobFileCredentials, JobFileKeys};
pub use plan::{Plan, Service, Version};
pub use push::{Keyless, Push, Sign, SignWith};
pub use registry::{Create, HostMistake, Login, Pull, Registries, Registry, UserPassword};
pub use require::{IdentityName, Require, Signer, SignerIdentity};
pub use run::{Run, Script};
pub use secret::{
    KeyVaultReference, NamedSecret, ReferencedSecret, SecretDeclaration, SecretSource, other_vault,
};
pub use step::{Action, RetryPolicy, Step};
pub use tag::{Tag, TagTarget};
pub use text::{Condition, Field, Map, Part, Template, Text};
pub use verify::{Expect, Probe, Verify};
#[cfg(test)]
pub use {
    aci::{Container, DnsConfig, Gpu, Identity, InitContainer, LogAnalytics},
    container_app::{AppEnvironment, Ingress, Scale},
    job_file::{BatchAiJob, BatchTask},
    verify::BodyExpectation,
};

#[cfg(test)]
mod tests;
