//! Sets up the root file system of a container and changes into it.

use super::protocol::{ADDRESS, Mount, ProcessSpec};
use crate::sandbox::confine;
use crate::sandbox::mounts::{change_into, devices, mount_on, proc};
use nix::mount::{MsFlags, mount};
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Component, Path, PathBuf};

/// Mount options with paths relative to the current folder. `userxattr` because
/// unprivileged users may not write `trusted.*` attributes.
pub const OVERLAY: &str = "lowerdir=lower,upperdir=upper,workdir=work,userxattr";

/// Sets up the root of a container in the current folder and changes into it.
pub fn enter(process: &ProcessSpec) -> Result<(), String> {
    mount_on("none", "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None)?;
    let root = Path::new("root");
    if process.overlay {
        mount_on("overlay", "root", Some("overlay"), MsFlags::empty(), Some(OVERLAY))?;
    } else {
        mount_on("root", "root", None, MsFlags::MS_BIND, None)?;
    }
    proc(&folder(root, "proc")?)?;
    devices(&folder(root, "dev")?, "")?;
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let sys = folder(root, "sys")?;
    // Some kernels refuse it, and few programs need it.
    mount(Some("sysfs"), &sys, Some("sysfs"), quiet | MsFlags::MS_RDONLY, None::<&str>).ok();
    for bound in &process.mounts {
        bind(root, bound)?;
    }
    // After them: none of them may be put above what is hidden.
    confine::hide(root)?;
    change_into(root)?;
    network_files(&process.hostname)
        .map_err(|error| format!("cannot write the files in `/etc`: {error}"))
}

/// Creates a folder to mount on. A symbolic link of the image in its place is
/// removed, because it could lead out of the root.
fn folder(root: &Path, name: &str) -> Result<PathBuf, String> {
    let path = root.join(name);
    let failed = |error: io::Error| format!("cannot create `/{name}`: {error}");
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_dir() => return Ok(path),
        Ok(_) => fs::remove_file(&path).map_err(failed)?,
        Err(_) => {}
    }
    fs::create_dir(&path).map_err(failed)?;
    Ok(path)
}

/// Mounts a folder of this machine in the container. Its target is created part by
/// part, refusing symbolic links, which could lead out of the root.
fn bind(root: &Path, bound: &Mount) -> Result<(), String> {
    let mut target = root.to_owned();
    for part in Path::new(&bound.target).components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => {
                target.push(name);
                match fs::symlink_metadata(&target) {
                    Ok(metadata) if metadata.is_dir() => {}
                    Ok(_) => {
                        return Err(format!("`{}` leads through a file or a link", bound.target));
                    }
                    Err(_) => fs::create_dir(&target)
                        .map_err(|error| format!("cannot create `{}`: {error}", bound.target))?,
                }
            }
            Component::ParentDir | Component::Prefix(_) => {
                return Err(format!("`{}` is not an absolute path", bound.target));
            }
        }
    }
    let failed = |error| format!("cannot mount `{}`: {error}", bound.target);
    let none = None::<&str>;
    mount(Some(&bound.source), &target, none, MsFlags::MS_BIND, none).map_err(failed)?;
    if bound.read_only {
        let sealed = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | sealed;
        mount(none, &target, none, flags, none).map_err(failed)?;
    }
    Ok(())
}

fn network_files(hostname: &str) -> io::Result<()> {
    let address = Ipv4Addr::from(ADDRESS);
    let hosts = format!("127.0.0.1\tlocalhost\n::1\tlocalhost\n{address}\t{hostname}\n");
    fs::create_dir_all("/etc")?;
    let resolver = "# the local cloud has no names but those in /etc/hosts\n";
    for (name, text) in [
        ("/etc/hosts", hosts),
        ("/etc/hostname", format!("{hostname}\n")),
        ("/etc/resolv.conf", resolver.to_owned()),
    ] {
        // In many images `/etc/resolv.conf` is a link to a folder of systemd.
        if fs::symlink_metadata(name).is_ok_and(|metadata| metadata.is_symlink()) {
            fs::remove_file(name)?;
        }
        fs::write(name, text)?;
    }
    Ok(())
}
