//! A proxy between the program and a local cloud, which sees each request inside of TLS
//! and can break any of them.

mod answer;
mod certificates;
mod connection;
mod request_key;
pub mod rule;

use crate::support::cloud_process::CloudProcess;
use answer::Closed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use rule::{Act, RequestPlace, Rule, Rules};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Serves the proxies of all runs.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// A proxy for one run. Dropping it closes its port.
pub struct Proxy {
    /// The file for `--cloud`.
    pub cloud_file: PathBuf,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What all connections of a proxy share.
pub struct Shared {
    rules: Mutex<Rules>,
    /// Sends requests on to the cloud.
    upstream: reqwest::Client,
    /// The process id of the program, 0 while it does not run.
    program: AtomicI32,
    /// When it got a signal.
    sent: Mutex<Option<Instant>>,
}

impl Proxy {
    /// Starts a proxy before this cloud. `folder` gets its file.
    pub fn start(cloud: &CloudProcess, folder: &Path, rules: Vec<Rule>) -> Self {
        let shared = Arc::new(Shared {
            rules: Mutex::new(Rules::new(rules)),
            upstream: upstream(cloud),
            program: AtomicI32::new(0),
            sent: Mutex::default(),
        });
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let task = RUNTIME.spawn(connection::accept(listener, Arc::clone(&shared)));
        let cloud_file = folder.join("cloud.json");
        fs::write(&cloud_file, file(cloud, folder, port).to_string()).expect("a file");
        Self { cloud_file, shared, task }
    }

    /// Names the process that [`Act::SignalBefore`] and [`Act::SignalAfter`] mean.
    pub fn watch(&self, program: u32) {
        self.shared.program.store(program.cast_signed(), Ordering::SeqCst);
    }

    /// Forgets the process, which has ended. Returns when it got a signal.
    pub fn forget(&self) -> Option<Instant> {
        self.shared.program.store(0, Ordering::SeqCst);
        *self.shared.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests in the order of their arrival.
    pub fn places(&self) -> Vec<RequestPlace> {
        self.shared.rules().places().to_vec()
    }

    /// How many requests met a rule.
    pub fn met(&self) -> usize {
        self.shared.rules().met
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn rules(&self) -> std::sync::MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, key: String) -> Option<Act> {
        self.rules().take(key)
    }

    /// Sends a signal to the program. A connection of one that is killed closes with it.
    fn send(&self, signal: Signal) -> Result<(), Closed> {
        let program = self.program.swap(0, Ordering::SeqCst);
        if program != 0 {
            *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            kill(Pid::from_raw(program), signal).expect("the program runs");
        }
        if signal == Signal::SIGKILL { Err(Closed) } else { Ok(()) }
    }
}

/// A client that sends each request as it is to a cloud.
fn upstream(cloud: &CloudProcess) -> reqwest::Client {
    // The first to install wins.
    drop(rustls::crypto::ring::default_provider().install_default());
    let root = reqwest::Certificate::from_pem(cloud.file.ca.as_bytes()).expect("PEM");
    reqwest::Client::builder()
        .proxy(reqwest::Proxy::all(cloud.file.proxy.expose()).expect("a proxy"))
        .tls_certs_only([root])
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

/// The file of the cloud, with this proxy instead of its own.
fn file(cloud: &CloudProcess, folder: &Path, port: u16) -> Value {
    let mut file = serde_json::to_value(&cloud.file).expect("JSON");
    let ca_file = folder.join("ca.pem");
    fs::write(&ca_file, certificates::trusted()).expect("a file");
    let (old_proxy, old_ca) = (file["proxy"].clone(), file["ca-file"].clone());
    file["proxy"] = format!("http://shipway:passw0rd-of-the-proxy@127.0.0.1:{port}").into();
    file["ca"] = certificates::trusted().into();
    file["ca-file"] = ca_file.display().to_string().into();
    let (proxy, ca) = (file["proxy"].clone(), file["ca-file"].clone());
    for value in file["environment"].as_object_mut().expect("variables").values_mut() {
        if *value == old_proxy {
            *value = proxy.clone();
        } else if *value == old_ca {
            *value = ca.clone();
        }
    }
    file
}
