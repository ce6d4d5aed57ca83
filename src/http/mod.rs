//! One HTTP client for everything: its timeouts, its proxy, its trust, and the
//! question whether a request may be sent again.
//!
//! Nothing here knows a service. What a status means beyond "may be tried
//! again" is for the client that asked.

mod authorities;
mod cause;
mod client;
mod error;
mod no_proxy;
mod proxies;
mod proxy_help;
mod request_id;
mod retry;
mod route;
mod routes;
mod safe_url;
mod shortened;
mod trust;
mod tunnel;
mod web_socket;

pub use authorities::Authorities;
pub use cause::Cause;
pub use client::{Client, Proxy, Settings, Trust, body, chunk, refused, route_of, route_of_error};
pub use error::{BuildError, Error, SYSTEM_TRUST};
pub use request_id::RequestId;
pub use retry::{Retry, Retryable, parse_retry_after};
pub use route::Route;
pub use safe_url::SafeUrl;
pub use shortened::shortened;
pub use tunnel::{TunnelError, connect};
pub use web_socket::{WebSocketReceiver, WebSocketSender};
