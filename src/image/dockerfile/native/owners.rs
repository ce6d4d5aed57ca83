//! Who a name is: the users and groups of an image.

use super::error::{NativeError, Place};
use super::files::{Files, ItemKind};
use super::workshop::Workshop;
use crate::image::layers::Owner;
use std::fs;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// `user[:group]`, by number or by name.
pub(super) struct Ownership<'a> {
    user: &'a str,
    group: Option<&'a str>,
}

impl<'a> Ownership<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        match text.split_once(':') {
            Some((user, group)) => Self { user, group: Some(group).filter(|it| !it.is_empty()) },
            None => Self { user: text, group: None },
        }
    }

    /// Where no name has to be looked up. Without a group, a number stands for
    /// both.
    pub(super) fn numbers(&self) -> Option<Owner> {
        let uid = self.user.parse().ok()?;
        let gid = self.group.unwrap_or(self.user).parse().ok()?;
        Some(Owner { uid, gid })
    }
}

/// Looks names up in the files of a stage.
pub(super) fn owner(
    ownership: &Ownership<'_>,
    files: &Files,
    place: &Place,
    workshop: &mut Workshop<'_>,
) -> Result<Owner, NativeError> {
    let Ownership { user, group } = ownership;
    let unknown = |name: &str, file| NativeError::Unknown {
        place: place.clone(),
        name: name.to_owned(),
        file,
    };
    let (uid, own) = if let Ok(number) = user.parse::<u32>() {
        (number, number)
    } else {
        let users = text(files, USERS, workshop)?;
        let numbers = find(&users, user, &[2, 3]).ok_or_else(|| unknown(user, USERS))?;
        (numbers[0], numbers[1])
    };
    let gid = match group {
        None => own,
        Some(group) => {
            if let Ok(number) = group.parse::<u32>() {
                number
            } else {
                let groups = text(files, GROUPS, workshop)?;
                find(&groups, group, &[2]).ok_or_else(|| unknown(group, GROUPS))?[0]
            }
        }
    };
    Ok(Owner { uid, gid })
}

/// The numbers in some fields of the line that is of a name.
fn find(text: &str, name: &str, fields: &[usize]) -> Option<Vec<u32>> {
    text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|line| {
        let number = |field: &usize| line.get(*field)?.parse().ok();
        if line[0] == name { fields.iter().map(number).collect() } else { None }
    })
}

/// A file of the stage; nothing where it is not there.
fn text(files: &Files, path: &str, workshop: &mut Workshop<'_>) -> Result<String, NativeError> {
    let Some((_, item)) = files.follow(path.as_bytes()) else { return Ok(String::new()) };
    let ItemKind::File(file) = &item.kind else { return Ok(String::new()) };
    workshop.lay_down([file].into_iter())?;
    let (path, _) = workshop.laid(file);
    match fs::read(&path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(source) => Err(NativeError::Read { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ownership, find};
    use crate::image::layers::Owner;

    #[test]
    fn numbers_need_no_image() {
        let numbers = |text| Ownership::read(text).numbers();
        assert_eq!(numbers("5:6"), Some(Owner { uid: 5, gid: 6 }));
        assert_eq!(numbers("5"), Some(Owner { uid: 5, gid: 5 }));
        assert_eq!(numbers("5:"), Some(Owner { uid: 5, gid: 5 }));
        assert_eq!(numbers("app"), None);
        assert_eq!(numbers("5:staff"), None);
    }

    #[test]
    fn a_line_is_found_by_its_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:100::/app:/bin/sh\nbroken\n";
        assert_eq!(find(users, "app", &[2, 3]), Some(vec![1000, 100]));
        assert_eq!(find(users, "ap", &[2, 3]), None);
        assert_eq!(find(users, "broken", &[2]), None);
    }
}
