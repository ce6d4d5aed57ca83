//! What several tests need: peers to talk to.

pub(crate) mod peer_registry;
