//! The threads of a command that talks to servers.

use super::exit::Exit;
use super::say;
use tokio::runtime::Builder;

/// Does the asynchronous work of a command on this thread. Each further thread costs a
/// command that waits for a few answers a fifth of its processor time.
pub fn block_on<T>(work: impl Future<Output = Result<T, Exit>>) -> Result<T, Exit> {
    block_on_runtime(Builder::new_current_thread(), work)
}

/// The same on as many threads as there are processors, for work that moves images.
pub fn block_on_all_processors<T>(work: impl Future<Output = Result<T, Exit>>) -> Result<T, Exit> {
    block_on_runtime(Builder::new_multi_thread(), work)
}

fn block_on_runtime<T>(
    mut threads: Builder,
    work: impl Future<Output = Result<T, Exit>>,
) -> Result<T, Exit> {
    let runtime = threads.enable_all().build().map_err(|error| {
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
