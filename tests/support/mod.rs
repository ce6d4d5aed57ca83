//! What several tests need: peers to talk to, and images to give them.

pub(crate) mod dockerd;
pub(crate) mod fake_registry;
pub(crate) mod images;
pub(crate) mod peer_registry;
pub(crate) mod peers;
