//! The local Entra: access tokens, the endpoints that issue them, and the directory as
//! Microsoft Graph shows it.
//!
//! There is one application with one password, and one person, who signs in with a device code
//! and whom the roles of the application are given to as well. A token for the right audience may do
//! everything, unless the initial state has roles; see `access`.

mod answers;
mod device;
mod endpoints;
mod graph;
mod jwt;
mod sign_in;
mod tokens;

pub use endpoints::router;
pub use graph::graph_router;
pub use jwt::{now, sign, verify};
pub use tokens::{ARM_AUDIENCES, REGISTRY_AUDIENCES, TokenError, Tokens, VAULT_AUDIENCES};
