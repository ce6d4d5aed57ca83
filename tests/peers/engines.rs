//! Pushed images, pulled and run by skopeo, podman, buildah, docker and umoci:
//! with gzip and zstd, for one platform and for several.

use crate::peer::dockerd::Dockerd;
use crate::peer::programs::run;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::state::output;
use shipway::testing::oci::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tempfile::TempDir;

const SAID: &str = "hello world from /srv as 1000\nkept\n";

/// A registry with an image of a shell, a script and a file that only its owner
/// may read, under one tag for each compression and set of platforms.
struct Pushed {
    registry: PeerRegistry,
    digests: BTreeMap<&'static str, String>,
}

/// The pushed images, and a folder for the storage of a peer.
struct Peer {
    pushed: Arc<Pushed>,
    folder: TempDir,
}

fn plan(host: &str, tag: &str, compression: &str, platform: &str) -> String {
    format!(
        "name: peers
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build:
      {platform}
      compression: {compression}
      layers:
        - {{ from: tree, to: / }}
        - {{ from: secret, to: /srv/secret, mode: '0600', owner: '1000:1000' }}
      entrypoint: [/bin/busybox]
      cmd: [sh, /etc/greet]
      env: {{ WHO: world }}
      user: '1000:1000'
      workdir: /srv
  - tag: {{ image: {host}/web, tags: [{tag}] }}
  - push:
"
    )
}

impl Pushed {
    fn new() -> Self {
        let registry = PeerRegistry::open();
        let mut digests = BTreeMap::new();
        for (tag, compression, platform) in [
            ("gzip", "gzip", "platform: linux/amd64"),
            ("zstd", "zstd", "platform: linux/amd64"),
            ("arm64", "gzip", "platform: linux/arm64"),
            ("both", "gzip", "platforms: [linux/arm64, linux/amd64]"),
            ("both-zstd", "zstd", "platforms: [linux/arm64, linux/amd64]"),
        ] {
            let plan = plan(&registry.host(), tag, compression, platform);
            let program =
                Program::with_plan(&plan).file("tree/etc/greet", GREET).file("secret", "kept\n");
            fs::create_dir_all(program.path("tree/bin")).expect("a folder");
            let busybox = program.path("tree/bin/busybox");
            fs::copy("/bin/busybox", busybox).expect("busybox-static is installed");
            program.run(&["run", "--until", "push"]).exits(0);
            digests.insert(tag, output(&program, 0, "digest"));
        }
        Self { registry, digests }
    }

    /// The same for all tests that run at once. Not a static value: the registry
    /// is a process, which has to end with the last of them.
    fn shared() -> Arc<Self> {
        static PUSHED: Mutex<Weak<Pushed>> = Mutex::new(Weak::new());
        let mut pushed = PUSHED.lock().unwrap_or_else(PoisonError::into_inner);
        pushed.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Self::new());
            *pushed = Arc::downgrade(&new);
            new
        })
    }
}

impl Peer {
    fn new() -> Self {
        Self { pushed: Pushed::shared(), folder: tempfile::tempdir().expect("a folder") }
    }

