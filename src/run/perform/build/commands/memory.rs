//! Limits the memory of a command by a control group (`cgroups(7)`), of version 2 or 1.

use nix::unistd::Pid;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// What the name of each group begins with; the rest is the process that made it.
const NAME: &str = "shipway-build-";

/// What a command may take of the memory of this machine where the plan sets no limit, so that
/// Shipway is not killed in its place.
const DEFAULT_PERCENT: u64 = 90;

/// How often it is tried to remove a group whose last process is just ending.
const MAX_REMOVALS: u32 = 50;
const REMOVAL_INTERVAL: Duration = Duration::from_millis(10);

/// The limit of a command that has none of its own.
pub fn default_limit() -> Option<u64> {
    let machine = machine_bytes(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let own = Hierarchy::of_this_process().and_then(|found| found.limit());
    Some(own.map_or(machine, |own| own.min(machine)) / 100 * DEFAULT_PERCENT)
}

/// The first line of `/proc/meminfo`.
fn machine_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    One,
    Two,
}

/// Where the group of this process is.
#[derive(Debug, Eq, PartialEq)]
struct Hierarchy {
    version: Version,
    mount: PathBuf,
    group: PathBuf,
}

impl Hierarchy {
    fn of_this_process() -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        Self::find(&groups, &fs::read_to_string("/proc/self/mounts").ok()?)
    }

    /// Finds the controller of memory in `/proc/self/cgroup` and `/proc/self/mounts`.
    fn find(groups: &str, mounts: &str) -> Option<Self> {
        let group = |wanted: &dyn Fn(&str) -> bool| {
            groups.lines().find_map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let (controllers, group) = (fields.next()?, fields.next()?);
                wanted(controllers).then(|| group.trim_start_matches('/').to_owned())
            })
        };
        let mount = |kind: &str, option: &str| {
            mounts.lines().find_map(|line| {
                let fields: Vec<&str> = line.split(' ').collect();
                let is_it = fields.len() > 3
                    && fields[2] == kind
                    && (option.is_empty() || fields[3].split(',').any(|it| it == option));
                is_it.then(|| PathBuf::from(fields[1]))
            })
        };
        let is_memory = |controllers: &str| controllers.split(',').any(|it| it == "memory");
        let (version, group, mount) = match (group(&is_memory), mount("cgroup", "memory")) {
            (Some(group), Some(mount)) => (Version::One, group, mount),
            _ => (Version::Two, group(&str::is_empty)?, mount("cgroup2", "")?),
        };
        let group = mount.join(group);
        // In a namespace of its own the path of a group leads out of what is mounted.
        let group = if group.is_dir() { group } else { mount.clone() };
        Some(Self { version, mount, group })
    }

    fn limit_file(&self) -> &'static str {
        match self.version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        }
    }

    /// The limit of this process itself.
    fn limit(&self) -> Option<u64> {
        let text = fs::read_to_string(self.group.join(self.limit_file())).ok()?;
        text.trim().parse().ok()
    }

    /// The groups in which another one may be made, the nearest first. A group of version 2 with
    /// processes has none below that have controllers.
    fn parents(&self) -> impl Iterator<Item = &Path> {
        let all = self.group.ancestors().take_while(|group| group.starts_with(&self.mount));
        all.filter(|group| match self.version {
            Version::One => true,
            Version::Two => fs::read_to_string(group.join("cgroup.subtree_control"))
                .is_ok_and(|text| text.split_whitespace().any(|it| it == "memory")),
        })
    }
}

/// A group of its own, removed when dropped.
#[derive(Debug)]
pub struct MemoryGroup {
    path: PathBuf,
    version: Version,
    pub limit: u64,
}

impl MemoryGroup {
    /// Makes a group for a process; `None` where this process may make none.
    pub fn with(process: Pid, limit: u64) -> Option<Self> {
        let hierarchy = Hierarchy::of_this_process()?;
        hierarchy.parents().find_map(|parent| {
            remove_abandoned(parent);
            let path = parent.join(format!("{NAME}{}", std::process::id()));
            fs::create_dir(&path).ok()?;
            let made = Self { path, version: hierarchy.version, limit };
            made.set(&hierarchy, process).is_ok().then_some(made)
        })
    }

    fn set(&self, hierarchy: &Hierarchy, process: Pid) -> io::Result<()> {
        let write = |name: &str, text: &str| fs::write(self.path.join(name), text);
        write(hierarchy.limit_file(), &self.limit.to_string())?;
        match self.version {
            Version::One => {
                // Memory and swap together. Not every kernel counts swap.
                write("memory.memsw.limit_in_bytes", &self.limit.to_string()).ok();
            }
            Version::Two => {
                write("memory.swap.max", "0").ok();
                write("memory.oom.group", "1").ok();
            }
        }
        write("cgroup.procs", &process.to_string())
    }

    /// Whether a process of the group was killed because of the limit.
    pub fn has_killed(&self) -> bool {
        let name = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(self.path.join(name)).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|count| count.trim().parse::<u64>().ok()).is_some_and(|count| count > 0)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        for _ in 0..MAX_REMOVALS {
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    thread::sleep(REMOVAL_INTERVAL);
                }
                Ok(()) | Err(_) => return,
            }
        }
    }
}

/// Removes the groups of processes that were killed.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(NAME));
        if let Some(process) = process.and_then(|text| text.parse::<u32>().ok())
            && !Path::new("/proc").join(process.to_string()).exists()
        {
            fs::remove_dir(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hierarchy, Version, machine_bytes};
    use std::path::PathBuf;

    #[test]
    fn controller_is_found_in_either_version() {
        let mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
        let find = |groups, mounts| Hierarchy::find(groups, mounts);
        let two = Hierarchy {
            version: Version::Two,
            mount: PathBuf::from("/sys/fs/cgroup"),
            // There is no such group here.
            group: PathBuf::from("/sys/fs/cgroup"),
        };
        assert_eq!(find("0::/no/such/group\n", mounts), Some(two));
        let hybrid = "cgroup /nowhere/memory cgroup rw,relatime,memory 0 0\ncgroup2 /nowhere/unified cgroup2 rw 0 0\n";
        let one = Hierarchy {
            version: Version::One,
            mount: PathBuf::from("/nowhere/memory"),
            group: PathBuf::from("/nowhere/memory"),
        };
        assert_eq!(find("9:name=systemd:/\n4:cpu,memory:/a\n0::/\n", hybrid), Some(one));
        assert_eq!(find("9:name=systemd:/\n", mounts), None);
        assert_eq!(find("0::/\n", ""), None);
    }

    #[test]
    fn memory_of_the_machine_is_read() {
        assert_eq!(machine_bytes("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert_eq!(machine_bytes(""), None);
    }
}
