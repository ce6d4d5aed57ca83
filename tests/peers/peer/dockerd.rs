//! Docker's daemon, in a folder of its own and without a network.

use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_mins(1);

pub struct Dockerd {
    daemon: Child,
    folder: TempDir,
}

impl Dockerd {
    /// Starts it and waits until it listens.
    pub fn start() -> Self {
        // A socket's path may have 107 bytes, which a nested folder exceeds.
        let folder =
            tempfile::Builder::new().prefix("dockerd").tempdir_in("/tmp").expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let log = File::create(folder.path().join("log")).expect("a log");
        let daemon = Command::new("dockerd")
            .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").expect("a PATH")))
            .args(["--bridge=none", "--iptables=false", "--storage-driver=vfs"])
            .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(["--pidfile", &path("pid"), "--host", &format!("unix://{}", path("socket"))])
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("dockerd is installed");
        let mut dockerd = Self { daemon, folder };
        dockerd.wait();
        dockerd
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// What `DOCKER_HOST` has to be.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn wait(&mut self) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let ended = self.daemon.try_wait().expect("a child");
            assert!(ended.is_none(), "dockerd ended: {}", self.log());
            match UnixStream::connect(self.socket()) {
                Ok(_) => return,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => panic!("{error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        panic!("dockerd does not listen: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // Not killed: it has to stop its containerd and to unmount.
        let pid = i32::try_from(self.daemon.id()).expect("a process id");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGTERM).ok();
        self.daemon.wait().ok();
    }
}
