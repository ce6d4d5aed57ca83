//! A local cloud in this process, on a runtime of its own, so that a test may
//! wait for a program that talks to it.

use serde_json::Value;
use shipway::testing::local::{Cloud, CloudFile, CloudOptions, LoggedRequest, RequestLog};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A cloud that ends with its value. Its state folder stays as long as this.
pub struct LocalCloud {
    pub file: CloudFile,
    pub path: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl LocalCloud {
    /// A cloud of that world, with its state in that folder.
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

    /// What was answered so far.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        RequestLog::read(&self.file.request_log).expect("a log")
    }

    /// A program that lives in this cloud.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).envs(self.file.variables());
        command
    }

    /// What a program that must succeed says.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program, arguments).output().expect("a program");
        assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// What a program that must fail says.
    pub fn fails(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program, arguments).output().expect("a program");
        assert!(!output.status.success(), "{program} {arguments:?}: {}", text(&output));
        text(&output)
    }

    /// A client that is not ours, in this cloud.
    pub fn client(&self) -> reqwest::Client {
        // The first to install wins.
        drop(rustls::crypto::ring::default_provider().install_default());
        let root = reqwest::Certificate::from_pem(self.file.ca.as_bytes()).expect("PEM");
        let proxy = reqwest::Proxy::all(self.file.proxy.expose()).expect("a proxy");
        let builder = reqwest::Client::builder().proxy(proxy).tls_certs_only([root]);
        builder.build().expect("a client")
    }
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

/// A folder for the state of a cloud.
pub fn state() -> TempDir {
    tempfile::tempdir().expect("a folder")
}
