//! Who we are to Azure: how a way to sign in is found, and tokens for a scope.
//!
//! The conversations with Entra are Microsoft's `azure_identity` over our own
//! transport, so that proxy, trust and timeouts are the same for all requests.
//! Nothing here reads the process's environment: it is an argument.

mod assertion;
mod detection;
mod error;
mod managed;
mod signer;
mod tokens;
mod transport;

pub use detection::Detection;
pub use error::CredentialError;
pub use signer::Application;
pub use tokens::Credential;
#[cfg(test)]
pub use tokens::Method;
pub(super) use transport::options;

#[cfg(test)]
mod tests;
