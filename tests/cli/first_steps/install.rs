//! `.github/action/install.sh`, with a server of releases on this machine.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const ARCHIVE: &str = "shipway-1.2.3-x86_64-unknown-linux-musl.tar.gz";

/// A folder with the action, and a server that has one release.
struct Scene {
    folder: TempDir,
    url: String,
    asked: Arc<AtomicUsize>,
}

/// The end of the script.
struct Installed {
    code: Option<i32>,
    said: String,
    /// What it tells the next step.
    output: String,
}

impl Scene {
    /// The release holds a program that prints `released`.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let action = folder.path().join("own/.github/action");
        fs::create_dir_all(&action).expect("a folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/action/install.sh");
        fs::copy(script, action.join("install.sh")).expect("copied");
        let program = folder.path().join("shipway");
        fs::write(&program, "#!/bin/sh\necho released\n").expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
        let packed = Command::new("tar")
            .args(["-czf", ARCHIVE, "shipway"])
            .current_dir(folder.path())
            .status();
        assert!(packed.expect("tar is installed").success());
        let archive = fs::read(folder.path().join(ARCHIVE)).expect("an archive");
        let asked = Arc::new(AtomicUsize::new(0));
        let url = serve(archive, Arc::clone(&asked));
        let scene = Self { folder, url, asked };
        scene.name_release(ARCHIVE, &scene.sum());
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sum(&self) -> String {
        let archive = fs::read(self.path(ARCHIVE)).expect("an archive");
        let mut sum = String::new();
        for byte in Sha256::digest(archive) {
            write!(sum, "{byte:02x}").expect("text");
        }
        sum
    }

    /// Writes the release that the commit of the action names.
    fn name_release(&self, archive: &str, sum: &str) {
        let text = format!(
            "# A release.\nversion 1.2.3\nurl {}/releases/download/v1.2.3\nsha256 {sum} {archive}\n",
            self.url
        );
        fs::write(self.path("own/.github/action/release.txt"), text).expect("written");
    }

    fn install(&self, variables: &[(&str, &str)]) -> Installed {
        let output = self.path("output");
        fs::write(&output, "").expect("written");
        let ended = Command::new("bash")
            .arg(self.path("own/.github/action/install.sh"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a PATH"))
            .env("RUNNER_OS", "Linux")
            .env("RUNNER_ARCH", "X64")
            .env("RUNNER_TOOL_CACHE", self.path("cache"))
            .env("GITHUB_OUTPUT", &output)
            .envs(variables.iter().copied())
            .output()
            .expect("bash is installed");
        let said = [ended.stdout, ended.stderr].concat();
        Installed {
            code: ended.status.code(),
            said: String::from_utf8_lossy(&said)
                .replace(&self.url, "URL")
                .replace(&self.folder.path().display().to_string(), "DIR"),
            output: fs::read_to_string(&output)
                .expect("an output")
                .replace(&self.folder.path().display().to_string(), "DIR"),
        }
    }

    /// The files of the tool cache.
    fn cached(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path("cache")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.push(entry.file_name().to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found
    }
}

/// Serves the archive at its path, and 404 elsewhere, until the process ends.
fn serve(archive: Vec<u8>, asked: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            asked.fetch_add(1, Ordering::SeqCst);
            answer(&stream, &archive).ok();
        }
    });
    url
}

fn answer(mut stream: &TcpStream, archive: &[u8]) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let is_there = request.starts_with("GET /releases/download/v1.2.3/shipway-1.2.3-");
    let (status, body) = if is_there { ("200 OK", archive) } else { ("404 Not Found", &[][..]) };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    io::Write::write_all(&mut stream, head.as_bytes())?;
    io::Write::write_all(&mut stream, body)
}

#[test]
fn release_of_the_right_sum_is_installed_and_kept() {
    let scene = Scene::new();
    let first = scene.install(&[]);
    let program = "program=DIR/cache/shipway/1.2.3/x86_64-unknown-linux-musl/shipway\n";
    assert_eq!((first.code, first.said.as_str(), first.output.as_str()), (Some(0), "", program));
    let place = scene.path("cache/shipway/1.2.3/x86_64-unknown-linux-musl/shipway");
    let ran = Command::new(place).output().expect("a program");
    assert_eq!(ran.stdout, b"released\n");
    assert_eq!(scene.cached(), ["installed", "shipway"]);

    let second = scene.install(&[]);
    assert_eq!((second.code, second.output.as_str()), (Some(0), program));
    assert_eq!(scene.asked.load(Ordering::SeqCst), 1, "it is downloaded once");
}

