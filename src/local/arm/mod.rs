//! Resource Manager: resource groups, container groups, apps, registries, and what
//! clients read beside them.
//!
//! Responses follow recordings of real traffic, otherwise Azure's specification and
//! support articles. Where a code had to be invented, a comment says so. `router`
//! routes a request to the handler of its provider; all handlers work on `handle`.
//! Containers are run by `runtime`, not here.

mod apps;
mod authorization;
mod builds;
mod containers;
mod deployments;
mod exec_sessions;
mod handle;
mod held;
mod identities;
mod image_hint;
mod locks;
mod path;
mod providers;
mod rate_limits;
mod registries;
mod request;
mod resource_groups;
mod resources;
mod response;
mod router;
mod store;
mod stream_tokens;
mod system_data;
mod tag_requests;
mod tags;
mod terminal;
mod vaults;

pub use apps::add_initial;
pub use builds::Builds;
pub use exec_sessions::ExecSessions;
pub use handle::Arm;
pub use held::{PublishedTeller, inventory, public_url};
pub use rate_limits::RateLimits;
pub use router::router;
pub use store::{ResourceStore, Workloads, workloads};
pub use stream_tokens::StreamTokens;
