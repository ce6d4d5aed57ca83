//! Signals before the first step, when there is nothing to clean up.

use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::cli::unanswered::end_by_second_signal;
use crate::event::Status;
use crate::run::signals::Signals;

/// From here on, signals no longer end the process by themselves.
pub fn listen() -> Result<Signals, Refusal> {
    let signals = Signals::listen().map_err(|error| {
        let chain = ["cannot listen for signals".to_owned(), error.to_string()];
        say::refused(Exit::Bug, &chain, None)
    })?;
    end_by_second_signal(signals.heard());
    Ok(signals)
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
