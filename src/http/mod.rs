//! One HTTP client for everything: its timeouts, its proxy, its trust, and the
//! question whether a request may be sent again.
//!
//! Nothing here knows a service. What a status means beyond "may be tried
//! again" is for the client that asked.

mod cause;
mod client;
mod error;
mod no_proxy;
mod proxies;
mod request_id;
mod retry;
mod safe_url;
mod shortened;
mod trust;
mod tunnel;
mod web_socket;

pub use cause::Cause;
pub use client::{Client, Proxy, Settings, Trust, body, chunk};
pub use error::{BuildError, Error};
pub use request_id::RequestId;
pub use retry::{Retry, Retryable, parse_retry_after};
pub use safe_url::SafeUrl;
pub use shortened::shortened;
pub use tunnel::{TunnelError, connect};
pub use web_socket::{WebSocketReceiver, WebSocketSender};
