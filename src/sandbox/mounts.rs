//! Mounts what every root file system of a sandbox has, and changes into it.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chroot, pivot_root};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Devices that every container has.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Mounts with an error message that names source and target.
pub fn mount_on(
    source: &str,
    target: &str,
    kind: Option<&str>,
    flags: MsFlags,
    options: Option<&str>,
) -> Result<(), String> {
    mount(Some(source), target, kind, flags, options)
        .map_err(|error| format!("cannot mount {source} on `{target}`: {error}"))
}

/// Mounts `/proc` on a folder.
pub fn proc(target: &Path) -> Result<(), String> {
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), target, Some("proc"), quiet, None::<&str>)
        // The kernel refuses a new proc mount if the existing one is partly hidden, as
        // it is inside docker containers. Then the existing one is bound.
        .or_else(|_| {
            mount(
                Some("/proc"),
                target,
                None::<&str>,
                MsFlags::MS_BIND | MsFlags::MS_REC,
                None::<&str>,
            )
        })
        .map_err(|error| format!("cannot mount `/proc`: {error}"))
}

/// Makes a `/dev` of its own on a folder. `pts_options` are further options of its
/// terminals.
pub fn devices(dev: &Path, pts_options: &str) -> Result<(), String> {
    let failed =
        |what: &str, error: &dyn std::fmt::Display| format!("cannot create `/dev/{what}`: {error}");
    let none = None::<&str>;
    // The devices are mounts of their own: no other node in this folder can be opened.
    let sealed = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), dev, Some("tmpfs"), sealed, Some("mode=755"))
        .map_err(|error| failed("", &error))?;
    for name in DEVICES {
        let target = dev.join(name);
        fs::write(&target, "").map_err(|error| failed(name, &error))?;
        let source = Path::new("/dev").join(name);
        mount(Some(&source), &target, none, MsFlags::MS_BIND, none)
            .map_err(|error| failed(name, &error))?;
    }
    let terminals = format!("newinstance,ptmxmode=0666,mode=0620{pts_options}");
    for (name, kind, options) in
        [("shm", "tmpfs", "mode=1777"), ("pts", "devpts", terminals.as_str())]
    {
        let target = dev.join(name);
        fs::create_dir(&target).map_err(|error| failed(name, &error))?;
        let mut flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        if kind == "tmpfs" {
            flags |= MsFlags::MS_NODEV;
        }
        mount(Some(kind), &target, Some(kind), flags, Some(options))
            .map_err(|error| failed(name, &error))?;
    }
    for (name, target) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, dev.join(name)).map_err(|error| failed(name, &error))?;
    }
    Ok(())
}

/// Uses `pivot_root`, which removes every trace of the old root. It is refused on
/// machines whose root is the initial RAM disk; there the root is moved and changed
/// with `chroot` (`pivot_root(2)`).
pub fn change_into(root: &Path) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot change the root: {error}");
    std::env::set_current_dir(root).map_err(|error| failed(&error))?;
    if pivot_root(".", ".").is_ok() {
        umount2(".", MntFlags::MNT_DETACH).map_err(|error| failed(&error))?;
    } else {
        mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)
            .and_then(|()| chroot("."))
            .map_err(|error| failed(&error))?;
    }
    std::env::set_current_dir("/").map_err(|error| failed(&error))
}
