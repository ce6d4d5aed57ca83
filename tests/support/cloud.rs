//! A local cloud in this process, on its own runtime, so that a test may block on
//! a program that uses it.

use serde_json::Value;
use shipway::testing::local::{Cloud, CloudFile, CloudOptions, LoggedRequest, RequestLog};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A running local cloud. Dropping it stops the cloud; its state folder stays.
pub struct LocalCloud {
    pub file: CloudFile,
    pub path: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl LocalCloud {
    /// Starts a cloud with this world and its state in this folder.
    pub fn start(state: &Path, world: Value) -> Self {
        let mut world = world;
        world["runtime"] = "plain".into();
        let world = serde_json::from_value(world).expect("a world");
        let path = state.join("cloud.json");
        let options = CloudOptions {
            initial_state: world,
            state: state.to_owned(),
            cloud_file: path.clone(),
            port: None,
            stays_up: true,
        };
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                let cloud = Cloud::start(options).await.expect("a local cloud");
                tell.send(cloud.file().clone()).expect("the test waits");
                cloud.run(async { drop(stopped.await) }).await;
            });
        });
        let file = told.recv().expect("a local cloud that is ready");
        Self { file, path, stop: Some(stop), thread: Some(thread) }
    }

    /// The requests that were answered so far.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        RequestLog::read(&self.file.request_log).expect("a log")
    }

    /// A program with the cloud's environment variables.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).envs(self.file.variables());
        command
    }

    /// Runs a program that must succeed and returns its standard output.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program, arguments).output().expect("a program");
        assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs a program that must fail and returns its output.
    pub fn fails(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program, arguments).output().expect("a program");
        assert!(!output.status.success(), "{program} {arguments:?}: {}", text(&output));
        text(&output)
    }

    pub fn client(&self) -> reqwest::Client {
        client(&self.file)
    }
}

/// A plain HTTP client that uses the proxy and the certificate of a cloud.
pub fn client(file: &CloudFile) -> reqwest::Client {
    // The first to install wins.
    drop(rustls::crypto::ring::default_provider().install_default());
    let root = reqwest::Certificate::from_pem(file.ca.as_bytes()).expect("PEM");
    let proxy = reqwest::Proxy::all(file.proxy.expose()).expect("a proxy");
    let builder = reqwest::Client::builder().proxy(proxy).tls_certs_only([root]);
    builder.user_agent("test").build().expect("a client")
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended already.
            stop.send(()).unwrap_or_default();
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn text(output: &Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

/// A temporary folder for the state of a cloud.
pub fn state() -> TempDir {
    tempfile::tempdir().expect("a folder")
}
