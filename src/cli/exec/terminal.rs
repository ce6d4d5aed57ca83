//! The terminal of the person: its size, and raw mode while a command of the container
//! has it.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, IsTerminal as _};

/// The size where there is no terminal, or it does not know its own.
const DEFAULT_ROWS: u16 = 24;
const DEFAULT_COLUMNS: u16 = 80;

/// Whether both ends of a conversation are a terminal.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The rows and columns of this terminal.
pub fn size() -> (u16, u16) {
    let size = tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stderr()));
    match size {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row, size.ws_col),
        Ok(_) | Err(_) => (DEFAULT_ROWS, DEFAULT_COLUMNS),
    }
}

/// Keys go to the container as they are, Ctrl-C included, until this is dropped: at the
/// end, by an error, a signal that is waited for, or a panic.
#[derive(Debug)]
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    pub fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Fails where the terminal is gone, as after SIGHUP.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.before).ok();
    }
}
