//! What Shipway pushed, pulled and run by the programs that other people have:
//! packed by gzip and by zstd, for one platform and for several.

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
use tempfile::TempDir;

const SAID: &str = "hello world from /srv as 1000\nkept\n";

/// A registry with an image of a shell, a script and a file that only its user
/// may read, under one tag for each way of packing.
struct Pushed {
    registry: PeerRegistry,
    digests: BTreeMap<&'static str, String>,
    folder: TempDir,
}

fn plan(host: &str, tag: &str, (compression, platform): (&str, &str)) -> String {
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
        for (tag, how) in [
            ("gzip", ("gzip", "platform: linux/amd64")),
            ("zstd", ("zstd", "platform: linux/amd64")),
            ("arm64", ("gzip", "platform: linux/arm64")),
            ("both", ("gzip", "platforms: [linux/arm64, linux/amd64]")),
            ("both-zstd", ("zstd", "platforms: [linux/arm64, linux/amd64]")),
        ] {
            let program = Program::with_plan(&plan(&registry.host(), tag, how))
                .file("tree/etc/greet", GREET)
                .file("secret", "kept\n");
            fs::create_dir_all(program.path("tree/bin")).expect("a folder");
            let busybox = program.path("tree/bin/busybox");
            fs::copy("/bin/busybox", busybox).expect("busybox-static is installed");
            program.run(&["run", "--until", "push"]).exits(0);
            digests.insert(tag, output(&program, 0, "digest"));
        }
        Self { registry, digests, folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn name(&self, tag: &str) -> String {
        format!("{}/web:{tag}", self.registry.host())
    }

    fn docker(&self, tag: &str) -> String {
        format!("docker://{}", self.name(tag))
    }

    /// Both ways of packing make the same image, which has both digests.
    fn is_known(&self, digests: &str) {
        for tag in ["gzip", "zstd"] {
            assert!(digests.contains(&self.digests[tag]), "{tag}: {digests}");
        }
    }

    /// podman or buildah, with a storage of its own.
    fn engine(&self, program: &str, arguments: &[&str]) -> String {
        let config = self.path("containers.conf");
        // Limits above those of this machine are refused to whoever may not
        // raise them.
        fs::write(&config, "[containers]\ndefault_ulimits = []\n").expect("a file");
        let mut command = Command::new(program);
        command.env("CONTAINERS_CONF", config).env("TMPDIR", self.folder.path());
        command.args(["--root", &self.path("storage"), "--runroot", &self.path("run")]);
        command.args(["--storage-driver", "vfs"]).args(arguments);
        said(&mut command)
    }
}

/// What a program says that must end well.
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
    let pushed = Pushed::new();
    for tag in ["gzip", "zstd", "arm64"] {
        let to = format!("oci:{}", pushed.path(tag));
        let platform = if tag == "arm64" { "arm64" } else { "amd64" };
        let copy = ["--override-arch", platform, "copy", "--src-tls-verify=false"];
        run("skopeo", &[copy.as_slice(), &[&pushed.docker(tag), &to]].concat());
        let inspect = ["--override-arch", platform, "inspect", "--format", "{{.Digest}}", &to];
        assert_eq!(run("skopeo", &inspect).trim(), pushed.digests[tag], "{tag}");
    }
    for tag in ["both", "both-zstd"] {
        let to = format!("oci:{}", pushed.path(tag));
        run("skopeo", &["copy", "--all", "--src-tls-verify=false", &pushed.docker(tag), &to]);
        let raw = run("skopeo", &["inspect", "--raw", &to]);
        assert_eq!(Digest::of(raw.as_bytes()).as_str(), pushed.digests[tag], "{tag}");
    }
}

#[test]
fn podman_runs_it() {
    let pushed = Pushed::new();
    for tag in ["gzip", "zstd", "both", "both-zstd"] {
        let name = pushed.name(tag);
        pushed.engine("podman", &["pull", "--quiet", "--tls-verify=false", &name]);
        let run = ["--runtime", "runc", "--cgroup-manager", "cgroupfs", "run", "--rm"];
        let arguments = [run.as_slice(), &["--network", "none", &name]].concat();
        assert_eq!(pushed.engine("podman", &arguments), SAID, "{tag}");
    }
    let known = ["image", "inspect", "--format", "{{json .RepoDigests}}", &pushed.name("zstd")];
    pushed.is_known(&pushed.engine("podman", &known));
    let other = ["pull", "--quiet", "--tls-verify=false", "--arch", "arm64", &pushed.name("both")];
    let id = pushed.engine("podman", &other);
    let inspect = ["image", "inspect", "--format", "{{.Architecture}}", id.trim()];
    assert_eq!(pushed.engine("podman", &inspect).trim(), "arm64");
}

#[test]
fn buildah_goes_on_from_it() {
    let pushed = Pushed::new();
    for tag in ["gzip", "zstd", "both", "both-zstd"] {
        let from = ["from", "--quiet", "--tls-verify=false", &pushed.docker(tag)];
        let container = pushed.engine("buildah", &from);
        let run = ["run", "--isolation", "chroot", container.trim(), "/bin/busybox"];
        let run = [run.as_slice(), &["sh", "/etc/greet"]].concat();
        assert_eq!(pushed.engine("buildah", &run), SAID, "{tag}");
    }
}

#[test]
fn docker_runs_it() {
    let pushed = Pushed::new();
    let dockerd = Dockerd::start();
    let docker = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        said(command.env("DOCKER_HOST", dockerd.host()).args(arguments))
    };
    for tag in ["gzip", "zstd", "both", "both-zstd"] {
        let name = pushed.name(tag);
        docker(&["pull", "--quiet", &name]);
        assert_eq!(docker(&["run", "--rm", "--network", "host", &name]), SAID, "{tag}");
    }
    let known = ["image", "inspect", "--format", "{{json .RepoDigests}}", &pushed.name("zstd")];
    pushed.is_known(&docker(&known));
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
    let pushed = Pushed::new();
    let layout = pushed.path("layout");
    let to = format!("oci:{layout}:v1");
    run("skopeo", &["copy", "--src-tls-verify=false", &pushed.docker("gzip"), &to]);
    run("umoci", &["unpack", "--image", &format!("{layout}:v1"), &pushed.path("bundle")]);
    let unpacked = listing(&Path::new(&pushed.path("bundle")).join("rootfs"));

    let expected: Vec<&str> =
        ["bin", "bin/busybox", "etc", "etc/greet", "srv", "srv/secret"].into();
    assert_eq!(unpacked.keys().collect::<Vec<_>>(), expected);
    let kept = Digest::of(b"kept\n");
    assert_eq!(unpacked["srv/secret"], format!("100600 1000:1000 {kept}"));
    assert!(unpacked["bin/busybox"].starts_with("100755 0:0 "));
    // umoci of this age knows no zstd; buildah does.
    for tag in ["gzip", "zstd"] {
        let from = ["from", "--quiet", "--tls-verify=false", &pushed.docker(tag)];
        let container = pushed.engine("buildah", &from);
        let mounted = pushed.engine("buildah", &["mount", container.trim()]);
        assert_eq!(listing(Path::new(mounted.trim())), unpacked, "{tag}");
    }
}
