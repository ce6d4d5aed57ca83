//! The `shipway` program. See the library for all of it.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A large plan consists of some hundred thousand short strings. The C library's allocator
/// takes a third of the time of `shipway check` for them, and that of musl, which release
/// binaries are linked with, takes longer. The feature `no_thp` keeps it from asking for huge
/// pages, which cost a short command some milliseconds and 20 MB.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    shipway::main()
}
