//! The `shipway` program. See the library for all of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    shipway::main()
}
