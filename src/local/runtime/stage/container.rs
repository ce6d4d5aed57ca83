//! `__runtime-container`: sets up the process and executes a container's program.
//!
//! The order arrives on standard input, which is a socket. An error is written back
//! to it; when the program is executed, the socket closes without a message.

use super::mode::StageMode;
use super::protocol::{ProcessSpec, TerminalSize};
use super::{root, session};
use crate::sandbox::{confine, user};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, dup2_stdin, setgid, setgroups, sethostname, setsid, setuid};
use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::io;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode};

/// The exit code of shells for a program that cannot be started.
pub(super) const NOT_STARTED: u8 = 127;

pub fn run(mode: StageMode) -> ExitCode {
    let Ok(channel) = io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::from(NOT_STARTED);
    };
    let mut channel = UnixStream::from(channel);
    let reason = match become_program(&mut channel, mode == StageMode::Isolated) {
        Ok(never) => match never {},
        Err(reason) => reason,
    };
    // The init process may have ended.
    channel.write_all(reason.as_bytes()).ok();
    ExitCode::from(NOT_STARTED)
}

pub(super) enum Never {}

fn become_program(channel: &mut UnixStream, isolated: bool) -> Result<Never, String> {
    let mut text = String::new();
    channel.read_to_string(&mut text).map_err(|error| format!("cannot read the order: {error}"))?;
    let process: ProcessSpec =
        serde_json::from_str(&text).map_err(|error| format!("cannot parse the order: {error}"))?;
    if !isolated {
        return in_place(&process, Input::Nothing);
    }
    let own = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    unshare(own).map_err(|error| format!("cannot enter namespaces: {error}"))?;
    sethostname(&process.hostname).map_err(|error| format!("cannot set the host name: {error}"))?;
    root::enter(&process)?;
    in_root(&process, Input::Nothing)
}

/// What a program reads from.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    Nothing,
    /// A new terminal, whose controlling side goes to the process at the other end of the
    /// socket.
    Terminal {
        size: TerminalSize,
        channel: &'a UnixStream,
    },
}

/// Executes the program in the root file system that this process is in.
pub(super) fn in_root(process: &ProcessSpec, input: Input<'_>) -> Result<Never, String> {
    // These are files of the image. A symbolic link in their place cannot lead
    // outside, because the root was changed already.
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let group = fs::read_to_string("/etc/group").unwrap_or_default();
    let account = user::lookup(&process.user, &passwd, &group)?;
    let workdir = if process.workdir.is_empty() { "/" } else { &process.workdir };
    fs::create_dir_all(workdir)
        .and_then(|()| std::env::set_current_dir(workdir))
        .map_err(|error| format!("cannot enter the working directory `{workdir}`: {error}"))?;
    if process.single_user {
        // A new user namespace gives all capabilities, so they are limited after it.
        rename_user(account.uid, account.gid)?;
        confine::drop_capabilities()?;
    } else {
        confine::drop_capabilities()?;
        if matches!(input, Input::Nothing) {
            give_output(&account);
        }
        change_user(&account)?;
    }
    let mut command = program(process, Path::new(&process.argv[0]));
    if !process.env.iter().any(|(name, _)| name == "HOME") {
        command.env("HOME", &account.home);
    }
    take_over(command, &process.argv[0], input)
}

/// Images that log to `/dev/stdout` open it again, which only its owner may. Docker does
/// the same. Without this capability they cannot, as ever.
fn give_output(account: &user::Account) {
    for output in ["/proc/self/fd/1", "/proc/self/fd/2"] {
        chown(output, Some(account.uid), Some(account.gid)).ok();
    }
}

fn change_user(account: &user::Account) -> Result<(), String> {
    let groups: Vec<Gid> = account.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups)
        .and_then(|()| setgid(Gid::from_raw(account.gid)))
        .and_then(|()| setuid(Uid::from_raw(account.uid)))
        .map_err(|error| format!("cannot become user {}:{}: {error}", account.uid, account.gid))
}

