//! Signals before the first step, when there is nothing to clean up.

use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::event::Status;
use crate::run::signals::{LastHeard, Signals};
use std::thread;
use std::time::Duration;

/// From here on, signals no longer end the process by themselves.
pub fn listen() -> Result<Signals, Refusal> {
    let signals = Signals::listen().map_err(|error| {
        let chain = ["cannot listen for signals".to_owned(), error.to_string()];
        say::refused(Exit::Bug, &chain, None)
    })?;
    let heard = signals.heard();
    // Without it, a run that does not answer can be killed all the same.
    thread::Builder::new().name("signals".into()).spawn(move || watch(&heard)).ok();
    Ok(signals)
}

/// How long a run may take to hear of a signal.
const PATIENCE: Duration = Duration::from_secs(3);

/// How much later than the run this thread may hear of a signal.
const SKEW_MILLIS: u64 = 100;

/// Ends the process at a second signal that the run does not hear, as where it waits for a disk
/// of the network. Its programs end with it.
#[expect(clippy::exit, reason = "what blocks the run is not known")]
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
                say::error(&["the run did not answer, and was ended by the signal".into()], None);
                let exit = Exit::of_run(Status::Cancelled, Some(reason), &[]);
                std::process::exit(exit.code().into());
            }
        }
    });
}

/// Does what comes before the first step, until a signal ends it.
pub async fn or_stop<T>(
    signals: &mut Signals,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::select! {
        done = work => done,
        reason = signals.next() => {
            let exit = Exit::of_run(Status::Cancelled, Some(reason), &[]);
            let chain = ["the run was stopped before its first step".to_owned()];
            Err(say::refused(exit, &chain, None))
        }
    }
}
