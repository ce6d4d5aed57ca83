//! Arguments in, exit code out. See the library for everything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    shipway::cli::main()
}
