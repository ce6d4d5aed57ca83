//! The users and groups of containers, as this machine sees them.
//!
//! Where this process is root, user 0 of a container must not be user 0 of the machine,
//! to which most of its files belong. The ids of containers are then shifted by a fixed
//! number, and so are the owners of the files that they get.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::Path;

/// The first id of containers: of the range that systemd leaves to them.
const FIRST: u32 = 0x6ffe_0000;

/// How many ids a container has.
pub const COUNT: u32 = 65_536;

/// The last of them, for owners that a container does not have.
const OVERFLOW: u32 = COUNT - 2;

/// What is added to the ids of containers; 0 where they are those of this machine.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct IdShift(u32);

impl IdShift {
    /// Shifts the ids if this process may give files to others, and if those may run
    /// the program of the stages.
    pub fn of_this_process(others_may_start: bool) -> Self {
        let maps = ["/proc/self/uid_map", "/proc/self/gid_map"].map(fs::read_to_string);
        let is_mapped = maps.iter().all(|map| map.as_ref().is_ok_and(|map| covers(map)));
        let is_root = nix::unistd::geteuid().is_root();
        if is_root && is_mapped && others_may_start { Self(FIRST) } else { Self::default() }
    }

    /// User 0 of containers, if that is another user than this process.
    pub fn first(self) -> Option<u32> {
        (self.0 != 0).then_some(self.0)
    }

    /// The owner here of what belongs to a user of a container.
    pub fn outside(self, inside: u32) -> u32 {
        match self.first() {
            Some(first) => first + if inside < COUNT { inside } else { OVERFLOW },
            None => inside,
        }
    }

    /// Gives a file or folder to user 0 of containers.
    pub fn give(self, path: &Path) -> io::Result<()> {
        self.first().map_or(Ok(()), |first| lchown(path, Some(first), Some(first)))
    }

    /// Gives everything in a folder that is still root's. What containers have changed
    /// stays theirs.
    pub fn give_all(self, path: &Path) -> io::Result<()> {
        if self.first().is_none() {
            return Ok(());
        }
        let metadata = fs::symlink_metadata(path)?;
        if metadata.uid() == 0 {
            self.give(path)?;
        }
        if metadata.is_dir() {
            for entry in fs::read_dir(path)? {
                self.give_all(&entry?.path())?;
            }
        }
        Ok(())
    }
}

/// Whether a map of ids (`user_namespaces(7)`) has all those that containers would get.
fn covers(map: &str) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map_while(|word| word.parse::<u64>().ok());
        let (Some(inside), Some(_), Some(count)) = (numbers.next(), numbers.next(), numbers.next())
        else {
            return false;
        };
        let (first, end) = (u64::from(FIRST), u64::from(FIRST) + u64::from(COUNT));
        inside <= first && end <= inside + count
    })
}

#[cfg(test)]
mod tests {
    use super::{FIRST, IdShift, covers};

    #[test]
    fn ids_are_shifted_only_where_all_of_them_are_there() {
        assert!(covers("         0          0 4294967295\n"));
        assert!(!covers("         0     100000      65536\n"));
        assert!(!covers(""));
    }

    #[test]
    fn a_shifted_owner_is_never_one_of_this_machine() {
        let shift = IdShift(FIRST);
        assert_eq!(shift.outside(0), FIRST);
        assert_eq!(shift.outside(101), FIRST + 101);
        assert_eq!(shift.outside(u32::MAX), FIRST + 65_534);
        assert_eq!(IdShift::default().outside(101), 101);
    }
}
