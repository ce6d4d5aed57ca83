//! Limits the processes and the memory of a group by a control group (`cgroups(7)`),
//! where this process may make one: as root, or where a part of the tree was delegated
//! to it. Elsewhere a group has the limits of its user.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The processes and threads of a group; podman's default is twice that.
const MAX_TASKS: u64 = 1024;

/// What the group's own processes need beside its containers.
const OVERHEAD_BYTES: u64 = 64 * 1024 * 1024;

const TREE: &str = "/sys/fs/cgroup";

/// The start of the name of each control group.
const PREFIX: &str = "shipway-";

/// The control groups of a group of containers, one for each hierarchy. Dropping it
/// removes them, once no process is left in them.
#[derive(Debug, Default)]
pub struct Limits {
    folders: Vec<PathBuf>,
}

impl Limits {
    /// Limits a process and those that it will start.
    pub fn apply(pid: u32, memory_bytes: Option<u64>) -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mut folders = Vec::new();
        for parent in parents(&own, Path::new(TREE)) {
            sweep(&parent);
            let folder = parent.join(format!("{PREFIX}{pid}"));
            // Refused where the tree is not delegated.
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            if limit(&folder, memory_bytes).is_ok() && enter(&folder, pid).is_ok() {
                folders.push(folder);
            } else {
                fs::remove_dir(&folder).ok();
            }
        }
        Self { folders }
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        for folder in &self.folders {
            // Refused while a process is in it; the next group sweeps it then.
            fs::remove_dir(folder).ok();
        }
    }
}

/// The folders in which groups of their own can be made, from the lines of
/// `/proc/self/cgroup`: that of the unified hierarchy if it has what is limited, else
/// those of the older ones.
fn parents(own: &str, tree: &Path) -> Vec<PathBuf> {
    let at = |controller: &str, path: &str| {
        let top = tree.join(controller);
        let inside = top.join(path.trim_start_matches('/'));
        // In a container, the path may be that of the machine.
        if inside.is_dir() { inside } else { top }
    };
    let lines = || own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let unified = lines().find(|(controllers, _)| controllers.is_empty());
    if let Some(folder) = unified.map(|(_, path)| at("", path))
        && fs::read_to_string(folder.join("cgroup.controllers"))
            .is_ok_and(|all| all.split_whitespace().any(|name| name == "pids"))
    {
        // Refused where processes are in this folder itself and it is not the root.
        fs::write(folder.join("cgroup.subtree_control"), "+pids +memory").ok();
        return vec![folder];
    }
    let older = lines().filter(|(controllers, _)| matches!(*controllers, "pids" | "memory"));
    older.map(|(controller, path)| at(controller, path)).filter(|it| it.is_dir()).collect()
}

fn limit(folder: &Path, memory_bytes: Option<u64>) -> io::Result<()> {
    let memory = memory_bytes.map(|bytes| (bytes + OVERHEAD_BYTES).to_string());
    let mut limited = false;
    for (name, value) in [
        ("pids.max", Some(MAX_TASKS.to_string())),
        ("memory.max", memory.clone()),
        ("memory.limit_in_bytes", memory),
    ] {
        let file = folder.join(name);
        if let Some(value) = value.filter(|_| file.exists()) {
            fs::write(file, value)?;
            limited = true;
        }
    }
    if limited { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

fn enter(folder: &Path, pid: u32) -> io::Result<()> {
    fs::write(folder.join("cgroup.procs"), pid.to_string())
}

/// Removes what processes that were killed left. One of a living process may still be
/// empty, because the process has not entered it.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            fs::remove_dir(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{parents, sweep};
    use std::fs;
    use std::process::id;

    #[test]
    fn groups_are_made_in_the_unified_hierarchy_or_in_the_older_ones() {
        let tree = tempfile::tempdir().expect("a folder");
        for folder in ["pids", "memory/job", "job"] {
            fs::create_dir_all(tree.path().join(folder)).expect("made");
        }
        let shown = |own: &str| {
            let found = parents(own, tree.path());
            let names = found.iter().map(|path| path.strip_prefix(tree.path()).expect("inside"));
            names.map(|name| name.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        let own = "9:name=systemd:/\n8:pids:/of/the/machine\n4:memory:/job\n1:cpu:/\n0::/job\n";
        assert_eq!(shown(own), "pids memory/job");

        fs::write(tree.path().join("job/cgroup.controllers"), "cpu memory pids\n")
            .expect("written");
        assert_eq!(shown(own), "job");
        assert_eq!(shown("nothing"), "");
    }

    #[test]
    fn groups_of_processes_that_live_are_not_swept() {
        let tree = tempfile::tempdir().expect("a folder");
        let group = |name: &str| tree.path().join(name);
        // The highest number that a process can have is `PID_MAX_LIMIT`, 4194304.
        let (left, used) = (group("shipway-4194305"), group(&format!("shipway-{}", id())));
        for folder in [&left, &used, &group("other")] {
            fs::create_dir(folder).expect("made");
        }
        sweep(tree.path());

        assert!(!left.exists());
        assert!(used.exists() && group("other").exists());
    }
}