/// Where only one user is mapped, it gets the wanted ids in a nested user
/// namespace.
fn rename_user(uid: u32, gid: u32) -> Result<(), String> {
    if (uid, gid) == (0, 0) {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWUSER)
        .map_err(io::Error::from)
        .and_then(|()| fs::write("/proc/self/setgroups", "deny"))
        .and_then(|()| fs::write("/proc/self/uid_map", format!("{uid} 0 1")))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("{gid} 0 1")))
        .map_err(|error| format!("cannot become user {uid}:{gid}: {error}"))
}

/// Executes the program from the unpacked image, without any isolation.
pub(super) fn in_place(process: &ProcessSpec, input: Input<'_>) -> Result<Never, String> {
    // The folder of the container, in which this process was started.
    let folder = std::env::current_dir()
        .map_err(|error| format!("cannot find the folder of the container: {error}"))?;
    let tree = folder.join("root");
    let name = Path::new(&process.argv[0]);
    let path = find(&tree, name, &process.env)
        .ok_or_else(|| format!("`{}` is not in the image", name.display()))?;
    if interpreter(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))? {
        return Err(format!(
            "`{}` needs files of its image, which is only possible where namespaces are allowed: \
             link it statically, or install docker or podman",
            name.display()
        ));
    }
    let workdir = tree.join(process.workdir.trim_start_matches('/'));
    fs::create_dir_all(&workdir)
        .and_then(|()| std::env::set_current_dir(&workdir))
        .map_err(|error| format!("cannot enter the working directory: {error}"))?;
    confine::drop_capabilities()?;
    take_over(program(process, &path), &process.argv[0], input)
}

/// The program in the unpacked image, by path or by the container's `PATH`.
fn find(tree: &Path, name: &Path, env: &[(String, String)]) -> Option<PathBuf> {
    let inside = |path: &Path| -> PathBuf {
        let normal = path.components().filter(|part| matches!(part, Component::Normal(_)));
        tree.join(normal.collect::<PathBuf>())
    };
    if name.components().count() > 1 {
        return Some(inside(name)).filter(|path| path.is_file());
    }
    let search = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str())?;
    search
        .split(':')
        .map(|folder| inside(&Path::new(folder).join(name)))
        .find(|path| path.is_file())
}

