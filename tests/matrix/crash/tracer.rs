//! Stops a program at its system calls, to send it a signal at an exact one.
//!
//! `ptrace` is used because neither a timer nor a signal of another process hits the same
//! moment twice.

use super::point::RecordMoment;
use super::subject::Ended;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Numbers of system calls on `x86_64`.
const WRITE: u64 = 1;
const FSYNC: u64 = 74;
const FDATASYNC: u64 = 75;

/// What a system call has in the register of its result before it is made.
const NOT_MADE: u64 = (-38_i64).cast_unsigned();

/// Something that a traced program did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Seen {
    /// The journal's entry of this number, counted from 0, is at this moment.
    Record(usize, RecordMoment),
    /// A process of this number, counted from 0 over the whole run, was made, became
    /// another program, or ended.
    Child(usize),
}

/// What is done about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    GoOn,
    /// Sends the signal.
    Send,
    /// Lets it run on, and sends the signal this much later.
    SendIn(Duration),
}

/// A program that waits for a line on its standard input before it starts, under the
/// trace of the thread that made this. Its descendants are traced until that thread ends.
pub struct Tracer<F> {
    main: Pid,
    threads: HashSet<Pid>,
    records: usize,
    children: usize,
    signal: Signal,
    is_sent: bool,
    /// When the signal was sent; `None` before that.
    sent: Arc<Mutex<Sent>>,
    decide: F,
}

impl<F: FnMut(Seen) -> Order> Tracer<F> {
    /// Traces a program to its end. `decide` is asked at each event.
    pub fn run(mut child: Child, signal: Signal, decide: F) -> Ended {
        let main = Pid::from_raw(child.id().cast_signed());
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC;
        ptrace::seize(main, options).expect("tests may trace");
        ptrace::interrupt(main).expect("it waits");
        drop(child.stdin.take());
        let threads = HashSet::from([main]);
        let sent = Arc::default();
        let mut tracer =
            Self { main, threads, records: 0, children: 0, signal, is_sent: false, sent, decide };
        let status = tracer.follow();
        let sent = tracer.sent.lock().unwrap_or_else(PoisonError::into_inner);
        Ended { status, after: sent.at.map(|at| at.elapsed()) }
    }

    fn follow(&mut self) -> ExitStatus {
        // Of this thread alone: others of these tests have children too.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            match waitpid(None, Some(flags)).expect("the program is a child") {
                WaitStatus::Exited(pid, code) if pid == self.main => {
                    self.ended();
                    return ExitStatus::from_raw(code << 8);
                }
                WaitStatus::Signaled(pid, signal, _) if pid == self.main => {
                    self.ended();
                    return ExitStatus::from_raw(signal as i32);
                }
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => {
                    if !self.threads.contains(&pid) {
                        self.child();
                    }
                }
                WaitStatus::PtraceEvent(pid, _, event) => self.event(pid, event),
                WaitStatus::PtraceSyscall(pid) => {
                    self.call(pid);
                    self.resume(pid, None);
                }
                WaitStatus::Stopped(pid, signal) => self.resume(pid, Some(signal)),
                WaitStatus::Continued(_) | WaitStatus::StillAlive => {}
            }
        }
    }

    /// After this no timer sends, since its process id may be another's.
    fn ended(&self) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).has_ended = true;
    }

    fn event(&mut self, pid: Pid, event: i32) {
        let is_new = [
            ptrace::Event::PTRACE_EVENT_FORK as i32,
            ptrace::Event::PTRACE_EVENT_VFORK as i32,
            ptrace::Event::PTRACE_EVENT_CLONE as i32,
        ];
        if is_new.contains(&event) {
            let made = ptrace::getevent(pid).unwrap_or_default();
            let made = Pid::from_raw(i32::try_from(made).unwrap_or_default());
            if fs::exists(format!("/proc/{}/task/{made}", self.main)).unwrap_or_default() {
                self.threads.insert(made);
            } else if is_process(made) {
                self.child();
            }
        } else if event == ptrace::Event::PTRACE_EVENT_EXEC as i32 && pid != self.main {
            self.child();
        }
        self.resume(pid, None);
    }

    fn child(&mut self) {
        self.children += 1;
        self.ask(Seen::Child(self.children - 1));
    }

    /// Looks for writes to the journal.
    fn call(&mut self, pid: Pid) {
        let Ok(registers) = ptrace::getregs(pid) else { return };
        let call = registers.orig_rax;
        if ![WRITE, FSYNC, FDATASYNC].contains(&call) || !is_journal(pid, registers.rdi) {
            return;
        }
        let moment = match (call, registers.rax) {
            (WRITE, NOT_MADE) => RecordMoment::BeforeWrite,
            (WRITE, _) => {
                self.records += 1;
                RecordMoment::Written
            }
            (_, NOT_MADE) => return,
            _ => RecordMoment::Synced,
        };
        let number = match moment {
            RecordMoment::BeforeWrite => self.records,
            RecordMoment::Written | RecordMoment::Synced => self.records - 1,
        };
        self.ask(Seen::Record(number, moment));
    }

    fn ask(&mut self, seen: Seen) {
        if self.is_sent {
            return;
        }
        match (self.decide)(seen) {
            Order::GoOn => {}
            Order::Send => {
                self.is_sent = true;
                send(&self.sent, self.main, self.signal);
            }
            Order::SendIn(time) => {
                let (sent, main, signal) = (Arc::clone(&self.sent), self.main, self.signal);
                std::thread::spawn(move || {
                    std::thread::sleep(time);
                    send(&sent, main, signal);
                });
            }
        }
    }

    /// Lets a thread run on: those of the program to their next system call, others to
    /// their next event. One that was killed meanwhile is not there.
    fn resume(&self, pid: Pid, signal: Option<Signal>) {
        let resumed = if self.threads.contains(&pid) && !self.is_sent {
            ptrace::syscall(pid, signal)
        } else {
            ptrace::cont(pid, signal)
        };
        resumed.unwrap_or_default();
    }
}

/// When a program got its signal, and whether it has ended.
#[derive(Debug, Default)]
struct Sent {
    at: Option<Instant>,
    has_ended: bool,
}

fn send(sent: &Mutex<Sent>, program: Pid, signal: Signal) {
    let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    if !sent.has_ended {
        sent.at = Some(Instant::now());
        // It may have ended without having been waited for.
        kill(program, signal).unwrap_or_default();
    }
}

/// Whether it is the first thread of a process.
fn is_process(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line == format!("Tgid:\t{pid}"))
}

fn is_journal(pid: Pid, descriptor: u64) -> bool {
    let target = fs::read_link(format!("/proc/{pid}/fd/{descriptor}"));
    target.is_ok_and(|path| path.ends_with("journal.jsonl"))
}
