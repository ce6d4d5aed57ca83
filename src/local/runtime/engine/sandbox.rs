//! A group in an engine: containers that share the network of the first.

use super::command::{Engine, EngineError};
use crate::local::runtime::image::ProgramConfig;
use crate::local::runtime::log::{LogFile, LogLines};
use crate::local::runtime::spec::{Container, ExecCommand, Group};
use crate::local::runtime::terminal::TerminalStream;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::Signal;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

#[derive(Debug)]
pub struct Sandbox {
    engine: Engine,
    /// The prefix of the group's container names.
    prefix: String,
    ports: Vec<u16>,
    /// The container that was started first and owns the network.
    keeper: tokio::sync::Mutex<Option<String>>,
}

#[derive(Debug)]
pub struct ContainerStart<'a> {
    pub container: &'a Container,
    pub config: &'a ProgramConfig,
    pub log: &'a Path,
}

impl Sandbox {
    /// Removes containers of the group that are left from before.
    pub async fn open(engine: &Engine, group: &Group, key: &str) -> Result<Self, EngineError> {
        let sandbox = Self {
            engine: engine.clone(),
            prefix: engine.qualified(key),
            ports: group.ports.clone(),
            keeper: tokio::sync::Mutex::default(),
        };
        for container in group.init.iter().chain(&group.containers) {
            sandbox.remove(&container.name).await;
        }
        Ok(sandbox)
    }

    fn name(&self, container: &str) -> String {
        format!("{}-{container}", self.prefix)
    }

    async fn remove(&self, container: &str) {
        // Usually there is no such container, and the command fails.
        self.engine.apply(&["rm", "--force", "--volumes", &self.name(container)]).await.ok();
    }

    /// Starts a container. The receiver gets its exit code.
    pub async fn start(
        &self,
        start: ContainerStart<'_>,
    ) -> Result<oneshot::Receiver<i32>, EngineError> {
        let ContainerStart { container, config, log } = start;
        let image = self.engine.load(&container.image).await?;
        let name = self.name(&container.name);
        let mut keeper = self.keeper.lock().await;
        let keeps = keeper.as_ref().is_none_or(|keeper| *keeper == container.name);
        let network = keeper.as_ref().filter(|_| !keeps).map(|keeper| self.name(keeper));
        // The owner of the network is restarted in place. Recreating it would cut the
        // network of the other containers.
        let restarted = keeps && keeper.is_some();
        if !restarted {
            self.remove(&container.name).await;
            self.create(container, config, &image, network.as_deref()).await?;
            if keeps {
                *keeper = Some(container.name.clone());
            }
        }
        drop(keeper);
        let since = jiff::Timestamp::now().to_string();
        self.engine.apply(&["start", &name]).await?;
        self.follow(&name, &since, log)
    }

    async fn create(
        &self,
        container: &Container,
        config: &ProgramConfig,
        image: &str,
        network: Option<&str>,
    ) -> Result<(), EngineError> {
        let mut create = self.engine.change(["create", "--pull", "never", "--name"]);
        create.arg(self.name(&container.name)).args(["--label", &self.engine.label()]);
        match network {
            Some(keeper) => drop(create.arg("--network").arg(format!("container:{keeper}"))),
            None => {
                for port in &self.ports {
                    create.arg("--publish").arg(format!("127.0.0.1::{port}"));
                }
            }
        }
        let mut file = tempfile::NamedTempFile::new().map_err(|source| self.start_error(source))?;
        for (name, value) in &container.env {
            if value.contains(['\n', '\r']) {
                // `--env-file` has one variable per line, so a value with line feeds is
                // passed through the environment of the engine's client.
                create.arg("--env").arg(name).env(name, value);
            } else {
                writeln!(file, "{name}={value}").map_err(|source| self.start_error(source))?;
            }
        }
        create.arg("--env-file").arg(file.path());
        for mount in &container.mounts {
            let mode = if mount.read_only { ":ro" } else { "" };
            create.arg("--volume").arg(format!(
                "{}:{}{mode}",
                mount.source.display(),
                mount.target
            ));
        }
        let argv = config.argv(&container.command);
        if let Some(program) = argv.first().filter(|_| !container.command.is_empty()) {
            create.arg("--entrypoint").arg(program).arg(image).args(&argv[1..]);
        } else {
            create.arg(image);
        }
        self.engine.run(create, "create").await.map(drop)
    }

