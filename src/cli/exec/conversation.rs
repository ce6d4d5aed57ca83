//! One command in a container, from its start to its exit code.

use super::input::{send_bytes, send_keys};
use super::marks::{Marks, Seen};
use super::script::{self, Input};
use super::terminal::{self, RawMode};
use crate::cli::exit::Exit;
use crate::cli::unanswered::end_by_second_signal;
use crate::http::{WebSocketReceiver, WebSocketSender};
use crate::journal::TargetId;
use crate::report::Stdout;
use crate::run::outcome::StepError;
use crate::run::perform::{ContainerProgram, DeployedResources, Terminal, TerminalSize};
use crate::run::signals::LastHeard;
use std::io::Write as _;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// How long the shell of a container may take to start the command.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two pings: load balancers of Azure cut connections that are idle for minutes.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Ctrl-C, as a terminal has it.
const INTERRUPT: u8 = 0x03;

/// Pieces of input that wait to be sent.
const MAX_WAITING: usize = 16;

/// A command, and the container that it is run in.
pub struct ContainerCommand<'a> {
    pub resources: &'a DeployedResources,
    pub target: &'a TargetId,
    pub container: &'a str,
    pub command: &'a [String],
    pub input: Input,
}

/// How a conversation ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// With this exit code of the command.
    Command(u8),
    /// The shell of the container ended without starting it, and wrote this.
    NotStarted(String),
    /// The container lacks what passes standard input on.
    NoInputTools,
    /// The connection ended, and the command perhaps not.
    Lost,
    /// The person left it with `~.`, and it may still run.
    Left,
    Signal(Exit),
}

impl ContainerCommand<'_> {
    /// Runs the command in the container until it or the connection ends.
    pub async fn run(&self) -> Result<End, StepError> {
        let nonce = format!("{:016x}", ulid::Ulid::generate().random());
        let term = std::env::var("TERM").unwrap_or_else(|_| "xterm".to_owned());
        let lines = script::lines(self.command, self.input, &nonce, &term).map_err(|too_long| {
            StepError::of_usage(format!(
                "the command is too long: {} bytes as the shell of a container is sent it, which \
                 takes {}",
                too_long.bytes, too_long.limit
            ))
            .help("pass a script on standard input: `shipway exec SERVICE -- sh <FILE`")
        })?;
        let signals = Signals::listen().map_err(|error| {
            StepError::new("cannot wait for signals").because(error.to_string())
        })?;
        end_by_second_signal(signals.heard.clone());
        let (rows, columns) = terminal::size();
        let shell = shell(self.container, TerminalSize { rows, columns });
        let Terminal { sender, receiver } = self.resources.start(self.target, &shell).await?;
        let (input, waiting) = mpsc::channel(MAX_WAITING);
        let sending = tokio::spawn(send(sender, waiting));
        let typed = input.clone();
        // What the shell writes meanwhile is read at the same time.
        tokio::spawn(async move {
            for line in lines {
                typed.send(line).await.ok();
            }
        });
        let conversation = Conversation {
            command: self,
            marks: Marks::new(&nonce),
            input,
            signals,
            device: None,
            raw: None,
            interrupted: false,
        };
        let end = conversation.run(receiver).await;
        // The close of the socket ends what still runs. A server that takes no more is not
        // waited for.
        tokio::time::timeout(Duration::from_secs(1), sending).await.ok();
        end
    }
}

/// The program that runs the command.
fn shell(container: &str, size: TerminalSize) -> ContainerProgram<'_> {
    ContainerProgram { container, program: script::SHELL, size }
}

/// Sends what comes in, and pings between, until the channel closes.
async fn send(mut socket: WebSocketSender, mut waiting: mpsc::Receiver<Vec<u8>>) {
    let mut idle = tokio::time::interval(PING_INTERVAL);
    loop {
        // The receiving side notices a lost connection too, and ends the conversation.
        let sent = tokio::select! {
            piece = waiting.recv() => match piece {
                Some(bytes) => socket.send(bytes).await,
                None => break,
            },
            _ = idle.tick() => socket.ping().await,
        };
        if sent.is_err() {
            return;
        }
    }
    socket.close().await.ok();
}