#[test]
fn release_of_another_sum_is_refused_and_not_kept() {
    let scene = Scene::new();
    let wrong = "0".repeat(64);
    scene.name_release(ARCHIVE, &wrong);
    let refused = scene.install(&[]);
    assert_eq!((refused.code, refused.output.as_str()), (Some(3), ""));
    assert_eq!(
        refused.said,
        format!(
            "::error title=Shipway::URL/releases/download/v1.2.3/{ARCHIVE} is not what this commit \
             of the action expects: its SHA-256 is {}, not {wrong}%0Ahelp: nothing was installed; \
             if the release was replaced, do not use it\n",
            scene.sum()
        )
    );
    assert!(scene.cached().is_empty(), "{:?}", scene.cached());
}

#[test]
fn program_in_the_cache_of_another_sum_is_replaced() {
    let scene = Scene::new();
    let place = scene.path("cache/shipway/1.2.3/x86_64-unknown-linux-musl");
    fs::create_dir_all(&place).expect("a folder");
    fs::write(place.join("shipway"), "#!/bin/sh\necho other\n").expect("written");
    fs::write(place.join("installed"), "0".repeat(64)).expect("written");
    assert_eq!(scene.install(&[]).code, Some(0));
    let ran = Command::new(place.join("shipway")).output().expect("a program");
    assert_eq!(ran.stdout, b"released\n");
}

#[test]
fn release_without_a_sum_for_the_platform_is_refused() {
    let scene = Scene::new();
    let refused = scene.install(&[("RUNNER_ARCH", "ARM64")]);
    assert_eq!(refused.code, Some(3));
    assert_eq!(
        refused.said,
        "::error title=Shipway::cannot install Shipway 1.2.3: this commit of the action has no \
         checksum for `shipway-1.2.3-aarch64-unknown-linux-musl.tar.gz`%0Ahelp: pin another release \
         of the action, or build it: `install: source`\n"
    );
    assert_eq!(scene.asked.load(Ordering::SeqCst), 0, "nothing is downloaded");
}

#[test]
fn release_that_is_not_there_is_named() {
    let scene = Scene::new();
    let missing = format!("{}/elsewhere", scene.url);
    let refused = scene.install(&[("SHIPWAY_RELEASE_URL", &missing)]);
    assert_eq!(refused.code, Some(3));
    assert!(
        refused.said.ends_with(&format!(
            "::error title=Shipway::cannot download URL/elsewhere/{ARCHIVE}%0Ahelp: try again, or \
             build it: `install: source`\n"
        )),
        "{}",
        refused.said
    );
}

#[test]
fn platforms_without_a_release_are_refused_in_words() {
    let scene = Scene::new();
    let refused = scene.install(&[("RUNNER_OS", "Windows")]);
    assert_eq!(refused.code, Some(3));
    assert_eq!(
        refused.said,
        "::error title=Shipway::Shipway does not run on Windows%0Ahelp: give the job `runs-on: \
         ubuntu-latest`\n"
    );
    let riscv = scene.install(&[("RUNNER_ARCH", "RISCV")]);
    assert_eq!(riscv.code, Some(3));
    assert!(riscv.said.contains("no release of Shipway for Linux/RISCV"), "{}", riscv.said);
}

/// Puts a `uname` before the real one, of a machine with this system and processor.
fn with_uname(scene: &Scene, system: &str, machine: &str) -> String {
    let script = format!("#!/bin/sh\ncase $1 in -s) echo {system} ;; -m) echo {machine} ;; esac\n");
    with_program(scene, "uname", &script)
}

/// Outside of a runner the variables of a runner are missing.
#[test]
fn each_platform_gets_its_own_archive() {
    let case = |system: &str, machine: &str, target: &str| {
        let scene = Scene::new();
        scene.name_release(&format!("shipway-1.2.3-{target}.tar.gz"), &scene.sum());
        let path = with_uname(&scene, system, machine);
        let installed = scene.install(&[("PATH", &path), ("RUNNER_OS", ""), ("RUNNER_ARCH", "")]);
        assert_eq!((installed.code, installed.said.as_str()), (Some(0), ""));
        let program = format!("program=DIR/cache/shipway/1.2.3/{target}/shipway\n");
        assert_eq!(installed.output, program);
    };
    case("Linux", "x86_64", "x86_64-unknown-linux-musl");
    case("Linux", "aarch64", "aarch64-unknown-linux-musl");
    case("Darwin", "x86_64", "x86_64-apple-darwin");
    case("Darwin", "arm64", "aarch64-apple-darwin");
}

