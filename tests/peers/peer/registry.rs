//! Debian's docker-registry on a port of its own.

use crate::conformance::{Kind, Registry};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, mpsc};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a registry may take to listen on a machine that is busy.
const START_TIMEOUT: Duration = Duration::from_secs(90);
const MAX_STARTS: u32 = 5;

/// A running docker-registry. Dropping it ends the process.
pub struct PeerRegistry {
    child: Child,
    _folder: TempDir,
    address: SocketAddr,
}

impl PeerRegistry {
    /// A registry without a login.
    pub fn open() -> Self {
        Self::start(tempfile::tempdir().expect("a folder"), "", true)
    }

    /// A registry that refuses `DELETE`.
    pub fn without_delete() -> Self {
        Self::start(tempfile::tempdir().expect("a folder"), "", false)
    }

    /// A registry over TLS with this certificate and key, in PEM.
    pub fn with_certificate(certificate: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (at, key_at) = (folder.path().join("server.pem"), folder.path().join("server.key"));
        std::fs::write(&at, certificate).expect("a file");
        std::fs::write(&key_at, key).expect("a file");
        let tls =
            format!("  tls: {{ certificate: {}, key: {} }}\n", at.display(), key_at.display());
        Self::start(folder, &tls, true)
    }

    /// A registry with one user.
    pub fn with_login(user: &str, password: &str) -> Self {
        let made = Command::new("htpasswd")
            .args(["-Bbn", user, password])
            .output()
            .expect("htpasswd of apache2-utils is installed");
        assert!(made.status.success(), "htpasswd: {made:?}");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("htpasswd");
        std::fs::write(&file, &made.stdout).expect("a file");
        let login = format!("auth: {{ htpasswd: {{ realm: here, path: {} }} }}\n", file.display());
        Self::start(folder, &login, true)
    }

    /// `more` is the end of its configuration, after the keys of `http`; the folder gets the rest.
    fn start(folder: TempDir, more: &str, delete: bool) -> Self {
        // Another program may take a free port before this one does.
        for _ in 0..MAX_STARTS {
            let address = free();
            let config = folder.path().join("config.yml");
            let text = format!(
                "version: 0.1\nlog: {{ level: error }}\nstorage:\n  filesystem: {{ rootdirectory: {} }}\n  delete: {{ enabled: {delete} }}\nhttp:\n  addr: {address}\n{more}",
                folder.path().join("storage").display()
            );
            std::fs::write(&config, text).expect("a file");
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "docker-registry", "serve"]).arg(&config);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = start_for_this_process(command);
            if listens(address, &mut child) {
                return Self { child, _folder: folder, address };
            }
        }
        panic!("docker-registry ended {MAX_STARTS} times before it listened");
    }

    /// Host and port, `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for PeerRegistry {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until a registry listens; false if it has ended.
fn listens(address: SocketAddr, child: &mut Child) -> bool {
    let until = Instant::now() + START_TIMEOUT;
    while TcpStream::connect(address).is_err() {
        if child.try_wait().expect("a process of this one").is_some() {
            return false;
        }
        assert!(Instant::now() < until, "docker-registry does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Starts a program that ends with this process, however that ends: a test that is killed
/// drops nothing. The kernel looks at the thread that has started a program, and the thread
/// of a test ends before those of others that use the same registry.
fn start_for_this_process(command: Command) -> Child {
    type Order = (Command, mpsc::Sender<Child>);
    static STARTER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, started) in orders {
                let child = command.spawn().expect("setpriv of util-linux is installed");
                started.send(child).expect("the test waits for it");
            }
        });
        Mutex::new(sender)
    });
    let (sender, started) = mpsc::channel();
    let starter = STARTER.lock().expect("no test panics here");
    starter.send((command, sender)).expect("its thread lasts");
    started.recv().expect("docker-registry has started")
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound")
}

/// The docker-registry that `crate::conformance` checks.
pub fn under_test() -> Registry {
    let peer = PeerRegistry::open();
    // Fails where another test of this process has installed it, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let host = peer.host();
    Registry::new(Kind::Docker, client, &host, peer)
}
