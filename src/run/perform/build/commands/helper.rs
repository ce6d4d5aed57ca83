//! `__build-command`: runs one command of a Dockerfile and writes its layer.
//!
//! It is a process of its own, because it enters namespaces, and a child of a supervisor
//! that ends it and the command with the step.

use super::agent;
use super::helper_error::HelperError;
use super::kept::caches::{self, LockedCache};
use super::kept::remove_unused;
use super::memory::{self, MemoryGroup};
use super::mount_points;
use super::order::{HelperOrder, HelperReport, MountKind, MountOrder, MountPoint, ProgramOrder};
use super::program::PROGRAM;
use super::root::overlay::{copy_tree, merged, options, overlay_works};
use super::root::root_folders;
use super::users::{Users, explain};
use crate::image::changes::{ChangeFormat, write_changes};
use crate::image::dockerfile::MOUNTED;
use crate::os::remove_tree;
use crate::run::outcome::chain_of;
use crate::sandbox::mounts::mount_on;
use crate::sandbox::unpack::unpack_whole;
use crate::sandbox::{descriptors, own_program};
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// The hidden first argument. The second is the path of a [`HelperOrder`].
pub const HELPER: &str = "__build-command";

/// The same to find out whether commands can be set apart; the second is where the reason is
/// written if not.
pub const PROBE: &str = "__build-probe";

/// The same to remove a folder.
pub const REMOVE: &str = "__build-remove";

/// The same to remove folders that are kept for later builds, unless they are used.
pub const PRUNE: &str = "__build-prune";

pub fn run(order: Option<&Path>) -> ExitCode {
    descriptors::close_inherited();
    let users = Users::of_this_process();
    // Must not be stopped by what its caller masks.
    umask(Mode::from_bits_truncate(0o022));
    let order = order.and_then(|path| fs::read(path).ok());
    let order = order.and_then(|bytes| serde_json::from_slice::<HelperOrder>(&bytes).ok());
    let Some(order) = order else { return ExitCode::FAILURE };
    let report = perform(&order, users).unwrap_or_else(|error| match error {
        HelperError::Refused(reason) => HelperReport::Refused(explain(reason, users)),
        HelperError::Damaged(digest) => HelperReport::Damaged(digest),
    });
    let text = serde_json::to_vec(&report).expect("a report is JSON");
    match fs::write(&order.report, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Sets this process apart, as far as it has to be for mounts of its own.
fn enter(users: Users) -> Result<(), String> {
    users.enter()?;
    prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| format!("cannot follow the parent's end: {error}"))?;
    unshare(CloneFlags::CLONE_NEWNS)
        .map_err(|error| format!("cannot enter a namespace: {error}"))?;
    mount_on("none", "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None)
        .map_err(|error| format!("namespaces are refused here: {error}"))
}

/// Finds out whether commands can be set apart here. Writes the reason if not.
pub fn probe(reason: Option<&Path>) -> ExitCode {
    let Some(path) = reason else { return ExitCode::FAILURE };
    match enter(Users::of_this_process()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            fs::write(path, reason).ok();
            ExitCode::FAILURE
        }
    }
}

/// Removes the files of commands, which belong to users of the namespace.
pub fn remove(folder: Option<&Path>) -> ExitCode {
    let entered = Users::of_this_process().enter();
    match folder.filter(|_| entered.is_ok()).map(remove_tree) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(_)) | None => ExitCode::FAILURE,
    }
}

