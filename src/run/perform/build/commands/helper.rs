//! `__build-command`: runs one command of a Dockerfile and writes its layer.
//!
//! It is a process of its own, because it enters namespaces, and a child of a supervisor
//! that ends it and the command with the step.

use super::caches;
use super::lowers::{copy_tree, merged, options, overlay_works};
use super::mount_points;
use super::order::{HelperOrder, HelperReport, MountKind, MountOrder, MountPoint, ProgramOrder};
use super::program::PROGRAM;
use super::users::{Users, explain};
use crate::image::changes::{ChangeFormat, write_changes};
use crate::image::dockerfile::MOUNTED;
use crate::run::outcome::chain_of;
use crate::sandbox::mounts::mount_on;
use crate::sandbox::unpack::unpack_whole;
use crate::sandbox::{descriptors, own_program, remove_tree};
use nix::mount::MsFlags;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The hidden first argument. The second is the path of a [`HelperOrder`].
pub const HELPER: &str = "__build-command";

/// The same to find out whether commands can be set apart; the second is where the reason is
/// written if not.
pub const PROBE: &str = "__build-probe";

/// The same to remove a folder.
pub const REMOVE: &str = "__build-remove";

pub fn run(order: Option<&Path>) -> ExitCode {
    descriptors::close_inherited();
    let users = Users::of_this_process();
    // Must not be stopped by what its caller masks.
    umask(Mode::from_bits_truncate(0o022));
    let order = order.and_then(|path| fs::read(path).ok());
    let order = order.and_then(|bytes| serde_json::from_slice::<HelperOrder>(&bytes).ok());
    let Some(order) = order else { return ExitCode::FAILURE };
    let report = perform(&order, users)
        .unwrap_or_else(|reason| HelperReport::Refused(explain(reason, users)));
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

fn perform(order: &HelperOrder, users: Users) -> Result<HelperReport, String> {
    enter(users)?;
    let own = &order.own;
    make_folders(&[own])?;
    let overlay = overlay_works(&own.join("probe"), users);
    // A folder that stays is removed with the rest.
    remove_tree(&own.join("probe")).ok();
    let lowers = lower_folders(order, overlay)?;
    make_folders(&[&own.join("root")])?;
    let upper = own.join("upper");
    let mut program = order.program.clone();
    program.only_root = users == Users::Own;
    if overlay {
        make_folders(&[&upper, &own.join("work")])?;
        program.overlay = Some(options(&lowers, Some(own), users));
    } else {
        let [lower] = lowers.as_slice() else { return Err("a copy of several folders".into()) };
        copy_tree(lower, &upper).map_err(|error| format!("cannot copy the files: {error}"))?;
    }
    let _locks = prepare_mounts(order, &mut program)?;
    let below = merged(&lowers, &own.join("below"), users)?;
    let ended = start(&program, &own_program::read_only(own)?)?;
    if ended.code != 0 {
        return Ok(HelperReport::Ended { code: ended.code, lowers: Vec::new() });
    }
    mount_points::remove(&upper, &ended.made);
    let format = match users {
        _ if !overlay => ChangeFormat::Copy,
        Users::All => ChangeFormat::Overlay,
        Users::Range | Users::Own => ChangeFormat::UserOverlay,
    };
    write_changes(&upper, &below, format, &order.archive)
        .map_err(|error| chain_of(&error).join(": "))?;
    let lowers = if overlay { [vec![upper], lowers].concat() } else { vec![upper] };
    Ok(HelperReport::Ended { code: 0, lowers })
}

fn make_folders(folders: &[&Path]) -> Result<(), String> {
    for folder in folders {
        fs::create_dir_all(folder)
            .map_err(|error| format!("cannot create `{}`: {error}", folder.display()))?;
    }
    Ok(())
}

/// Unpacks what is not there yet. Without overlays the result is one folder.
fn lower_folders(order: &HelperOrder, overlay: bool) -> Result<Vec<PathBuf>, String> {
    let unpack = |archives: &[PathBuf], into: &Path| {
        // Shown as the paths that they are in the root.
        let shown = |text: String| text.replace(&format!("`{}/", into.display()), "`/");
        unpack_whole(archives, into, true).map_err(|error| shown(chain_of(&error).join(": ")))
    };
    let mut lowers = order.lowers.clone();
    if let Some(base) = &order.base {
        make_folders(&[&base.folder])?;
        unpack(&base.archives, &base.folder)?;
        lowers = vec![base.folder.clone()];
    }
    if let Some(added) = &order.added {
        if overlay {
            make_folders(&[&added.folder])?;
            lowers.insert(0, added.folder.clone());
        } else {
            let lower = lowers.first().ok_or("there is nothing to copy")?;
            copy_tree(lower, &added.folder)
                .map_err(|error| format!("cannot copy the files: {error}"))?;
            lowers = vec![added.folder.clone()];
        }
        unpack(&added.archives, &added.folder)?;
    }
    Ok(lowers)
}

/// Unpacks and locks what is mounted. A cache is locked until the result is dropped.
fn prepare_mounts(order: &HelperOrder, program: &mut ProgramOrder) -> Result<Vec<File>, String> {
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
                locks.push(locked.lock);
                MountKind::Bind { source: locked.folder, writable: cache.writable }
            }
            other => other.clone(),
        };
        program.mounts.push(MountOrder { target: mount.target.clone(), kind });
    }
    Ok(locks)
}

struct EndedProgram {
    code: u8,
    made: Vec<MountPoint>,
}

/// Runs the command to its end.
fn start(program: &ProgramOrder, own: &Path) -> Result<EndedProgram, String> {
    let failed = |error: io::Error| format!("cannot start the process of the command: {error}");
    unshare(CloneFlags::CLONE_NEWPID)
        .map_err(|error| format!("cannot enter a namespace: {error}"))?;
    let (mut channel, theirs) = UnixStream::pair().map_err(failed)?;
    let mut child = Command::new(own)
        .arg(PROGRAM)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .map_err(failed)?;
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
            Ok(EndedProgram { code, made })
        }
        Ok(_) => Err(reason),
        // It ended before its root was there.
        Err(_) if made.is_empty() => Err("its process was ended".to_owned()),
        Err(_) => Err(made + &reason),
    }
}
