//! `__runtime-init`: process 1 of a container group.
//!
//! It starts containers, writes their logs, reports how they end, reaps orphans,
//! and runs the relay. It ends with its standard input, which closes when the local
//! cloud ends for whatever reason.

use super::mode::{CONTAINER, EXEC as EXEC_STAGE, StageMode};
use super::protocol::{EXEC, ExecOrder, Notice, Order, ProcessSpec, RELAY, say};
use super::{relay, session, unheard};
use crate::local::runtime::log::{LogFile, LogLines};
use crate::sandbox::own_program;
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as Channel;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::unix::pipe;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

pub fn run(mode: StageMode) -> ExitCode {
    match serve(mode) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            say(&Notice::Refused(reason));
            ExitCode::FAILURE
        }
    }
}

fn serve(mode: StageMode) -> Result<(), String> {
    let failed = |what: &str, error: &dyn std::fmt::Display| format!("cannot {what}: {error}");
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|e| failed("follow the parent's end", &e))?;
    let isolated = mode == StageMode::Isolated;
    if !isolated {
        prctl::set_child_subreaper(true).map_err(|e| failed("adopt orphans", &e))?;
    }
    let own =
        File::open("/proc/self/ns/pid").map_err(|e| failed("open `/proc/self/ns/pid`", &e))?;
    // Containers must not read /proc of this process, which could lead them to the
    // files of this machine.
    prctl::set_dumpable(false).map_err(|e| failed("close this process to others", &e))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| failed("start the event loop", &e))?;
    let mut init = Init { isolated, own, running: HashMap::new(), exits: HashMap::new() };
    let ended = runtime.block_on(init.serve());
    if !isolated {
        init.kill_all();
    }
    ended.map_err(|e| failed("serve the group", &e))
}

struct Init {
    isolated: bool,
    /// This process's PID namespace, to return to after starting a child.
    own: File,
    /// The running containers by name.
    running: HashMap<String, Pid>,
    /// Receives the exit code of each process.
    exits: HashMap<Pid, oneshot::Sender<i32>>,
}