/// Removes folders that are kept for later builds.
pub fn prune(folders: impl Iterator<Item = OsString>) -> ExitCode {
    if Users::of_this_process().enter().is_err() {
        return ExitCode::FAILURE;
    }
    let failed = folders.filter(|folder| remove_unused(Path::new(folder)).is_err()).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn perform(order: &HelperOrder, users: Users) -> Result<HelperReport, HelperError> {
    let mapping = users.mapping();
    enter(users)?;
    let own = &order.own;
    make_folders(&[own])?;
    let overlay = overlay_works(&own.join("probe"), users);
    // A folder that stays is removed with the rest.
    remove_tree(&own.join("probe")).ok();
    let root = root_folders(order, &mapping, overlay)?;
    make_folders(&[&own.join("root")])?;
    let upper = own.join("upper");
    let mut program = order.program.clone();
    program.only_root = users == Users::Own;
    let mut below = root.folders[0].clone();
    if overlay {
        make_folders(&[&upper, &own.join("work")])?;
        let names = root
            .short_names(own)
            .map_err(|error| format!("cannot name the files of the root: {error}"))?;
        program.overlay = Some(options(&names, Some(own), users));
        if names.len() > 1 {
            below = merged(&names, &own.join("below"), users)?;
        }
    } else {
        copy_tree(&below, &upper).map_err(|error| format!("cannot copy the files: {error}"))?;
    }
    let caches = prepare_mounts(order, &mut program)?;
    let ended = start(&mut program, order.memory, &own_program::read_only(own)?)?;
    caches.iter().for_each(LockedCache::note_use);
    if let Some(limit) = ended.killed_at.filter(|_| ended.code != 0) {
        return Ok(HelperReport::OutOfMemory { limit });
    }
    if ended.code != 0 {
        return Ok(HelperReport::Ended { code: ended.code, verified: Vec::new() });
    }
    mount_points::remove(&upper, &ended.made);
    let format = match users {
        _ if !overlay => ChangeFormat::Copy,
        Users::All => ChangeFormat::Overlay,
        Users::Range | Users::Own => ChangeFormat::UserOverlay,
    };
    write_changes(&upper, &below, format, &order.archive)
        .map_err(|error| chain_of(&error).join(": "))?;
    Ok(HelperReport::Ended { code: 0, verified: root.verified() })
}

fn make_folders(folders: &[&Path]) -> Result<(), String> {
    for folder in folders {
        fs::create_dir_all(folder)
            .map_err(|error| format!("cannot create `{}`: {error}", folder.display()))?;
    }
    Ok(())
}

/// Unpacks and locks what is mounted. A cache is locked until the result is dropped.
fn prepare_mounts(
    order: &HelperOrder,
    program: &mut ProgramOrder,
) -> Result<Vec<LockedCache>, String> {
    let mut locks = Vec::new();
    for (number, mount) in order.mounts.iter().enumerate() {
        let kind = match &mount.kind {
            MountKind::Files { archive, writable } => {
                let folder = order.own.join(format!("mount-{number}"));
                make_folders(&[&folder])?;
                unpack_whole(std::slice::from_ref(archive), &folder, true)
                    .map_err(|error| chain_of(&error).join(": "))?;
                MountKind::Bind { source: folder.join(MOUNTED), writable: *writable }
            }
            MountKind::Cache(cache) => {
                let locked = caches::lock(cache).map_err(|error| {
                    format!("cannot lock the cache of `{}`: {error}", mount.target)
                })?;
                let source = locked.folder.clone();
                locks.push(locked);
                MountKind::Bind { source, writable: cache.writable }
            }
            MountKind::Agent { socket, mode, uid, gid } => {
                let source = order.own.join(format!("agent-{number}"));
                agent::forward(socket, &source, *mode, [*uid, *gid]).map_err(|error| {
                    format!("cannot reach the ssh agent at `{}`: {error}", socket.display())
                })?;
                MountKind::Bind { source, writable: false }
            }
            other => other.clone(),
        };
        program.mounts.push(MountOrder { target: mount.target.clone(), kind });
    }
    Ok(locks)
}

struct EndedProgram {
    code: u8,
    /// The limit of memory, if one of its processes was killed because of it.
    killed_at: Option<u64>,
    made: Vec<MountPoint>,
}

/// Runs the command to its end.
fn start(
    program: &mut ProgramOrder,
    memory: Option<u64>,
    own: &Path,
) -> Result<EndedProgram, String> {
    let failed = |error: io::Error| format!("cannot start the process of the command: {error}");
    unshare(CloneFlags::CLONE_NEWPID)
        .map_err(|error| format!("cannot enter a namespace: {error}"))?;
    let (mut channel, theirs) = UnixStream::pair().map_err(failed)?;
    let mut child = Command::new(own)
        .arg(PROGRAM)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .map_err(failed)?;
    // It waits for its order.
    let process = Pid::from_raw(child.id().cast_signed());
    let limit = memory.or_else(memory::default_limit);
    let group = limit.and_then(|limit| MemoryGroup::with(process, limit));
    program.address_space = memory.filter(|_| group.is_none());
    let order = serde_json::to_vec(program).expect("an order is JSON");
    let sent = channel.write_all(&order).and_then(|()| channel.shutdown(Shutdown::Write));
    let mut answer = BufReader::new(channel);
    let (mut made, mut reason) = (String::new(), String::new());
    let heard = sent
        .and_then(|()| answer.read_line(&mut made))
        .and_then(|_| answer.read_to_string(&mut reason));
    let status = child.wait().map_err(failed)?;
    heard.map_err(failed)?;
    match serde_json::from_str(&made) {
        Ok(made) if reason.is_empty() => {
            let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
            let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX);
            let killed_at = group.filter(MemoryGroup::has_killed).map(|group| group.limit);
            Ok(EndedProgram { code, killed_at, made })
        }
        Ok(_) => Err(reason),
        // It ended before its root was there.
        Err(_) if made.is_empty() => Err("its process was ended".to_owned()),
        Err(_) => Err(made + &reason),
    }
}
