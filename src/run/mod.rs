//! Performs the steps of a plan.
//!
//! The loop in `engine` receives results of steps, signals and timers. It passes each
//! to `state` as an `Input` and carries out the answer: events to publish and effects
//! such as an attempt. Only `perform` uses registries, Azure and other clients.

pub mod cancel;
pub mod child;
pub mod engine;
mod jitter;
pub mod layout;
pub mod outcome;
pub mod perform;
pub mod retry;
pub mod service_end;
pub mod signals;
pub mod state;
pub mod store;
