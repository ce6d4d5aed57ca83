//! What a local cloud tells while it is up, for who started it.

use super::faults::FaultMet;
use std::net::SocketAddr;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum News {
    /// A request met a fault.
    FaultMet(FaultMet),
    /// What runs is reached at an address of this machine, under its public URL at the proxy.
    Published { url: String, address: SocketAddr },
}

/// Tells news, if anyone listens.
#[derive(Clone, Debug, Default)]
pub struct Teller(Option<UnboundedSender<News>>);

impl Teller {
    /// A teller, and where its news arrive.
    pub fn with_listener() -> (Self, UnboundedReceiver<News>) {
        let (sender, receiver) = unbounded_channel();
        (Self(Some(sender)), receiver)
    }

    pub fn tell(&self, news: News) {
        if let Some(sender) = &self.0 {
            // Nobody listens any more while the cloud ends.
            sender.send(news).ok();
        }
    }
}
