//! Signing in to a registry: the credentials for a host, the scheme that it asks for,
//! and the tokens that it issues.
//!
//! No environment is read here: home directory and variables are arguments. A token
//! is only sent to the host that it is for.

mod challenge;
mod credentials;
mod error;
mod helper;
mod host_login;
mod login_file;
mod method;
mod not_a_token;
mod stored;
mod token;
pub mod untrusted;

pub use challenge::parameters as challenge_parameters;
pub use credentials::EntraTokens;
pub use error::LoginError;
pub use host_login::{Authorization, HostLogin, Refusal};
pub use method::Login;
pub use stored::{StoredLogin, StoredLogins, StoredUser};
pub use token::{TokenSource, length as token_length};