/// Whether a program needs an interpreter of the image: a script, or an ELF file
/// with a `PT_INTERP` segment (elf(5)).
fn interpreter(path: &Path) -> io::Result<bool> {
    const PT_INTERP: u32 = 3;
    let bytes = fs::read(path)?;
    let word =
        |at: usize| bytes.get(at..at + 2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let (Some(b"\x7fELF"), Some(2)) = (bytes.get(..4), bytes.get(4)) else { return Ok(true) };
    let table = bytes.get(32..40).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    let (Some(table), Some(size), Some(count)) = (table, word(54), word(56)) else {
        return Ok(true);
    };
    let table = usize::try_from(table).unwrap_or(usize::MAX);
    Ok((0..count).any(|index| {
        let at = table.saturating_add(index * size);
        bytes.get(at..at.saturating_add(4)) == Some(&PT_INTERP.to_le_bytes())
    }))
}

fn program(process: &ProcessSpec, path: &Path) -> Command {
    let mut command = Command::new(path);
    command.args(&process.argv[1..]).env_clear();
    command.envs(process.env.iter().map(|(name, value)| (OsString::from(name), value)));
    command
}

/// Whether the kernel does not know the format of the file: neither ELF nor a script that
/// names its interpreter. `execvp(3)` gives such a file to `/bin/sh`, container runtimes
/// refuse it.
fn lacks_format(command: &Command) -> bool {
    let Some(path) = file_of(command) else { return false };
    let is_executable =
        |path: &PathBuf| path.metadata().is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
    let mut start = [0; 2];
    let read = Some(path).filter(is_executable).map(File::open);
    matches!(read.map(|file| file?.read(&mut start)), Some(Ok(_)))
        && ![*b"\x7fE", *b"#!"].contains(&start)
}

/// The file that is executed.
fn file_of(command: &Command) -> Option<PathBuf> {
    let program = Path::new(command.get_program());
    if program.components().count() > 1 {
        return Some(program.to_owned()).filter(|path| path.is_file());
    }
    let search = command.get_envs().find_map(|(name, value)| value.filter(|_| name == "PATH"))?;
    std::env::split_paths(search).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn take_over(mut command: Command, name: &str, input: Input<'_>) -> Result<Never, String> {
    // Fails if this process leads a session already, which is just as good.
    setsid().ok();
    match input {
        Input::Nothing => {
            let nothing = File::open("/dev/null")
                .map_err(|error| format!("cannot open `/dev/null`: {error}"))?;
            dup2_stdin(&nothing)
                .map_err(|error| format!("cannot close the standard input: {error}"))?;
        }
        Input::Terminal { size, channel } => {
            session::open_terminal(size, channel)
                .map_err(|error| format!("cannot open a terminal: {error}"))?;
        }
    }
    prctl::set_no_new_privs().map_err(|error| format!("cannot give up new privileges: {error}"))?;
    // Last, because changing the user clears it (`prctl(2)`).
    prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| format!("cannot follow the parent's end: {error}"))?;
    confine::confine()?;
    if lacks_format(&command) {
        return Err(format!("exec {name}: exec format error"));
    }
    let error = command.exec();
    Err(match error.kind() {
        io::ErrorKind::NotFound if !name.contains('/') => {
            format!("exec: \"{name}\": executable file not found in $PATH")
        }
        io::ErrorKind::NotFound => {
            format!("exec: \"{name}\": stat {name}: no such file or directory")
        }
        _ => format!("exec {name}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{find, interpreter, lacks_format};
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::process::Command;

    #[test]
    fn a_program_is_found_only_in_its_image() {
        let tree = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(tree.path().join("usr/bin")).expect("made");
        fs::write(tree.path().join("usr/bin/app"), "").expect("made");
        let env = [("PATH".to_owned(), "/bin:/usr/bin".to_owned())];
        let expected = Some(tree.path().join("usr/bin/app"));

        assert_eq!(find(tree.path(), Path::new("app"), &env), expected);
        assert_eq!(find(tree.path(), Path::new("/usr/bin/app"), &env), expected);
        assert_eq!(find(tree.path(), Path::new("../../usr/bin/app"), &env), expected);
        assert_eq!(find(tree.path(), Path::new("sh"), &env), None);
    }

    #[test]
    fn only_static_programs_need_no_interpreter() {
        assert!(!interpreter(Path::new("/usr/bin/busybox")).expect("read"), "static");
        assert!(interpreter(Path::new("/usr/bin/env")).expect("read"), "dynamic");
        assert!(interpreter(Path::new("/etc/passwd")).expect("read"), "no program");
    }

    #[test]
    fn text_without_an_interpreter_has_no_format() {
        let folder = tempfile::tempdir().expect("a folder");
        let lacks = |name: &str, content: &str, mode: u32, search: bool| {
            let path = folder.path().join(name);
            fs::write(&path, content).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
            let mut command = if search { Command::new(name) } else { Command::new(&path) };
            lacks_format(command.env_clear().env("PATH", folder.path()))
        };
        assert!(lacks("text", "echo hello\n", 0o755, false));
        assert!(lacks("text", "echo hello\n", 0o755, true));
        assert!(lacks("empty", "", 0o755, false));
        assert!(!lacks("script", "#!/bin/sh\n", 0o755, false));
        assert!(!lacks("program", "\x7fELF", 0o755, true));
        // The kernel says that it must not be run.
        assert!(!lacks("data", "echo hello\n", 0o644, false));
        assert!(!lacks_format(&Command::new("/missing")));
    }
}