    fn start_error(&self, source: io::Error) -> EngineError {
        EngineError::Start { program: self.engine.name().to_owned(), source }
    }

    /// Copies the container's output into its log file and waits for its end.
    fn follow(
        &self,
        name: &str,
        since: &str,
        log: &Path,
    ) -> Result<oneshot::Receiver<i32>, EngineError> {
        let log = LogFile::open(log).map_err(|source| self.start_error(source))?;
        let log = Arc::new(Mutex::new(log));
        let mut logs = self.engine.command(["logs", "--follow", "--since", since, name]);
        logs.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut logs = logs.spawn().map_err(|source| self.start_error(source))?;
        let (sender, receiver) = oneshot::channel();
        let (engine, name) = (self.engine.clone(), name.to_owned());
        tokio::spawn(async move {
            let out = logs.stdout.take().expect("the standard output is a pipe");
            let err = logs.stderr.take().expect("the standard error is a pipe");
            let copied = futures::future::join(copy(out, &log), copy(err, &log));
            let wait = ["wait", &name];
            let code = engine.ask(&wait);
            let (code, _) = futures::future::join(code, copied).await;
            let code = code.ok().and_then(|code| code.lines().last()?.trim().parse().ok());
            // `wait` fails if the container is removed meanwhile.
            sender.send(code.unwrap_or(137)).ok();
        });
        Ok(receiver)
    }

    /// Starts a command in a running container, on a terminal that the engine passes on.
    pub fn exec(
        &self,
        container: &str,
        command: &ExecCommand,
    ) -> Result<TerminalStream, EngineError> {
        let failed = |source| self.start_error(source);
        let size =
            Winsize { ws_row: command.rows, ws_col: command.columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).map_err(|errno| failed(errno.into()))?;
        let mut exec = self.engine.command(["exec", "--interactive", "--tty"]);
        exec.arg(self.name(container)).args(&command.argv).kill_on_drop(false);
        let ends = [pair.slave.try_clone(), pair.slave.try_clone(), Ok(pair.slave)];
        let [input, output, errors] = ends;
        exec.stdin(Stdio::from(input.map_err(failed)?));
        exec.stdout(Stdio::from(output.map_err(failed)?));
        exec.stderr(Stdio::from(errors.map_err(failed)?));
        let mut client = exec.spawn().map_err(failed)?;
        // Its ends of the terminal go with it, so that the stream ends when the client does.
        drop(exec);
        tokio::spawn(async move { client.wait().await.ok() });
        TerminalStream::new(pair.master).map_err(failed)
    }

    /// Runs a program in a container to its end. Returns its exit code.
    pub async fn run(&self, container: &str, argv: &[String]) -> Result<i32, EngineError> {
        let mut exec = self.engine.command(["exec"]);
        exec.arg(self.name(container)).args(argv);
        exec.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = exec.status().await.map_err(|source| self.start_error(source))?;
        // One that was ended by a signal has no code.
        Ok(status.code().unwrap_or(255))
    }

    /// Sends a signal. A container that does not run is ignored.
    pub async fn signal(&self, container: &str, signal: Signal) {
        self.engine.ask(&["kill", "--signal", signal.as_str(), &self.name(container)]).await.ok();
    }

    pub async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let keeper = self.keeper.lock().await.clone();
        let keeper = keeper.ok_or(io::ErrorKind::ConnectionRefused)?;
        let published =
            self.engine.ask(&["port", &self.name(&keeper), &format!("{port}/tcp")]).await;
        let address = published.ok().and_then(|lines| lines.lines().next()?.trim().parse().ok());
        let address: std::net::SocketAddr = address.ok_or(io::ErrorKind::ConnectionRefused)?;
        TcpStream::connect(address).await
    }

    pub async fn close(&self, containers: &[String]) {
        for container in containers {
            self.remove(container).await;
        }
    }
}

async fn copy(mut reader: impl AsyncRead + Unpin, log: &Mutex<LogFile>) {
    let mut lines = LogLines::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(length) => length,
        };
        for (whole, line) in lines.push(&buffer[..length]) {
            write(log, whole, &line);
        }
    }
    if let Some(rest) = lines.finish() {
        write(log, false, &rest);
    }
}

fn write(log: &Mutex<LogFile>, whole: bool, line: &[u8]) {
    let time = jiff::Timestamp::now().to_string();
    // A full disk must not block the program.
    log.lock().unwrap_or_else(PoisonError::into_inner).append(&time, whole, line).ok();
}
