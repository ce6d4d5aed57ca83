//! Takes from a container's process what containers of Docker do not have either:
//! capabilities, system calls, and files in `/proc` and `/sys`.
//!
//! Namespaces alone do not contain root: `/proc/sys` belongs to user 0 of this machine
//! (`core_pattern`), and each further namespace is more of the kernel to attack.

use super::system_calls::{ALLOWED, ALLOWED_HERE, REFUSED, REFUSED_HERE};
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// Docker's default capabilities.
const KEPT: [Capability; 14] = [
    Capability::CAP_AUDIT_WRITE,
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_MKNOD,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_NET_RAW,
    Capability::CAP_SETFCAP,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETUID,
    Capability::CAP_SYS_CHROOT,
];

/// What Docker hides: it tells of this machine, or changes it.
const HIDDEN: [&str; 14] = [
    "proc/acpi",
    "proc/asound",
    "proc/interrupts",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/scsi",
    "proc/timer_list",
    "proc/timer_stats",
    "sys/devices/virtual/powercap",
    "sys/firmware",
    "sys/fs/selinux",
    "sys/kernel/security",
];

/// What Docker makes read-only.
const READ_ONLY: [&str; 5] = ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"];

/// The flags of `clone(2)` that make namespaces (`CLONE_NEW…`).
const NAMESPACES: u64 = 0x7e02_0000;

/// The kinds of programs that `personality(2)` may make of a process: the default, and
/// `ADDR_NO_RANDOMIZE` and `UNAME26` for none of them; the last asks alone.
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

const SOCKET_TO_THE_HOST: u64 = libc::AF_VSOCK as u64;

/// Makes files below `root` unreadable or read-only. A file that this kernel does not
/// have needs neither.
pub fn hide(root: &Path) -> Result<(), String> {
    let none = None::<&str>;
    let sealed = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    for name in HIDDEN {
        let path = root.join(name);
        let failed = |error| format!("cannot hide `/{name}`: {error}");
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                mount(Some("tmpfs"), &path, Some("tmpfs"), sealed, Some("size=0,mode=000"))
                    .map_err(failed)?;
            }
            Ok(_) => {
                mount(Some("/dev/null"), &path, none, MsFlags::MS_BIND, none).map_err(failed)?;
            }
            Err(_) => {}
        }
    }
    for name in READ_ONLY {
        let path = root.join(name);
        if !path.exists() {
            continue;
        }
        mount(Some(&path), &path, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
            .and_then(|()| {
                let again = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | sealed;
                mount(none, &path, none, again, none)
            })
            .map_err(|error| format!("cannot make `/{name}` read-only: {error}"))?;
    }
    Ok(())
}

/// Limits the capabilities that this process and its programs can ever have. Must be
/// called while it may change its user.
pub fn drop_capabilities() -> Result<(), String> {
    let may_limit = caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP);
    // An unprivileged process has none that could be limited.
    if may_limit.unwrap_or(false) {
        for capability in caps::all() {
            // An error is a capability that this kernel does not know.
            let has = caps::has_cap(None, CapSet::Bounding, capability).unwrap_or(false);
            if has && !KEPT.contains(&capability) {
                caps::drop(None, CapSet::Bounding, capability)
                    .map_err(|error| format!("cannot give up {capability}: {error}"))?;
            }
        }
    }
    Ok(())
}

/// Gives up the capabilities that are not Docker's, and refuses system calls. The last
/// step before the program.
pub fn confine() -> Result<(), String> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
        .map_err(|error| format!("cannot forbid core dumps: {error}"))?;
    let failed = |error: &dyn Error| format!("cannot give up capabilities: {error}");
    let permitted = caps::read(None, CapSet::Permitted).map_err(|error| failed(&error))?;
    let kept: CapsHashSet = permitted.into_iter().filter(|it| KEPT.contains(it)).collect();
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(|error| failed(&error))?;
    }
    for set in [CapSet::Inheritable, CapSet::Ambient] {
        caps::clear(None, set).map_err(|error| failed(&error))?;
    }
    // The later filter decides which error a call has that both refuse.
    for filter in [allowing(), refusing()] {
        filter
            .map_err(|error| error.to_string())
            .and_then(|filter| {
                seccompiler::apply_filter(&filter).map_err(|error| error.to_string())
            })
            .map_err(|error| format!("cannot limit system calls: {error}"))?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, Box<dyn Error>> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, otherwise, matched, arch)?.try_into()?)
}

fn allowing() -> Result<BpfProgram, Box<dyn Error>> {
    let only = |length, operator, value| -> Result<SeccompRule, Box<dyn Error>> {
        Ok(SeccompRule::new(vec![SeccompCondition::new(0, length, operator, value)?])?)
    };
    let mut rules: Rules =
        ALLOWED.iter().chain(ALLOWED_HERE).map(|&call| (call, Vec::new())).collect();
    let without_namespaces = SeccompCmpOp::MaskedEq(NAMESPACES);
    let clone = only(SeccompCmpArgLen::Qword, without_namespaces, 0)?;
    rules.insert(libc::SYS_clone, vec![clone]);
    let not_the_host = only(SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, SOCKET_TO_THE_HOST)?;
    rules.insert(libc::SYS_socket, vec![not_the_host]);
    let kinds = PERSONALITIES
        .iter()
        .map(|&kind| only(SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, kind))
        .collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_personality, kinds);
    let missing = SeccompAction::Errno(Errno::ENOSYS as u32);
    compile(rules, missing, SeccompAction::Allow)
}

fn refusing() -> Result<BpfProgram, Box<dyn Error>> {
    let mut rules: Rules =
        REFUSED.iter().chain(REFUSED_HERE).map(|&call| (call, Vec::new())).collect();
    // `clone3` has its flags in memory, which a filter cannot read. It does not exist for
    // a container, so that the C library uses `clone`; that with namespaces is refused.
    let some = (17..=30).filter(|bit| NAMESPACES & (1 << bit) != 0);
    let each = some.map(|bit| {
        let flag = SeccompCmpOp::MaskedEq(1 << bit);
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, flag, 1 << bit)?;
        SeccompRule::new(vec![condition])
    });
    rules.insert(libc::SYS_clone, each.collect::<Result<_, _>>()?);
    let refused = SeccompAction::Errno(Errno::EPERM as u32);
    compile(rules, SeccompAction::Allow, refused)
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED, ALLOWED_HERE, REFUSED, REFUSED_HERE, allowing, refusing};
    use std::collections::BTreeSet;

    #[test]
    fn the_filters_compile_and_no_call_is_on_both_lists() {
        assert!(!allowing().expect("a filter").is_empty());
        assert!(!refusing().expect("a filter").is_empty());
        let allowed: BTreeSet<_> = ALLOWED.iter().chain(ALLOWED_HERE).collect();
        assert!(REFUSED.iter().chain(REFUSED_HERE).all(|call| !allowed.contains(call)));
    }
}
