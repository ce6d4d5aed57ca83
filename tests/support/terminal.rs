//! The program in a terminal that a test types into.

use super::{Program, eventually};
use nix::poll::{PollFd, PollFlags, poll};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::{Pid, read, write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};

/// How long nothing may be shown that is waited for.
const MAX_SILENCE_MS: u16 = 60_000;

/// A terminal of 24 lines and 80 columns, of which the program is in control.
pub struct Terminal {
    pub master: OwnedFd,
    pub slave: OwnedFd,
    child: Child,
    shown: Vec<u8>,
}

impl Program {
    /// Starts it in a terminal of its own.
    pub fn in_terminal(&self, arguments: &[&str]) -> Terminal {
        self.other_in_terminal(env!("CARGO_BIN_EXE_shipway"), arguments)
    }

    /// Starts another program in its folder and environment, in a terminal of its own.
    pub fn other_in_terminal(&self, program: &str, arguments: &[&str]) -> Terminal {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None).expect("a terminal");
        let usual = self.command(&[]);
        let end = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let child = Command::new("setsid")
            // A test that is started in the background ignores what a terminal sends.
            .args(["--ctty", "--wait", "env", "--default-signal=HUP,INT,QUIT", program])
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("TERM", "vt100")
            .envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("setsid of util-linux is installed");
        Terminal { master, slave, child, shown: Vec::new() }
    }
}

impl Terminal {
    pub fn press(&self, keys: &str) {
        write(&self.master, keys.as_bytes()).expect("keys are taken");
    }

    /// Reads until this was shown after what was waited for before; what was shown before it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let shown = String::from_utf8_lossy(&self.shown).into_owned();
            if let Some(at) = shown.find(text) {
                self.shown = shown[at + text.len()..].into();
                return shown[..at].to_owned();
            }
            let mut master = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut master, MAX_SILENCE_MS).expect("a terminal");
            assert!(ready > 0, "`{text}` was not shown, but\n{shown}");
            let length = read(&self.master, &mut buffer).expect("output");
            self.shown.extend(&buffer[..length]);
        }
    }

    /// The process of `shipway`, which is the child of `setsid --wait`.
    pub fn process(&self) -> Pid {
        let id = self.child.id();
        let path = format!("/proc/{id}/task/{id}/children");
        let children = std::fs::read_to_string(path).expect("the children");
        let first = children.split_whitespace().next();
        // Where `setsid` need not fork, it has become the program itself.
        let id = first.and_then(|child| child.parse().ok()).or_else(|| i32::try_from(id).ok());
        Pid::from_raw(id.expect("a process"))
    }

    /// The exit code, after which the terminal is as it was.
    #[track_caller]
    pub fn exits(&mut self, code: i32) {
        let status = eventually("the program ends", || self.child.try_wait().expect("a child"));
        // As a shell tells of a signal.
        let ended = status.code().or_else(|| Some(128 + status.signal()?));
        assert_eq!(ended, Some(code));
        let modes = tcgetattr(&self.slave).expect("a terminal").local_flags;
        assert!(modes.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
    }

    /// What was shown after what was waited for, once the program has ended.
    #[track_caller]
    pub fn rest(mut self, code: i32) -> String {
        self.exits(code);
        write(&self.slave, b"\x04END").expect("a terminal");
        self.wait_for("\x04END")
    }
}
