//! Services that fail, refuse or cannot be reached.

mod create_registry;
mod failures;
mod networks;
mod registry;
mod unreachable;
