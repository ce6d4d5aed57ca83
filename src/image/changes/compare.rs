//! Whether a file that a command may have written is still the one below.

use crate::image::layers::Xattrs;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Whether nothing that a layer holds has changed. The time of a folder does not count: it
/// changes with its content.
pub fn is_same(upper: &Path, new: &Metadata, lower: &Path, old: &Metadata) -> io::Result<bool> {
    let attributes = |of: &Metadata| (of.mode(), of.uid(), of.gid(), of.rdev());
    if attributes(new) != attributes(old) {
        return Ok(false);
    }
    if new.is_dir() {
        return Ok(true);
    }
    if new.len() != old.len() || new.mtime() != old.mtime() {
        return Ok(false);
    }
    if new.is_file() && Xattrs::of_program(upper) != Xattrs::of_program(lower) {
        return Ok(false);
    }
    // Times that were cut to seconds, as those in archives are, say little.
    if new.mtime_nsec() != 0 || old.mtime_nsec() != 0 {
        return Ok(new.mtime_nsec() == old.mtime_nsec());
    }
    has_same_content(upper, new, lower)
}

fn has_same_content(upper: &Path, new: &Metadata, lower: &Path) -> io::Result<bool> {
    if new.is_symlink() {
        return Ok(fs::read_link(upper)? == fs::read_link(lower)?);
    }
    if !new.is_file() {
        return Ok(true);
    }
    let (mut one, mut other) = (File::open(upper)?, File::open(lower)?);
    let (mut of_one, mut of_other) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let length = fill(&mut one, &mut of_one)?;
        if length != fill(&mut other, &mut of_other)? || of_one[..length] != of_other[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