    fn digest(&self, tag: &str) -> &str {
        &self.pushed.digests[tag]
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn name(&self, tag: &str) -> String {
        format!("{}/web:{tag}", self.pushed.registry.host())
    }

    fn docker(&self, tag: &str) -> String {
        format!("docker://{}", self.name(tag))
    }

    /// gzip and zstd give the same image, which therefore has both digests.
    fn is_known(&self, digests: &str) {
        for tag in ["gzip", "zstd"] {
            assert!(digests.contains(self.digest(tag)), "{tag}: {digests}");
        }
    }

    /// podman or buildah, with a storage of its own.
    fn engine(&self, program: &str, arguments: &[&str]) -> String {
        let config = self.path("containers.conf");
        // Without the right to raise them, limits above the machine's fail.
        fs::write(&config, "[containers]\ndefault_ulimits = []\n").expect("a file");
        let mut command = Command::new(program);
        command.env("CONTAINERS_CONF", config).env("TMPDIR", self.folder.path());
        command.args(["--root", &self.path("storage"), "--runroot", &self.path("run")]);
        command.args(["--storage-driver", "vfs"]).args(arguments);
        said(&mut command)
    }
}

/// Runs a command that must succeed and returns its standard output.
fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

const GREET: &str = "\
busybox=/bin/busybox
echo \"hello $WHO from $($busybox pwd) as $($busybox id -u)\"
$busybox cat secret
";

#[test]
fn skopeo_keeps_every_digest() {
    let peer = Peer::new();
    for tag in ["gzip", "zstd", "arm64"] {
        let to = format!("oci:{}", peer.path(tag));
        let platform = if tag == "arm64" { "arm64" } else { "amd64" };
        let copy = ["--override-arch", platform, "copy", "--src-tls-verify=false"];
        run("skopeo", &[copy.as_slice(), &[&peer.docker(tag), &to]].concat());
        let inspect = ["--override-arch", platform, "inspect", "--format", "{{.Digest}}", &to];
        assert_eq!(run("skopeo", &inspect).trim(), peer.digest(tag), "{tag}");
    }
    for tag in ["both", "both-zstd"] {
        let to = format!("oci:{}", peer.path(tag));
        run("skopeo", &["copy", "--all", "--src-tls-verify=false", &peer.docker(tag), &to]);
        let raw = run("skopeo", &["inspect", "--raw", &to]);
        assert_eq!(Digest::of(raw.as_bytes()).as_str(), peer.digest(tag), "{tag}");
    }
}

#[test]
fn podman_runs_it() {
    let peer = Peer::new();
    for tag in ["gzip", "zstd", "both", "both-zstd"] {
        let name = peer.name(tag);
        peer.engine("podman", &["pull", "--quiet", "--tls-verify=false", &name]);
        let run = ["--runtime", "runc", "--cgroup-manager", "cgroupfs", "run", "--rm"];
        let arguments = [run.as_slice(), &["--network", "none", &name]].concat();
        assert_eq!(peer.engine("podman", &arguments), SAID, "{tag}");
    }
    let known = ["image", "inspect", "--format", "{{json .RepoDigests}}", &peer.name("zstd")];
    peer.is_known(&peer.engine("podman", &known));
    let other = ["pull", "--quiet", "--tls-verify=false", "--arch", "arm64", &peer.name("both")];
    let id = peer.engine("podman", &other);
    let inspect = ["image", "inspect", "--format", "{{.Architecture}}", id.trim()];
    assert_eq!(peer.engine("podman", &inspect).trim(), "arm64");
}

#[test]
fn buildah_builds_on_it() {
    let peer = Peer::new();
    for tag in ["gzip", "zstd", "both", "both-zstd"] {
        let from = ["from", "--quiet", "--tls-verify=false", &peer.docker(tag)];
        let container = peer.engine("buildah", &from);
        let run = ["run", "--isolation", "chroot", container.trim(), "/bin/busybox"];
        let run = [run.as_slice(), &["sh", "/etc/greet"]].concat();
        assert_eq!(peer.engine("buildah", &run), SAID, "{tag}");
    }
}

#[test]
fn docker_runs_it() {
    let peer = Peer::new();
    let dockerd = Dockerd::start();
    let docker = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        said(command.env("DOCKER_HOST", dockerd.host()).args(arguments))
    };
    for tag in ["gzip", "zstd", "both", "both-zstd"] {
        let name = peer.name(tag);
        docker(&["pull", "--quiet", &name]);
        assert_eq!(docker(&["run", "--rm", "--network", "host", &name]), SAID, "{tag}");
    }
    let known = ["image", "inspect", "--format", "{{json .RepoDigests}}", &peer.name("zstd")];
    peer.is_known(&docker(&known));
}

/// Every file below a folder, with its mode, owner and content.
fn listing(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, metadata) = (entry.path(), entry.metadata().expect("there"));
            let content = if metadata.is_dir() {
                waiting.push(path.clone());
                "a folder".to_owned()
            } else {
                Digest::of(&fs::read(&path).expect("a file")).to_string()
            };
            let name = path.strip_prefix(root).expect("below").display().to_string();
            let (mode, uid, gid) = (metadata.mode(), metadata.uid(), metadata.gid());
            found.insert(name, format!("{mode:o} {uid}:{gid} {content}"));
        }
    }
    found
}

#[test]
fn umoci_and_buildah_unpack_the_same_files() {
    let peer = Peer::new();
    let layout = peer.path("layout");
    let to = format!("oci:{layout}:v1");
    run("skopeo", &["copy", "--src-tls-verify=false", &peer.docker("gzip"), &to]);
    run("umoci", &["unpack", "--image", &format!("{layout}:v1"), &peer.path("bundle")]);
    let unpacked = listing(&Path::new(&peer.path("bundle")).join("rootfs"));

    let expected: Vec<&str> =
        ["bin", "bin/busybox", "etc", "etc/greet", "srv", "srv/secret"].into();
    assert_eq!(unpacked.keys().collect::<Vec<_>>(), expected);
    let kept = Digest::of(b"kept\n");
    assert_eq!(unpacked["srv/secret"], format!("100600 1000:1000 {kept}"));
    assert!(unpacked["bin/busybox"].starts_with("100755 0:0 "));
    // umoci 0.4 does not support zstd; buildah does.
    for tag in ["gzip", "zstd"] {
        let from = ["from", "--quiet", "--tls-verify=false", &peer.docker(tag)];
        let container = peer.engine("buildah", &from);
        let mounted = peer.engine("buildah", &["mount", container.trim()]);
        assert_eq!(listing(Path::new(mounted.trim())), unpacked, "{tag}");
    }
}
