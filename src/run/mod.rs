//! Runs a graph: the one loop, and the state it owns.

pub mod event;
