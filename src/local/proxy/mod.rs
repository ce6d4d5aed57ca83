//! The one door of the local cloud: an HTTP proxy on loopback.
//!
//! `hosts` says which service has a name, `connect` answers `CONNECT`,
//! `forward` answers `http://` URLs, `services` hands a request to its service
//! and `answer` writes what the proxy says itself. Nothing in here knows what
//! a service does.

mod connect;
mod context;
mod forward;
mod hosts;
mod listener;
mod response;
mod services;
mod stream;

pub use context::Proxy;
pub use hosts::DOMAINS;
pub use listener::{answer_directly, proxy_login, proxy_url, run};
pub use services::{Dial, RequestHost, Services};

#[cfg(test)]
mod tests;
