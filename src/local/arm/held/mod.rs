//! What the cloud holds, and where it is reached: listed when asked, and told as it appears.

mod inventory;
mod published;
mod teller;

pub use inventory::inventory;
pub use published::write_published;
pub use teller::{PublishedTeller, public_url};
