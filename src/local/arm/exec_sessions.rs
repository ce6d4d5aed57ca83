//! Commands in containers that wait for the web socket of their terminal.

use crate::local::runtime::ExecCommand;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a session waits for its web socket.
const MAX_SESSION_AGE: Duration = Duration::from_mins(1);

/// The sessions that wait for their web sockets.
#[derive(Debug, Default)]
pub struct ExecSessions {
    waiting: Mutex<HashMap<String, ExecSession>>,
}

#[derive(Debug)]
pub struct ExecSession {
    pub made: Instant,
    pub password: String,
    /// The group in the runtime.
    pub group: String,
    pub container: String,
    pub command: ExecCommand,
}

impl ExecSessions {
    pub fn add(&self, id: &str, session: ExecSession) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, other| other.made.elapsed() < MAX_SESSION_AGE);
        waiting.insert(id.to_owned(), session);
    }

    /// Each session has one web socket.
    pub fn take(&self, id: &str) -> Option<ExecSession> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }
}
