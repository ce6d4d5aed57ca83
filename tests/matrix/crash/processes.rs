//! Processes and mounts that a run left.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the processes of a killed run have to end.
const MAX_END_TIME: Duration = Duration::from_secs(10);

/// The processes that still have to do with one of the folders after a while.
pub fn orphans(folders: &[&Path]) -> Vec<String> {
    let deadline = Instant::now() + MAX_END_TIME;
    loop {
        let left = processes(folders);
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        std::thread::yield_now();
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The mounts in one of the folders.
pub fn mounts(folders: &[&Path]) -> Vec<String> {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let lines = mounts.split(|&byte| byte == b'\n').filter(|line| names_any(line, folders));
    lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

fn processes(folders: &[&Path]) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("a folder").flatten();
    let found = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let path = entry.path();
        let read = |name: &str| fs::read(path.join(name)).unwrap_or_default();
        let directory = fs::read_link(path.join("cwd")).unwrap_or_default();
        let command = read("cmdline");
        let is_meant = pid != std::process::id()
            && [directory.as_os_str().as_bytes(), &command, &read("environ")]
                .iter()
                .any(|text| names_any(text, folders));
        (is_meant && crate::support::is_alive(pid)).then(|| {
            format!("process {pid}: {}", String::from_utf8_lossy(&command).replace('\0', " "))
        })
    });
    found.collect()
}

fn names_any(text: &[u8], folders: &[&Path]) -> bool {
    folders.iter().any(|folder| {
        let name = folder.as_os_str().as_bytes();
        text.windows(name.len()).any(|window| window == name)
    })
}
