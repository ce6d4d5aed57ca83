//! The one door of the local cloud: an HTTP proxy on loopback.
//!
//! `hosts` says which service has a name, `connect` answers `CONNECT`,
//! `forward` answers `http://` URLs, `services` hands a request to its service
//! and `answer` writes what the proxy says itself. Nothing in here knows what
//! a service does.

mod answer;
mod connect;
mod door;
mod forward;
mod hosts;
mod services;

pub use door::{Proxy, Setup, answer_directly, proxy_url};
pub use hosts::DOMAINS;
pub use services::{Dial, RequestHost};

#[cfg(test)]
mod tests;
