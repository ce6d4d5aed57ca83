//! The endpoint of the local cloud: an HTTP proxy on loopback.
//!
//! `listener` accepts connections, `connect` answers `CONNECT` and `forward`
//! answers `http://` URLs. `hosts` maps a host name to a service, `services` passes
//! the request on and logs it, `direct` says who may ask the registries' own port, `browser` is
//! the port for browsers, `loopback` reaches servers of this machine, `control`
//! shows and changes the cloud itself, `response` writes the proxy's own responses. What
//! a service does is not known here.

mod browser;
mod connect;
mod context;
mod control;
mod direct;
mod forward;
mod hosts;
mod listener;
mod loopback;
mod response;
mod services;
mod stream;

pub use browser::{PAC_PATH, run_for_browsers};
pub use context::{InventorySource, Proxy};
pub use control::{AddedFaults, FAULTS, FaultList, HEAD, HOST, INVENTORY, PullRequestHead};
pub use hosts::DOMAINS;
pub use listener::{answer_directly, proxy_login, proxy_url, run};
pub use services::{Dial, RequestHost, Services, SigstoreService};

#[cfg(test)]
mod tests;
