//! Builds Dockerfiles by a container engine that is on this machine, or, as long
//! as nothing has to run, without any ([`Native`]).
//!
//! Nothing here starts a program. An [`Invocation`] says what is to be run, and
//! whoever ran it comes back with what it answered or left behind:
//!
//! 1. [`candidates`] and [`Program::questions`] ask which engine works, and
//!    [`Program::judge`] reads the answers.
//! 2. [`Work::new`] prepares a build; [`Work::build`] is to be run, then
//!    [`Work::save`] where there is one.
//! 3. [`Work::collect`] takes the image into the store. Its digest is of what is
//!    stored: the id that an engine prints is of a configuration, not of what a
//!    registry will hold.

mod cache;
mod context;
mod engine;
mod error;
mod foreign;
mod invocation;
mod metadata;
mod native;
mod work;

pub use cache::{Cache, GitHubCache};
pub use engine::{Answer, DockerBuilder, Engine, Program, Unfit, candidates};
pub use error::DockerfileError;
pub use invocation::Invocation;
pub use native::{Bench, Native, Needed};
pub use work::{Request, Work};
