//! What the tests stand on: the program in a clean environment, waiting, peers
//! to talk to, and images to give them.

pub(crate) mod busybox;

pub(crate) mod cloud;
pub(crate) mod dockerd;
pub(crate) mod fake_registry;
pub(crate) mod images;
pub(crate) mod keeping_registry;
pub(crate) mod peer_registry;
pub(crate) mod peers;
mod program;
pub(crate) mod scene;
pub(crate) mod state;
pub(crate) mod talking;
pub(crate) mod tls_proxy;
mod waiting;

pub(crate) use program::{Finished, Program, workflows};
pub(crate) use waiting::{eventually, is_alive};
