//! Standard output, which remembers whether something could not be written.

use std::io::{self, Write};
use std::sync::OnceLock;

/// The first error of writing.
static LOST: OnceLock<String> = OnceLock::new();

/// Standard output. A reader that has closed it, such as `head`, has what it wants; any
/// other error means that a result is lost, and [`Stdout::lost`] tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

impl Stdout {
    /// Why a result could not be written, if one could not: the program must then not
    /// exit with 0.
    pub fn lost() -> Option<&'static str> {
        LOST.get().map(String::as_str)
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes).inspect_err(remember)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush().inspect_err(remember)
    }
}

fn remember(error: &io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe {
        LOST.get_or_init(|| error.to_string());
    }
}
