//! What both test binaries build on: the program in a clean environment, its
//! state folder, waiting, a local cloud, and a registry with scripted faults.

pub mod azure_described;
pub mod cloud;
pub mod cloud_process;
#[path = "../../src/registry/testing/fake_registry/mod.rs"]
pub mod fake_registry;
pub mod fetching_cloud;
#[path = "../../src/registry/testing/images.rs"]
pub mod images;
pub mod job_tokens;
pub mod layout;
pub mod path;
mod processes;
pub mod program;
pub mod servers;
pub mod state;
pub mod terminal;
#[path = "../../src/registry/testing/waiting.rs"]
mod waiting;

pub use processes::is_alive;
pub use program::{Finished, Program};
pub use waiting::eventually;
