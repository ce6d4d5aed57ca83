//! Runs a graph: the one loop, and the state it owns.
//!
//! Steps, signals and timers all arrive in the loop as an `Input`; `State::on`
//! answers with the effects to perform and the events to publish.
//!
//! Nothing outside `perform` knows what a registry is.

pub mod cancel;
pub mod child;
pub mod engine;
pub mod layout;
pub mod outcome;
pub mod perform;
pub mod retry;
pub mod signals;
pub mod state;
pub mod store;
