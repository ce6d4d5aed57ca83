//! Whether podman can run containers is tried with an image, which does not stay.

use crate::peer::programs::run;
use crate::support::path::without_engines;
use crate::support::{Program, eventually};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// podman and buildah with a storage of their own.
struct Storage {
    root: String,
    runroot: String,
    conf: String,
}

impl Storage {
    fn new(program: &Program) -> Self {
        let path = |name: &str| program.path(name).display().to_string();
        let conf = path("containers.conf");
        // Without the right to raise them, limits above the machine's fail.
        fs::write(&conf, "[containers]\ndefault_ulimits = []\n").expect("a file");
        Self { root: path("storage"), runroot: path("containers"), conf }
    }

    fn arguments(&self) -> [&str; 6] {
        ["--root", &self.root, "--runroot", &self.runroot, "--storage-driver", "vfs"]
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> String {
        run(program, &[&self.arguments(), arguments].concat()).trim().to_owned()
    }

    /// A script in the place of podman.
    fn podman(&self, file: &PathBuf) {
        let script = format!(
            "#!/bin/sh\nCONTAINERS_CONF={} exec /usr/bin/podman {} \"$@\"\n",
            self.conf,
            self.arguments().join(" ")
        );
        fs::write(file, script).expect("a file");
        fs::set_permissions(file, Permissions::from_mode(0o755)).expect("executable");
    }

    /// An image without a name, made in 1970.
    fn image(&self, label: &str) -> String {
        let container = self.ask("buildah", &["from", "scratch"]);
        self.ask("buildah", &["config", "--label", label, &container]);
        let image = self.ask("buildah", &["commit", "--quiet", "--timestamp", "1", &container]);
        self.ask("buildah", &["rm", &container]);
        image
    }
}

#[test]
fn image_of_a_killed_trial_is_removed_by_the_next_start() {
    let program = Program::new();
    let bin = program.path("bin");
    fs::create_dir(&bin).expect("a folder");
    without_engines(&bin);
    let storage = Storage::new(&program);
    storage.podman(&bin.join("podman"));
    let left = storage.image("shipway.trial=1");
    let other = storage.image("other=1");
    let program = program.env("PATH", &bin.display().to_string());

    program.run(&["local", "--detach"]).exits(0);
    program.run(&["local", "stop"]).exits(0);

    eventually("the image was removed", || {
        let images = storage.ask("podman", &["images", "--all", "--quiet", "--no-trunc"]);
        assert!(images.contains(&other), "{images}");
        (!images.contains(&left) && images.lines().count() == 1).then_some(())
    });
}
