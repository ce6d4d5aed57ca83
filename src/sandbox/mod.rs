//! Sets processes apart from this machine: their root file system, their users, what
//! they may ask of the kernel.
//!
//! The parts that the containers of the local cloud and the commands of a Dockerfile have
//! in common. What starts which process in which order is up to them. All of it needs the
//! kernel of Linux.

pub mod confine;
pub mod descriptors;
pub mod ids;
pub mod mounts;
pub mod network;
pub mod own_program;
pub mod path;
mod stage_program;
mod system_calls;
pub mod unpack;
pub mod user;

pub use stage_program::{StageProgram, others_may_start};
