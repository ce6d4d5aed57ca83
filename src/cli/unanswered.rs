//! Ends a command that does not answer to signals.

use super::exit::Exit;
use super::say;
use crate::event::Status;
use crate::run::signals::{LastHeard, Signals};
use std::thread;
use std::time::Duration;

/// How long a command may take to hear of a signal.
const PATIENCE: Duration = Duration::from_secs(3);

/// How much later than the command this thread may hear of a signal.
const SKEW_MILLIS: u64 = 100;

/// Ends the process at a second signal that the command does not hear, as where it waits for a
/// disk of the network, or for a reader of its output that has stopped. Its programs end with it.
pub fn end_by_second_signal(heard: LastHeard) {
    // Without it, a command that does not answer can be killed all the same.
    thread::Builder::new().name("signals".into()).spawn(move || watch(&heard)).ok();
}

#[expect(clippy::exit, reason = "what blocks the command is not known")]
fn watch(heard: &LastHeard) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::listen() else { return };
        signals.next().await;
        loop {
            let reason = signals.next().await;
            let came = heard.now();
            tokio::time::sleep(PATIENCE).await;
            if heard.at() + SKEW_MILLIS < came {
                say::error(
                    &["the command did not answer, and was ended by the signal".into()],
                    None,
                );
                let exit = Exit::of_run(Status::Cancelled, Some(reason), &[]);
                std::process::exit(exit.code().into());
            }
        }
    });
}
