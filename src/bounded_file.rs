//! Reads files that others wrote, which may be no files.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The longest file that people write by hand: a Dockerfile, a list of what is ignored.
pub const MAX_WRITTEN_BYTES: u64 = 1024 * 1024;

/// Reads a regular file of at most `max_bytes`. Opening a named pipe would wait for its writer,
/// and a device may have no end.
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    opened(path, 0, max_bytes)
}

/// The same of text in UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    let bytes = read(path, max_bytes)?;
    String::from_utf8(bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// The same as [`read`], and refuses a symbolic link.
pub fn read_without_link(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    opened(path, nix::libc::O_NOFOLLOW, max_bytes)
}

fn opened(path: &Path, flags: i32, max_bytes: u64) -> io::Result<Vec<u8>> {
    let flags = flags | nix::libc::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(nix::libc::ELOOP) => refusal("it is a symbolic link".to_owned()),
        _ => error,
    })?;
    if !file.metadata()?.is_file() {
        return Err(refusal("it is no file".to_owned()));
    }
    let mut bytes = Vec::new();
    (&file).take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(refusal(format!("it has more than {max_bytes} bytes")));
    }
    Ok(bytes)
}

fn refusal(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use super::{read, read_without_link};
    use nix::sys::stat::Mode;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "1234").expect("written");
        symlink(at("file"), at("link")).expect("a link");
        nix::unistd::mkfifo(&at("pipe"), Mode::S_IRWXU).expect("a pipe");

        assert_eq!(read(&at("link"), 4).expect("read"), b"1234");
        for (read, wanted) in [
            (read(&at("file"), 3), "it has more than 3 bytes"),
            (read(&at("pipe"), 4), "it is no file"),
            (read(folder.path(), 4), "it is no file"),
            (read("/dev/zero".as_ref(), 4), "it is no file"),
            (read_without_link(&at("link"), 4), "it is a symbolic link"),
        ] {
            assert_eq!(read.expect_err("refused").to_string(), wanted);
        }
    }
}
