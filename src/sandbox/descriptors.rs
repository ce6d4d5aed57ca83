//! The descriptors that a process was started with.

use std::fs;
use std::os::fd::RawFd;

/// The first descriptor after standard input, output and error.
const FIRST: RawFd = 3;

/// Closes every descriptor but the standard ones. Must be called before this process
/// has opened any itself.
pub fn close_inherited() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let inherited: Vec<RawFd> = numbers.filter(|&number| number >= FIRST).collect();
    for number in inherited {
        // One of them was that of the folder, which is closed already.
        nix::unistd::close(number).ok();
    }
}
