//! Arguments in, exit code out. See the library for everything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // Taken before any thread exists: these processes become something else.
    if arguments.next().is_some_and(|first| first == shipway::run::child::ENTRY) {
        return shipway::run::child::supervise(arguments);
    }
    shipway::local::runtime::reexec().unwrap_or_else(shipway::cli::main)
}
