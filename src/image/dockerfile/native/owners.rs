//! Resolves the names of users and groups with the files of an image.

use super::error::{DockerfileLine, NativeError};
use super::file_sources::FileSources;
use super::files::{FileTree, TreeItemKind};
use crate::image::layers::Owner;
use std::fs;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// `user[:group]`, as numbers or names.
pub struct Ownership<'a> {
    user: &'a str,
    group: Option<&'a str>,
}

impl<'a> Ownership<'a> {
    pub fn read(text: &'a str) -> Self {
        match text.split_once(':') {
            Some((user, group)) => Self { user, group: Some(group).filter(|it| !it.is_empty()) },
            None => Self { user: text, group: None },
        }
    }

    /// The owner, if no name has to be looked up. A number without a group stands for both.
    pub fn numbers(&self) -> Option<Owner> {
        let uid = self.user.parse().ok()?;
        let gid = self.group.unwrap_or(self.user).parse().ok()?;
        Some(Owner { uid, gid })
    }
}

/// Looks up the names in the files of a stage.
pub fn owner(
    ownership: &Ownership<'_>,
    files: &FileTree,
    place: &DockerfileLine,
    file_sources: &mut FileSources<'_>,
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
        let users = text(files, USERS, file_sources)?;
        let numbers = find(&users, user, &[2, 3]).ok_or_else(|| unknown(user, USERS))?;
        (numbers[0], numbers[1])
    };
    let gid = match group {
        None => own,
        Some(group) => {
            if let Ok(number) = group.parse::<u32>() {
                number
            } else {
                let groups = text(files, GROUPS, file_sources)?;
                find(&groups, group, &[2]).ok_or_else(|| unknown(group, GROUPS))?[0]
            }
        }
    };
    Ok(Owner { uid, gid })
}

/// The numeric `fields` of the line for `name`.
fn find(text: &str, name: &str, fields: &[usize]) -> Option<Vec<u32>> {
    text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|line| {
        let number = |field: &usize| line.get(*field)?.parse().ok();
        if line[0] == name { fields.iter().map(number).collect() } else { None }
    })
}

/// The content of a file of the stage; empty if it does not exist.
fn text(
    files: &FileTree,
    path: &str,
    file_sources: &mut FileSources<'_>,
) -> Result<String, NativeError> {
    let Some((_, item)) = files.follow(path.as_bytes()) else { return Ok(String::new()) };
    let TreeItemKind::File(file) = &item.kind else { return Ok(String::new()) };
    file_sources.extract([file].into_iter())?;
    let (path, _) = file_sources.location(file);
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
