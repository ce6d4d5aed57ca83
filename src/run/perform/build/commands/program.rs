//! `__build-program`: process 1 of a command's namespaces, which becomes the command.
//!
//! The order arrives on standard input, which is a socket. Back go the mount points that
//! were made, in one line, and then the reason if the command cannot be executed; when it
//! is, the socket closes.

use super::account::{Account, account};
use super::mount_points::MountPoints;
use super::order::{BoundFile, MountKind, MountOrder, MountPoint, ProgramOrder, SecretOrder};
use crate::sandbox::confine;
use crate::sandbox::mounts::{change_into, devices, mount_on, proc};
use crate::sandbox::network;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{Gid, Uid, dup2_stdin, setgid, setgroups, sethostname, setsid, setuid};
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The hidden first argument.
pub const PROGRAM: &str = "__build-program";

/// The host name that commands have in `BuildKit`, where some ask for it.
pub const HOST_NAME: &str = "buildkitsandbox";

/// The exit code of shells for a program that cannot be started.
const NOT_STARTED: u8 = 127;

/// Programs of older distributions close every descriptor that they may have, one by one.
const MAX_OPEN_FILES: u64 = 1024;

pub fn run() -> ExitCode {
    let Ok(channel) = io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::from(NOT_STARTED);
    };
    let mut channel = UnixStream::from(channel);
    let Err(reason) = become_command(&mut channel) else { return ExitCode::SUCCESS };
    // The helper may have ended.
    channel.write_all(reason.as_bytes()).ok();
    ExitCode::from(NOT_STARTED)
}

/// Returns only if the command cannot be executed.
fn become_command(channel: &mut UnixStream) -> Result<(), String> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: Box<dyn std::error::Error>| format!("cannot {what}: {error}")
    };
    // The helper, which started this process, ends with its own parent.
    prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| failed("follow the parent's end")(error.into()))?;
    let mut text = String::new();
    channel.read_to_string(&mut text).map_err(|error| failed("read the order")(error.into()))?;
    let order: ProgramOrder =
        serde_json::from_str(&text).map_err(|error| failed("parse the order")(error.into()))?;
    let mut namespaces =
        CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    if !order.host_network {
        namespaces |= CloneFlags::CLONE_NEWNET;
    }
    unshare(namespaces).map_err(|error| failed("enter namespaces")(error.into()))?;
    sethostname(HOST_NAME).map_err(|error| failed("set the host name")(error.into()))?;
    if !order.host_network {
        network::bring_up(None).map_err(|error| failed("bring the loopback up")(error.into()))?;
    }
    let made = enter_root(&order)?;
    let mut line = serde_json::to_vec(&made).expect("mount points are JSON");
    line.push(b'\n');
    channel.write_all(&line).map_err(|error| failed("talk to the helper")(error.into()))?;
    execute(&order)
}

/// Mounts the root and everything in it, and changes into it.
fn enter_root(order: &ProgramOrder) -> Result<Vec<MountPoint>, String> {
    mount_on("none", "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None)?;
    let root = order.own.join("root");
    let shown = root.display().to_string();
    // Root may make device nodes here, and could open the disks of this machine by them.
    if let Some(options) = &order.overlay {
        mount_on("overlay", &shown, Some("overlay"), MsFlags::MS_NODEV, Some(options))?;
    } else {
        bind(&order.own.join("upper"), &root, Access::Write)
            .map_err(|error| format!("cannot mount the root: {error}"))?;
    }
    let mut points = MountPoints::new(&root);
    proc(&points.folder("/proc")?)?;
    let dev = points.folder("/dev")?;
    // The group of terminals; refused where it is not mapped.
    devices(&dev, if order.only_root { "" } else { ",gid=5" })?;
    symlink("/proc/kcore", dev.join("core"))
        .map_err(|error| format!("cannot create `/dev/core`: {error}"))?;
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let queues = dev.join("mqueue");
    fs::create_dir(&queues).map_err(|error| format!("cannot create `/dev/mqueue`: {error}"))?;
    // Few kernels have none, and few programs need it.
    mount(Some("mqueue"), &queues, Some("mqueue"), quiet, None::<&str>).ok();
    let sys = points.folder("/sys")?;
    // Refused to a user namespace with the network of this machine.
    mount(Some("sysfs"), &sys, Some("sysfs"), quiet | MsFlags::MS_RDONLY, None::<&str>).ok();
    for BoundFile { source, target } in &order.files {
        bind(source, &points.file(target)?, Access::Sealed)
            .map_err(|error| format!("cannot mount `{target}`: {error}"))?;
    }
    for mount in &order.mounts {
        make_mount(order, mount, &mut points)?;
    }
    confine::hide(&root)?;
    let made = points.made();
    change_into(&root)?;
    Ok(made)
}

/// What a command may do with what is mounted.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Access {
    Write,
    Read,
    /// Reading alone, of what is no program either.
    Sealed,
}

/// Makes a file or folder of this machine stand in the root.
fn bind(source: &Path, target: &Path, access: Access) -> nix::Result<()> {
    let none = None::<&str>;
    mount(Some(source), target, none, MsFlags::MS_BIND, none)?;
    let flags = match access {
        Access::Write => MsFlags::MS_NODEV,
        Access::Read => MsFlags::MS_NODEV | MsFlags::MS_RDONLY,
        Access::Sealed => {
            MsFlags::MS_NODEV | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC
        }
    };
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | flags | locked_flags(target);
    mount(none, target, none, flags, none)
}