impl Init {
    async fn serve(&mut self) -> io::Result<()> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let mut orders = BufReader::new(pipe::Receiver::from_owned_fd(input)?).lines();
        let mut children = signal(SignalKind::child())?;
        remove_socket(RELAY)?;
        remove_socket(EXEC)?;
        tokio::spawn(relay::serve(UnixListener::bind(RELAY)?, self.isolated));
        let (ordered, mut commands) = mpsc::channel(1);
        tokio::spawn(take_commands(UnixListener::bind(EXEC)?, ordered));
        say(&Notice::Ready);
        loop {
            tokio::select! {
                line = orders.next_line() => match line? {
                    Some(line) => self.handle(serde_json::from_str(&line)?),
                    None => return Ok(()),
                },
                Some((order, client)) = commands.recv() => {
                    // The client notices by its connection being closed.
                    self.exec(&order, client).ok();
                }
                _ = children.recv() => self.reap(),
            }
        }
    }

    fn handle(&mut self, order: Order) {
        match order {
            Order::Start(process) => {
                let container = process.container.clone();
                if let Err(error) = self.start(*process) {
                    say(&Notice::NotStarted { container, reason: error.to_string() });
                }
            }
            Order::Signal { container, signal } => {
                let Some(&pid) = self.running.get(&container) else { return };
                let Ok(signal) = Signal::try_from(signal) else { return };
                // Each container leads a process group, which without a namespace
                // is the only way to find its children. Fails only if it has ended.
                if killpg(pid, signal).is_err() {
                    kill(pid, signal).ok();
                }
                if self.isolated && signal == Signal::SIGTERM && unheard::is_lost(pid, signal) {
                    kill(pid, Signal::SIGKILL).ok();
                }
            }
        }
    }

    fn start(&mut self, process: ProcessSpec) -> io::Result<()> {
        let (mut channel, theirs) = Channel::pair()?;
        let mut child = self.spawn(&process, theirs)?;
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("process ids are small"));
        let (ended, exit) = oneshot::channel();
        self.exits.insert(pid, ended);
        self.running.insert(process.container.clone(), pid);

        channel.write_all(&serde_json::to_vec(&process)?)?;
        channel.shutdown(Shutdown::Write)?;
        channel.set_nonblocking(true)?;
        let channel = UnixStream::from_std(channel)?;
        let log = Arc::new(Mutex::new(LogFile::open(&process.log)?));
        let mut output = Vec::new();
        for end in outputs(&mut child) {
            let reader = pipe::Receiver::from_owned_fd(end)?;
            output.push(tokio::spawn(copy_lines(reader, Arc::clone(&log))));
        }
        tokio::spawn(report(process.container, channel, exit, output));
        Ok(())
    }

    /// Starts a command in a running container.
    fn exec(&mut self, order: &ExecOrder, client: UnixStream) -> io::Result<()> {
        let container = self.running.get(&order.process.container);
        let container = *container.ok_or(io::ErrorKind::NotFound)?;
        let (mut channel, theirs) = Channel::pair()?;
        if self.isolated {
            let pid = rustix::process::Pid::from_raw(container.as_raw());
            let pid = pid.ok_or(io::ErrorKind::NotFound)?;
            setns(pidfd_open(pid, PidfdFlags::empty())?, CloneFlags::CLONE_NEWPID)?;
        }
        let spawned = self
            .stage(EXEC_STAGE, &order.process, theirs)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = self.returned(spawned)?;
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("process ids are small"));
        let (ended, exit) = oneshot::channel();
        self.exits.insert(pid, ended);
        channel.write_all(&serde_json::to_vec(order)?)?;
        channel.shutdown(Shutdown::Write)?;
        channel.set_nonblocking(true)?;
        // Errors of a connection are seen by its two ends.
        let channel = UnixStream::from_std(channel)?;
        tokio::spawn(session::carry(client, channel, exit, order.reports_exit));
        Ok(())
    }

    /// Starts a container's process, as process 1 of its own PID namespace.
    fn spawn(&self, process: &ProcessSpec, theirs: Channel) -> io::Result<Child> {
        if self.isolated {
            unshare(CloneFlags::CLONE_NEWPID)?;
        }
        let spawned = self
            .stage(CONTAINER, process, theirs)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        self.returned(spawned)
    }

    /// A stage in the folder of a container, which reads its order from a socket.
    fn stage(&self, name: &str, process: &ProcessSpec, theirs: Channel) -> Command {
        let mode = if self.isolated { StageMode::Isolated } else { StageMode::Plain };
        let mut command = Command::new(own_program::OWN);
        command
            .args([name, mode.as_str()])
            .env_clear()
            .current_dir(&process.folder)
            .stdin(Stdio::from(OwnedFd::from(theirs)));
        command
    }

    /// Lets the next child of this process be in its own PID namespace again.
    fn returned(&self, spawned: io::Result<Child>) -> io::Result<Child> {
        if self.isolated {
            setns(&self.own, CloneFlags::CLONE_NEWPID)?;
        }
        spawned
    }

    /// Reaps all children that have ended, including adopted orphans.
    fn reap(&mut self) {
        loop {
            let (pid, code) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, code),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
                Ok(_) | Err(_) => continue,
            };
            self.running.retain(|_, running| *running != pid);
            if let Some(waiting) = self.exits.remove(&pid) {
                // The receiver may be dropped with the event loop.
                waiting.send(code).ok();
            }
        }
    }

    /// Kills all children. Only needed without a PID namespace, which the kernel
    /// cleans up itself.
    fn kill_all(&mut self) {
        for &pid in self.running.values() {
            killpg(pid, Signal::SIGKILL).ok();
        }
        loop {
            for pid in children() {
                kill(pid, Signal::SIGKILL).ok();
            }
            self.reap();
            if children().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn remove_socket(name: &str) -> io::Result<()> {
    match std::fs::remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Reads the orders of clients, which the event loop then starts: it alone may change
/// namespaces.
async fn take_commands(listener: UnixListener, ordered: mpsc::Sender<(ExecOrder, UnixStream)>) {
    loop {
        let Ok((mut client, _)) = listener.accept().await else {
            // Usually out of file descriptors, until other connections end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let ordered = ordered.clone();
        tokio::spawn(async move {
            if let Ok(order) = session::read_order(&mut client).await {
                // Fails only at the end of the group.
                ordered.send((order, client)).await.ok();
            }
        });
    }
}

fn outputs(child: &mut Child) -> Vec<OwnedFd> {
    let out = child.stdout.take().map(OwnedFd::from);
    let err = child.stderr.take().map(OwnedFd::from);
    out.into_iter().chain(err).collect()
}

/// Reports the start and the end of one container.
async fn report(
    container: String,
    mut channel: UnixStream,
    exit: oneshot::Receiver<i32>,
    output: Vec<tokio::task::JoinHandle<()>>,
) {
    let mut reason = String::new();
    // The channel closes without a message when the program is executed.
    let received = channel.read_to_string(&mut reason).await;
    let started = received.is_ok() && reason.is_empty();
    if started {
        say(&Notice::Started { container: container.clone() });
    }
    let Ok(code) = exit.await else { return };
    // The log must be complete before the end is reported. There is a time limit,
    // because without a namespace grandchildren may keep the pipe open.
    let drained = futures::future::join_all(output);
    tokio::time::timeout(Duration::from_secs(1), drained).await.ok();
    say(&if started {
        Notice::Exited { container, code }
    } else {
        Notice::NotStarted { container, reason }
    });
}

async fn copy_lines(mut reader: pipe::Receiver, log: Arc<Mutex<LogFile>>) {
    let mut lines = LogLines::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        // Errors of the log are ignored: a full disk must not block the program.
        let length = match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(length) => length,
        };
        let time = now();
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        for (whole, line) in lines.push(&buffer[..length]) {
            log.append(&time, whole, &line).ok();
        }
    }
    if let Some(rest) = lines.finish() {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.append(&now(), false, &rest).ok();
    }
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// The children of this process.
fn children() -> Vec<Pid> {
    let me = std::process::id();
    let path = format!("/proc/{me}/task/{me}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
}
