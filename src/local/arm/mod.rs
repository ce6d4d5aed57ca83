//! Resource Manager: resource groups, container groups, registries, and what
//! clients ask beside them.
//!
//! It speaks as the recordings of real traffic do, and where there are none as
//! the specification and the support articles say; each made-up code says so
//! where it is made up. What runs is the business of `runtime`; what registries
//! and vaults hold is in [`CloudState`](super::CloudState).

mod containers;
mod handle;
mod identities;
mod path;
mod registries;
mod request;
mod resource_groups;
mod resources;
mod response;
mod router;
mod store;

pub use handle::Arm;
pub use router::router;
pub use store::ResourceStore;