struct Signals {
    heard: LastHeard,
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
    resized: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            heard: LastHeard::new(),
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            resized: signal(SignalKind::window_change())?,
        })
    }
}

struct Conversation<'a> {
    command: &'a ContainerCommand<'a>,
    marks: Marks,
    input: mpsc::Sender<Vec<u8>>,
    signals: Signals,
    /// The terminal of the command in the container.
    device: Option<String>,
    raw: Option<RawMode>,
    /// Whether Ctrl-C was passed on.
    interrupted: bool,
}

impl Conversation<'_> {
    async fn run(mut self, mut socket: WebSocketReceiver) -> Result<End, StepError> {
        let (leave, mut left) = mpsc::channel(1);
        let mut is_started = false;
        let starting = tokio::time::sleep(START_TIMEOUT);
        tokio::pin!(starting);
        loop {
            let received = tokio::select! {
                received = socket.next() => received,
                () = &mut starting, if !is_started => {
                    return Ok(End::NotStarted(self.marks.preface()));
                }
                Some(()) = left.recv() => return Ok(End::Left),
                _ = self.signals.hangup.recv() => return Ok(End::Signal(Exit::HungUp)),
                _ = self.signals.terminate.recv() => return Ok(End::Signal(Exit::Terminated)),
                _ = self.signals.interrupt.recv() => {
                    // The second time the person does not want to wait for the command.
                    self.signals.heard.update();
                    if self.interrupted || self.input.try_send(vec![INTERRUPT]).is_err() {
                        return Ok(End::Signal(Exit::Interrupted));
                    }
                    self.interrupted = true;
                    continue;
                }
                _ = self.signals.resized.recv() => {
                    self.resize();
                    continue;
                }
            };
            let Ok(Some(bytes)) = received else {
                let preface = self.marks.preface();
                return Ok(if is_started { End::Lost } else { End::NotStarted(preface) });
            };
            for seen in self.marks.feed(&bytes) {
                match seen {
                    Seen::Started { is_ready, device } => {
                        is_started = true;
                        if !is_ready && self.command.input == Input::Bytes {
                            return Ok(End::NoInputTools);
                        }
                        self.device = device;
                        self.start_input(leave.clone())?;
                    }
                    Seen::Output(bytes) => {
                        // What cannot be written is said at the end of the program.
                        Stdout.write_all(&bytes).and_then(|()| Stdout.flush()).ok();
                    }
                    Seen::Ended(code) => return Ok(End::Command(code)),
                }
            }
        }
    }

    /// Sends keys or bytes from now on: before, the shell would have taken them.
    fn start_input(&mut self, leave: mpsc::Sender<()>) -> Result<(), StepError> {
        let input = self.input.clone();
        match self.command.input {
            Input::Terminal => {
                let raw = RawMode::enter().map_err(|error| {
                    StepError::new("cannot set up this terminal").because(error.to_string())
                })?;
                self.raw = Some(raw);
                tokio::spawn(async move {
                    if send_keys(tokio::io::stdin(), &input).await {
                        // Fails where the conversation has ended.
                        leave.send(()).await.ok();
                    }
                });
            }
            Input::Bytes => {
                tokio::spawn(async move { send_bytes(tokio::io::stdin(), &input).await });
            }
            Input::Nothing => {}
        }
        Ok(())
    }

    /// Gives the terminal in the container the new size of this one. The service cannot, so
    /// a second program in the container does; where that fails, the old size stays.
    fn resize(&self) {
        let Some(device) = self.device.clone().filter(|_| self.raw.is_some()) else { return };
        let (rows, columns) = terminal::size();
        let line = script::resize_line(&device, rows, columns);
        let ContainerCommand { resources, target, container, .. } = *self.command;
        let (resources, target) = (resources.clone(), target.clone());
        let container = container.to_owned();
        tokio::spawn(async move {
            let shell = shell(&container, TerminalSize { rows, columns });
            let Ok(opened) = resources.start(&target, &shell).await else { return };
            let Terminal { mut sender, mut receiver } = opened;
            if sender.send(line).await.is_ok() {
                while let Ok(Some(_)) = receiver.next().await {}
            }
        });
    }
}
