//! The executable of the stages, as a container may find it.
//!
//! A container that starts `/proc/self/exe` starts the executable of the stage before it, with
//! an interpreter of its own, and can then open that file (CVE-2019-5736). Therefore the stages
//! inside of a group are started from a mount that cannot be written to, or from a copy.

use super::mounts::mount_on;
use nix::mount::MsFlags;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::{self, File};
use std::io;
use std::os::fd::{IntoRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The executable of this process.
pub const OWN: &str = "/proc/self/exe";

/// The name of a copy in memory, and the path that `/proc` shows of it.
const COPY: &str = "shipway";
const COPY_PATH: &str = "/memfd:shipway (deleted)";

/// Mounts the executable of this process read-only in a folder, or copies it where it is not to
/// be found any more. Returns the path to start it by. This process must have mounts of its own.
pub fn read_only(folder: &Path) -> Result<PathBuf, String> {
    let failed = |verb: &str, error: io::Error| format!("cannot {verb} `{OWN}`: {error}");
    let path = fs::read_link(OWN).map_err(|error| failed("read", error))?;
    // A copy is on no mount.
    if path == Path::new(COPY_PATH) {
        return Ok(OWN.into());
    }
    if !is_own(&path).map_err(|error| failed("find", error))? {
        let copy = copy(Path::new(OWN)).map_err(|error| failed("copy", error))?;
        return Ok(format!("/proc/self/fd/{}", copy.into_raw_fd()).into());
    }
    let mounted = folder.join("program");
    fs::write(&mounted, "").map_err(|error| failed("mount", error))?;
    let target = mounted.to_string_lossy();
    mount_on(&path.to_string_lossy(), &target, None, MsFlags::MS_BIND, None)?;
    let sealed = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount_on("none", &target, None, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | sealed, None)?;
    Ok(mounted)
}

/// Whether a path leads to the executable of this process, which may have been replaced.
fn is_own(path: &Path) -> io::Result<bool> {
    let own = fs::metadata(OWN)?;
    Ok(fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == (own.dev(), own.ino())))
}

/// A copy of a program in memory, which cannot be changed any more and which any user may start.
pub fn copy(program: &Path) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(memfd_create(COPY, flags)?);
    io::copy(&mut File::open(program)?, &mut copy)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&copy, seals)?;
    Ok(copy.into())
}
