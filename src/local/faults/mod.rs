//! Injected faults: what becomes of a request instead of, before or after its answer.
//!
//! `rule` is how a person writes one, `injected` how a test describes one, and both become
//! a `fault`. `list` holds those that are set and finds the one that a request meets;
//! `apply` makes it happen, in front of every service. `record` keeps what was met, so that
//! a rehearsal can be read.

mod apply;
mod body;
mod fault;
mod injected;
mod list;
mod record;
mod rule;

pub use apply::{ConnectionReset, answered};
pub use fault::Fault;
pub use injected::InjectedFault;
pub use list::{FaultState, Faults};
pub use record::{FaultMet, FaultRecord};
pub use rule::FaultRule;
