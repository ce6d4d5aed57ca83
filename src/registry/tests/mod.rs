//! Tests of the client against a registry whose faults are scripted.
//!
//! The registry is real over its sockets; its log of requests is what most of
//! these tests compare.

mod ahead;
mod copy;
mod failures;
mod listing;
mod login;
mod networks;
mod pull;
mod push;
mod quirks;
mod referrers;
mod resume;
mod round_trips;
mod scene;
mod tls_proxy;