/// The flags of a mount that a user namespace must not take away (`mount_namespaces(7)`).
fn locked_flags(target: &Path) -> MsFlags {
    let found = statvfs(target).map_or(FsFlags::empty(), |it| it.flags());
    [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
    ]
    .into_iter()
    .filter(|(flag, _)| found.contains(*flag))
    .fold(MsFlags::empty(), |all, (_, flag)| all | flag)
}

fn make_mount(
    order: &ProgramOrder,
    wanted: &MountOrder,
    points: &mut MountPoints<'_>,
) -> Result<(), String> {
    let MountOrder { target, kind } = wanted;
    let failed = |error: &dyn std::fmt::Display| format!("cannot mount `{target}`: {error}");
    match kind {
        MountKind::Bind { source, writable } => {
            let at = if source.is_dir() { points.folder(target)? } else { points.file(target)? };
            let access = if *writable { Access::Write } else { Access::Read };
            bind(source, &at, access).map_err(|error| failed(&error))
        }
        MountKind::Tmpfs { size } => {
            let at = points.folder(target)?;
            let options = size.map(|size| format!("size={size}"));
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            mount(Some("tmpfs"), &at, Some("tmpfs"), flags, options.as_deref())
                .map_err(|error| failed(&error))
        }
        MountKind::Secret { variable, mode, uid, gid } => {
            let value = std::env::var_os(variable).unwrap_or_default();
            let folder = order.own.join("secrets");
            if fs::create_dir(&folder).is_ok() {
                let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
                mount(Some("tmpfs"), &folder, Some("tmpfs"), flags, Some("mode=700"))
                    .map_err(|error| failed(&error))?;
            }
            let file = folder.join(variable);
            fs::write(&file, value.as_bytes())
                .and_then(|()| chown(&file, Some(*uid), Some(*gid)))
                .and_then(|()| fs::set_permissions(&file, Permissions::from_mode(*mode)))
                .map_err(|error| failed(&error))?;
            let is_program = mode & 0o111 != 0;
            let access = if is_program { Access::Read } else { Access::Sealed };
            bind(&file, &points.file(target)?, access).map_err(|error| failed(&error))
        }
        MountKind::Files { .. } | MountKind::Cache(_) | MountKind::Agent { .. } => {
            Err(failed(&"it was not prepared by the helper"))
        }
    }
}

fn execute(order: &ProgramOrder) -> Result<(), String> {
    umask(Mode::from_bits_truncate(0o022));
    let account = account(&order.user)?;
    enter_folder(&order.workdir, &account)
        .map_err(|error| format!("cannot enter the folder `{}`: {error}", order.workdir))?;
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // An error leaves the limit as it is.
        setrlimit(Resource::RLIMIT_NOFILE, MAX_OPEN_FILES.min(hard), hard).ok();
    }
    if let Some(bytes) = order.address_space {
        setrlimit(Resource::RLIMIT_AS, bytes, bytes)
            .map_err(|error| format!("cannot limit the memory: {error}"))?;
    }
    let mut command = Command::new(&order.argv[0]);
    command.args(&order.argv[1..]).env_clear();
    command.envs(order.env.iter().map(|(name, value)| (name, value)));
    if order.env.iter().all(|(name, value)| name != "HOME" || value.is_empty()) {
        command.env("HOME", &account.home);
    }
    for SecretOrder { name, variable } in &order.secrets {
        command.env(name, std::env::var_os(variable).unwrap_or_default());
    }
    confine::drop_capabilities()?;
    if !order.only_root {
        change_user(&account)?;
    } else if (account.uid, account.gid) != (0, 0) {
        return Err(format!(
            "cannot become user {}:{}: {}",
            account.uid,
            account.gid,
            Errno::EINVAL.desc()
        ));
    }
    // A process that leads a session already is just as good.
    setsid().ok();
    File::open("/dev/null")
        .and_then(|nothing| Ok(dup2_stdin(&nothing)?))
        .map_err(|error| format!("cannot close the standard input: {error}"))?;
    // Last, because changing the user clears it (`prctl(2)`).
    prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| format!("cannot follow the parent's end: {error}"))?;
    confine::confine()?;
    let error = command.exec();
    Err(match error.kind() {
        io::ErrorKind::NotFound => format!("`{}` is not in the image", order.argv[0]),
        _ => format!("`{}` cannot be executed: {error}", order.argv[0]),
    })
}

/// Enters the working directory. What is missing of it is made, and belongs to the user.
fn enter_folder(folder: &str, account: &Account) -> io::Result<()> {
    let mut missing: Vec<PathBuf> = Vec::new();
    let mut above = Some(Path::new(folder));
    while let Some(path) = above.filter(|path| !path.exists()) {
        missing.push(path.to_owned());
        above = path.parent();
    }
    for path in missing.iter().rev() {
        fs::create_dir(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
        chown(path, Some(account.uid), Some(account.gid))?;
    }
    std::env::set_current_dir(folder)
}

fn change_user(account: &Account) -> Result<(), String> {
    let groups: Vec<Gid> = account.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups)
        .and_then(|()| setgid(Gid::from_raw(account.gid)))
        .and_then(|()| setuid(Uid::from_raw(account.uid)))
        .map_err(|error| format!("cannot become user {}:{}: {error}", account.uid, account.gid))
}
