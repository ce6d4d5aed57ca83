//! Signs in to Azure: finds a way to sign in, and gets tokens for a scope.
//!
//! Microsoft's `azure_identity` talks to Entra, but over our own HTTP client, so
//! that proxy, trust and timeouts are the same for all requests. The environment
//! is an argument and never read from the process.

mod assertion;
mod certificate;
mod detection;
mod device_code;
mod device_code_error;
mod entra_client;
mod error;
mod identity;
mod managed;
mod method;
mod signer;
mod tokens;
mod transport;
pub mod untrusted;

pub use detection::Detection;
pub use device_code::ShowText;
pub use error::CredentialError;
#[cfg(test)]
pub use method::SignInMethod;
pub use signer::Application;
pub use tokens::Credential;
pub(super) use transport::options;

#[cfg(test)]
mod tests;
