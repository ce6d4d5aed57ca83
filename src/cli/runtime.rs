//! The threads of a command that talks to servers.

use super::exit::Exit;
use super::say;

/// Does the asynchronous work of a command.
pub fn block_on<T>(work: impl Future<Output = Result<T, Exit>>) -> Result<T, Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        say::error(
            &["cannot start the threads of the program".to_owned(), error.to_string()],
            None,
        );
        Exit::Bug
    })?;
    let done = runtime.block_on(work);
    // Dropping the runtime would wait for threads that still block on a read.
    runtime.shutdown_background();
    done
}
