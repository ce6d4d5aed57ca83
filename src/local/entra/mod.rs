//! The local Entra: access tokens, and the endpoints that hand them out.
//!
//! It knows one application with one password. What a token may do is not its
//! business: whoever holds one for the right audience is let in.

mod endpoints;
mod jwt;
mod tokens;

pub use endpoints::router;
pub use jwt::{now, sign, verify};
pub use tokens::{ARM_AUDIENCES, REGISTRY_AUDIENCES, TokenError, Tokens, VAULT_AUDIENCES};
