//! The signals that stop a run.

use crate::event::CancelReason;
use crate::os::ignores_hang_up;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if the caller has this process ignore it, as `nohup` does.
    hang_up: Option<Signal>,
    heard: LastHeard,
}

/// When the run last took a signal, for those that watch whether it still does.
#[derive(Clone, Debug)]
pub struct LastHeard {
    listening_since: Instant,
    /// Milliseconds since then; 0 before the first.
    after: Arc<AtomicU64>,
}

impl Default for LastHeard {
    fn default() -> Self {
        Self::new()
    }
}

impl LastHeard {
    pub fn new() -> Self {
        Self { listening_since: Instant::now(), after: Arc::default() }
    }

    /// Says that a signal was taken.
    pub fn update(&self) {
        self.after.store(self.now().max(1), Ordering::Relaxed);
    }

    /// Milliseconds since signals are listened for.
    pub fn now(&self) -> u64 {
        u64::try_from(self.listening_since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When a signal was last taken, as [`Self::now`] counts; 0 if none was.
    pub fn at(&self) -> u64 {
        self.after.load(Ordering::Relaxed)
    }
}

impl Signals {
    /// Installs handlers. From here on, the signals no longer end the process.
    pub fn listen() -> io::Result<Self> {
        let ignored = ignores_hang_up();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: (!ignored).then(|| signal(SignalKind::hangup())).transpose()?,
            heard: LastHeard::new(),
        })
    }

    /// When signals are taken.
    pub fn heard(&self) -> LastHeard {
        self.heard.clone()
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> CancelReason {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        let reason = tokio::select! {
            _ = self.interrupt.recv() => CancelReason::Interrupted,
            _ = self.terminate.recv() => CancelReason::Terminated,
            _ = hang_up => CancelReason::HungUp,
        };
        self.heard.update();
        reason
    }
}
