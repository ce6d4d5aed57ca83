//! `__runtime-exec`: executes a command in the namespaces of a running container.
//!
//! The order arrives on standard input, which is a socket. The controlling side of the
//! command's terminal goes back through it, then the reason if the command cannot be
//! executed; otherwise the socket closes.

use super::container::{Input, NOT_STARTED, Never, in_place, in_root};
use super::mode::StageMode;
use super::protocol::ExecOrder;
use nix::sched::{CloneFlags, setns};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

pub fn run(mode: StageMode) -> ExitCode {
    let Ok(channel) = io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::from(NOT_STARTED);
    };
    let mut channel = UnixStream::from(channel);
    let reason = match become_command(&mut channel, mode == StageMode::Isolated) {
        Ok(never) => match never {},
        Err(reason) => reason,
    };
    // The init process may have ended.
    channel.write_all(reason.as_bytes()).ok();
    ExitCode::from(NOT_STARTED)
}

fn become_command(channel: &mut UnixStream, isolated: bool) -> Result<Never, String> {
    let mut text = String::new();
    channel.read_to_string(&mut text).map_err(|error| format!("cannot read the order: {error}"))?;
    let ExecOrder { process, size, reports_exit: _ } =
        serde_json::from_str(&text).map_err(|error| format!("cannot parse the order: {error}"))?;
    let input = Input::Terminal { size, channel };
    if !isolated {
        return in_place(&process, input);
    }
    // This process was started in the PID namespace of the container.
    let rest = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    pidfd_open(Pid::INIT, PidfdFlags::empty())
        .map_err(io::Error::from)
        .and_then(|first| Ok(setns(first, rest)?))
        .map_err(|error| format!("cannot enter the namespaces of the container: {error}"))?;
    in_root(&process, input)
}
