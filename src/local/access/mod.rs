//! Who there is beside the application of the local cloud, and what all of them may do: as
//! Azure's own rules have it where the initial state names roles, else everything.

mod directory;
mod roles;
mod rules;

pub use directory::UserAssignedIdentity;
pub use roles::{ROLES, Role};
pub use rules::{Access, Assignment};
