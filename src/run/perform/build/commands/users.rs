//! The users that commands have: all of this machine where Shipway is root, otherwise those
//! of a user namespace (`user_namespaces(7)`).

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Uid, User, getegid, geteuid, getppid};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The hidden first argument of the process that maps the users of its parent.
pub const MAPPER: &str = "__build-mapper";

/// How many ids a range must have for the users of an image.
const MIN_RANGE_IDS: u32 = 65_536;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Users {
    /// This process is root.
    All,
    /// Its own user is root of a namespace, and a range of further ids is below it.
    Range,
    /// Its own user is root of a namespace and has no further ids.
    Own,
}

impl Users {
    /// What this process may have.
    pub fn of_this_process() -> Self {
        if geteuid().is_root() {
            Self::All
        } else if ranges().is_some() && program("newuidmap").is_some() {
            Self::Range
        } else {
            Self::Own
        }
    }

    /// Names what the owners of files depend on.
    pub fn name(self) -> &'static str {
        match self {
            Self::All | Self::Range => "all",
            Self::Own => "own",
        }
    }

    /// Names who the files on the disk belong to, for the users of an image. Outside of the
    /// namespace alone.
    pub fn mapping(self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Range => {
                let [users, groups] = ranges().unwrap_or_default();
                format!("{} {users} {groups}", geteuid())
            }
            Self::Own => format!("{}", geteuid()),
        }
    }

    /// Becomes root of a new user namespace, where this process is not root.
    pub fn enter(self) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot map the users of commands: {error}");
        let new = || {
            unshare(CloneFlags::CLONE_NEWUSER)
                .map_err(|error| format!("user namespaces are refused here: {error}{}", cure()))
        };
        match self {
            Self::All => Ok(()),
            Self::Own => {
                let (uid, gid) = (geteuid(), getegid());
                new()?;
                fs::write("/proc/self/setgroups", "deny")
                    .and_then(|()| fs::write("/proc/self/uid_map", format!("0 {uid} 1\n")))
                    .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {gid} 1\n")))
                    .map_err(failed)
            }
            Self::Range => {
                // It has to be outside of the namespace.
                let mut mapper = Command::new("/proc/self/exe")
                    .arg(MAPPER)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .spawn()
                    .map_err(failed)?;
                let entered = new();
                // Its input ends, which it waits for.
                drop(mapper.stdin.take());
                let mapped = mapper.wait().map_err(failed)?;
                entered?;
                if mapped.success() {
                    Ok(())
                } else {
                    Err("`newuidmap` or `newgidmap` failed".to_owned())
                }
            }
        }
    }
}

/// Maps the users and groups of the parent, once it has entered its namespace.
pub fn run_mapper() -> ExitCode {
    let mut nothing = Vec::new();
    // Ends where the parent ends, too.
    if io::stdin().read_to_end(&mut nothing).is_err() {
        return ExitCode::FAILURE;
    }
    let Some([users, groups]) = ranges() else { return ExitCode::FAILURE };
    for (name, own, first) in
        [("newuidmap", geteuid().as_raw(), users), ("newgidmap", getegid().as_raw(), groups)]
    {
        let Some(program) = program(name) else { return ExitCode::FAILURE };
        let maps = [0, own, 1, 1, first, MIN_RANGE_IDS].map(|number| number.to_string());
        let mapped = Command::new(program).arg(getppid().to_string()).args(maps).status();
        if !mapped.is_ok_and(|status| status.success()) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// A program of shadow's `uidmap`, which has the right to map further ids.
fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin"].map(Path::new);
    folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The first further user and group of this user, if it has enough of both.
fn ranges() -> Option<[u32; 2]> {
    let uid = geteuid();
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    let first =
        |file: &str| range(&fs::read_to_string(file).unwrap_or_default(), name.as_deref(), uid);
    Some([first("/etc/subuid")?, first("/etc/subgid")?])
}

/// The start of the first range that is large enough (`subuid(5)`).
fn range(text: &str, name: Option<&str>, uid: Uid) -> Option<u32> {
    let uid = uid.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let (first, count): (u32, u32) =
            (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let is_own = Some(owner) == name || owner == uid;
        (is_own && count >= MIN_RANGE_IDS).then_some(first)
    })
}

/// What the administrator of this machine may do about refused namespaces.
fn cure() -> String {
    let is = |name: &str, value: &str| {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::read_to_string(path).is_ok_and(|found| found.trim() == value)
    };
    for (name, refuses, allows) in [
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("user.max_user_namespaces", "0", "10000"),
    ] {
        if is(name, refuses) {
            return format!("; `sudo sysctl {name}={allows}` allows them");
        }
    }
    String::new()
}

/// Adds to a refusal what a user without further ids can do.
pub fn explain(reason: String, users: Users) -> String {
    let is_of_ids = [Errno::EINVAL, Errno::EPERM].iter().any(|error| reason.contains(error.desc()));
    if users == Users::Own && is_of_ids {
        format!(
            "{reason}; this user has no further ids for the users of the image: install `uidmap` and give it a range in `/etc/subuid` and `/etc/subgid`, or run Shipway as root"
        )
    } else {
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::{Users, explain, range};
    use nix::unistd::Uid;

    #[test]
    fn first_range_that_is_large_enough_is_taken() {
        let text = "other:1:65536\nme:5:10\n\nbroken\n7:200000:65536\nme:300000:65536\n";
        let found = |name, uid| range(text, name, Uid::from_raw(uid));
        assert_eq!(found(Some("me"), 1000), Some(300_000));
        assert_eq!(found(None, 7), Some(200_000));
        assert_eq!(found(Some("you"), 8), None);
    }

    #[test]
    fn user_without_ids_learns_how_to_get_some() {
        let reason = "cannot write `etc/shadow`: Invalid argument".to_owned();
        assert_eq!(explain(reason.clone(), Users::All), reason);
        assert_eq!(
            explain(reason.clone(), Users::Own),
            format!(
                "{reason}; this user has no further ids for the users of the image: install `uidmap` and give it a range in `/etc/subuid` and `/etc/subgid`, or run Shipway as root"
            )
        );
        assert_eq!(explain("no space".to_owned(), Users::Own), "no space");
    }
}
