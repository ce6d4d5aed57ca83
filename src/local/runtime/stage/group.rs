//! `__runtime-group`: enters the namespaces of one container group.
//!
//! It stays the parent of the group's init process and ends with it.

use super::mode::{INIT, StageMode};
use super::protocol::{ADDRESS, MAPPED, Notice, say};
use super::root::OVERLAY;
use crate::sandbox::mounts::mount_on;
use crate::sandbox::{network, own_program};
use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

/// `first` is the user that is user 0 of the containers, if this process is another one.
pub fn run(mode: StageMode, first: Option<u32>) -> ExitCode {
    match enter(mode, first) {
        Ok(code) => code,
        Err(reason) => {
            say(&Notice::Refused(reason));
            ExitCode::FAILURE
        }
    }
}

fn enter(mode: StageMode, first: Option<u32>) -> Result<ExitCode, String> {
    match mode {
        StageMode::Isolated => {
            isolate(first)?;
            init(mode, &own_program::read_only(Path::new("."))?)
        }
        StageMode::Plain => init(mode, Path::new(own_program::OWN)),
        StageMode::Probe => {
            isolate(first)?;
            own_program::read_only(Path::new("."))?;
            say(&Notice::Probed { overlay: overlay_works() });
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn isolate(first: Option<u32>) -> Result<(), String> {
    if let Some(first) = first {
        become_user(first)?;
    }
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    unshare(all).map_err(|error| format!("namespaces are refused here: {error}"))?;
    say(&Notice::Unshared);
    wait_for_maps()?;
    // Mounts from here on must not propagate to the machine.
    mount_on("none", "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None)?;
    network::bring_up(Some(ADDRESS))
        .map_err(|error| format!("cannot bring the loopback up: {error}"))?;
    // Docker's default. Some kernels refuse it in a user namespace; then programs
    // that are not root cannot listen on ports below 1024 and fail themselves.
    fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0").ok();
    let scratch = Path::new("scratch");
    fs::create_dir_all(scratch).map_err(|error| format!("cannot create `scratch`: {error}"))?;
    mount_on("tmpfs", "scratch", Some("tmpfs"), MsFlags::empty(), None)?;
    umount2(scratch, MntFlags::MNT_DETACH).map_err(|error| format!("cannot unmount: {error}"))?;
    Ok(())
}

/// Gives up root before anything else: what owns a namespace has power over it.
fn become_user(id: u32) -> Result<(), String> {
    setgroups(&[])
        .and_then(|()| setgid(Gid::from_raw(id)))
        .and_then(|()| setuid(Uid::from_raw(id)))
        .map_err(|error| format!("cannot become user {id}: {error}"))
}

/// Reads exactly the line [`MAPPED`]. The input after it is for the next stage.
fn wait_for_maps() -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot read the standard input: {error}");
    let mut unbuffered = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    let mut line = vec![0; MAPPED.len() + 1];
    unbuffered.read_exact(&mut line).map_err(failed)?;
    if line.strip_suffix(b"\n") == Some(MAPPED.as_bytes()) {
        return Ok(());
    }
    Err("the local cloud did not confirm the identity maps".to_owned())
}

/// Mounts an overlay in the folder where container roots will be, because it is
/// up to that folder's file system whether an overlay works.
fn overlay_works() -> bool {
    let folders = ["lower", "upper", "work", "root"];
    if folders.iter().any(|folder| fs::create_dir_all(folder).is_err()) {
        return false;
    }
    let options = Some(OVERLAY);
    let mounted = mount_on("overlay", "root", Some("overlay"), MsFlags::empty(), options);
    // Some file systems allow the mount, but no writing to it.
    let written = mounted.is_ok() && fs::write("root/file", "").is_ok();
    umount2("root", MntFlags::MNT_DETACH).ok();
    written
}

fn init(mode: StageMode, program: &Path) -> Result<ExitCode, String> {
    let status = Command::new(program)
        .args([INIT, mode.as_str()])
        .status()
        .map_err(|error| format!("cannot start the group's init process: {error}"))?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