#[test]
fn runner_with_macos_gets_the_archive_of_its_processor() {
    for (arch, target) in [("X64", "x86_64-apple-darwin"), ("ARM64", "aarch64-apple-darwin")] {
        let scene = Scene::new();
        let refused = scene.install(&[("RUNNER_OS", "macOS"), ("RUNNER_ARCH", arch)]);
        assert_eq!(refused.code, Some(3));
        assert_eq!(
            refused.said,
            format!(
                "::error title=Shipway::cannot install Shipway 1.2.3: this commit of the action has \
                 no checksum for `shipway-1.2.3-{target}.tar.gz`%0Ahelp: pin another release of the \
                 action, or build it: `install: source`\n"
            )
        );
    }
}

/// macOS has `shasum` and no `sha256sum`.
#[test]
fn sum_is_compared_by_shasum_where_there_is_no_sha256sum() {
    let scene = Scene::new();
    let bin = scene.path("bin");
    for name in ["bash", "awk", "sed", "head", "cat", "cut", "curl", "tar", "gzip", "mkdir"] {
        link(&bin, name);
    }
    for name in ["mktemp", "rm", "mv", "chmod", "dirname", "shasum", "env", "perl"] {
        link(&bin, name);
    }
    let installed = scene.install(&[("PATH", &bin.display().to_string())]);
    assert_eq!((installed.code, installed.said.as_str()), (Some(0), ""));
    scene.name_release(ARCHIVE, &"0".repeat(64));
    let refused = scene.install(&[("PATH", &bin.display().to_string())]);
    assert_eq!(refused.code, Some(3));
    let found = format!("its SHA-256 is {}, not ", scene.sum());
    assert!(refused.said.contains(&found), "{}", refused.said);
}

/// Puts a link to an installed program into a folder.
fn link(bin: &Path, name: &str) {
    fs::create_dir_all(bin).expect("a folder");
    let path = std::env::var_os("PATH").expect("a PATH");
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|at| at.exists());
    let found = found.unwrap_or_else(|| panic!("{name} is not installed"));
    std::os::unix::fs::symlink(found, bin.join(name)).expect("a link");
}

/// Puts a `cargo` before the real one that builds nothing, and says what it was told.
fn with_cargo(scene: &Scene) -> String {
    with_program(scene, "cargo", "#!/bin/sh\necho \"cargo $*\"\n")
}

/// A `PATH` with a program before all others.
fn with_program(scene: &Scene, name: &str, script: &str) -> String {
    let bin = scene.path("bin");
    fs::create_dir_all(&bin).expect("a folder");
    fs::write(bin.join(name), script).expect("written");
    fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("a program");
    format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"))
}

#[test]
fn commit_without_a_release_is_built_and_says_so() {
    let scene = Scene::new();
    fs::write(scene.path("own/.github/action/release.txt"), "# none yet\n").expect("written");
    let path = with_cargo(&scene);
    let built = scene.install(&[("PATH", &path)]);
    assert_eq!(built.code, Some(0), "{}", built.said);
    assert_eq!(
        built.said,
        "::notice title=Shipway::this commit of the action names no release, so it is built from \
         source, which takes some minutes; the commit of a release has a binary\n\
         cargo build --release --locked --quiet --manifest-path DIR/own/.github/action/../../Cargo.toml\n"
    );
    assert_eq!(built.output, "program=DIR/own/.github/action/../../target/release/shipway\n");

    let refused = scene.install(&[("SHIPWAY_INSTALL", "release")]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.said.contains("names no release of Shipway"), "{}", refused.said);
}

#[test]
fn release_is_built_from_source_only_when_told() {
    let scene = Scene::new();
    let path = with_cargo(&scene);
    assert!(!scene.install(&[("PATH", &path)]).said.contains("cargo"));
    let built = scene.install(&[("PATH", &path), ("SHIPWAY_INSTALL", "source")]);
    assert!(built.said.starts_with("cargo build"), "{}", built.said);
    let wrong = scene.install(&[("SHIPWAY_INSTALL", "binary")]);
    assert!(wrong.said.contains("the input `install` is `binary`"), "{}", wrong.said);
    // It is one command of the runner, whatever is in it.
    let lines = scene.install(&[("SHIPWAY_INSTALL", "100%\n::set-env name=A::b")]);
    assert_eq!(
        lines.said,
        "::error title=Shipway::the input `install` is `100%25%0A::set-env name=A::b`%0Ahelp: it \
         is `auto`, `release` or `source`\n"
    );
}

#[test]
fn commit_of_the_action_names_a_release_with_its_sums_or_none() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/action/release.txt");
    let text = fs::read_to_string(file).expect("a file");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let named = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
    let sums = named("sha256 ");
    assert_eq!((named("version "), named("url ")), if sums == 0 { (0, 0) } else { (1, 1) });
    for line in lines.iter().filter(|line| line.starts_with("sha256 ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let is_sum = words[1].len() == 64 && words[1].bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(words.len() == 3 && is_sum, "{line}");
    }
}
