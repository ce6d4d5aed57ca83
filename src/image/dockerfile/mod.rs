//! Builds Dockerfiles with a container engine of this machine, or without any as long as
//! there is nothing to run ([`NativeBuild`]).
//!
//! Nothing here starts a program. An [`Invocation`] describes a command, and the caller runs
//! it and passes back the output:
//!
//! 1. [`candidates`] and [`Program::probes`] say how to find a working engine, and
//!    [`Program::evaluate`] interprets the results.
//! 2. [`EngineBuild::new`] prepares a build. The caller runs [`EngineBuild::build`], then
//!    [`EngineBuild::save`] if there is one.
//! 3. [`EngineBuild::collect`] imports the image into the store. Its digest is computed from
//!    the stored bytes: the ID that an engine prints is that of a configuration, not what a
//!    registry will return.

mod arguments;
mod build_id;
mod build_output;
mod cache;
mod cache_options;
mod context;
mod context_archive;
mod engine;
mod engine_build;
mod error;
mod foreign_platform;
mod invocation;
mod metadata;
mod native;
mod request;
mod stale_cache;
pub mod untrusted;

pub use arguments::declared_arguments;
pub use build_output::{BuildFailure, BuildOutput};
pub use cache::{Cache, GitHubCache};
pub use context_archive::ContextArchive;
pub use engine::{DockerBuilder, Engine, ProbeResult, Program, UnusableEngine, candidates};
pub use engine_build::EngineBuild;
pub use error::DockerfileError;
pub use invocation::Invocation;
pub use native::{
    BuildDirs, CommandError, CommandRunner, Instruction, MOUNTED, NativeBuild, NeededImage,
    PartKind, RanCommand, RootId, RootPart, RunCommand, RunMount, RunMountKind, RunNetwork,
    RunProcess, SecretVariable, Sharing,
};
pub use request::BuildRequest;
