//! What is deployed: looked at, restarted, put back, guarded against others.

mod exec;
mod leases;
mod logs;
mod older;
mod open;
mod owner;
mod restart;
mod rollback;
mod rollback_by_hand;
mod secrets;
pub mod status;
mod verify_first;
