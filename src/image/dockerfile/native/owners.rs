//! Resolves the names of users and groups with the files of an image.

use super::error::{DockerfileLine, NativeError};
use super::file_sources::FileSources;
use super::files::{FileTree, TreeItemKind};
use crate::image::layers::Owner;
use std::fs;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// The text of `USER` or `--chown`: `user[:group]`, each a number or a name.
pub struct Ownership<'a> {
    user: &'a str,
    group: Option<&'a str>,
}

impl<'a> Ownership<'a> {
    pub fn parse(text: &'a str) -> Self {
        match text.split_once(':') {
            Some((user, group)) => Self { user, group: Some(group).filter(|it| !it.is_empty()) },
            None => Self { user: text, group: None },
        }
    }

    /// The owner, if user and group are numbers. As in Docker, a user number without a
    /// group is the number of the group too.
    pub fn numbers(&self) -> Option<Owner> {
        let uid = number(self.user)?;
        let gid = number(self.group.unwrap_or(self.user))?;
        Some(Owner { uid, gid })
    }
}

/// The number of a user or group that needs no file. As in `BuildKit`, `root` is 0 in every
/// image, `scratch` included.
fn number(text: &str) -> Option<u32> {
    if text == "root" { Some(0) } else { text.parse().ok() }
}

/// The owner, with names looked up in `/etc/passwd` and `/etc/group` of `files`. A user
/// name without a group has the group that `/etc/passwd` gives it.
pub fn owner(
    ownership: &Ownership<'_>,
    files: &FileTree,
    place: &DockerfileLine,
    file_sources: &FileSources<'_>,
) -> Result<Owner, NativeError> {
    let Ownership { user, group } = ownership;
    let unknown = |name: &str, file| NativeError::Unknown {
        place: place.clone(),
        name: name.to_owned(),
        file,
    };
    let (uid, default_gid) = if let Some(number) = number(user) {
        (number, number)
    } else {
        let users = text_of(files, USERS, file_sources)?;
        find_user(&users, user).ok_or_else(|| unknown(user, USERS))?
    };
    let gid = match group {
        None => default_gid,
        Some(group) => {
            if let Some(number) = number(group) {
                number
            } else {
                let groups = text_of(files, GROUPS, file_sources)?;
                find_group(&groups, group).ok_or_else(|| unknown(group, GROUPS))?
            }
        }
    };
    Ok(Owner { uid, gid })
}

/// The numbers of a user and its group, by a line `name:password:uid:gid:…`.
fn find_user(users: &str, name: &str) -> Option<(u32, u32)> {
    let fields = find_line(users, name)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

/// The number of a group, by a line `name:password:gid:…`.
fn find_group(groups: &str, name: &str) -> Option<u32> {
    find_line(groups, name)?.get(2)?.parse().ok()
}

fn find_line<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
    text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)
}

/// The content of a file of the stage. A missing file is empty, so that the error names
/// the user or group that it does not list.
fn text_of(
    files: &FileTree,
    path: &str,
    file_sources: &FileSources<'_>,
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
    use super::{Ownership, find_group, find_user};
    use crate::image::layers::Owner;

    #[test]
    fn numeric_owners_need_no_files() {
        let numbers = |text| Ownership::parse(text).numbers();
        assert_eq!(numbers("5:6"), Some(Owner { uid: 5, gid: 6 }));
        assert_eq!(numbers("5"), Some(Owner { uid: 5, gid: 5 }));
        assert_eq!(numbers("5:"), Some(Owner { uid: 5, gid: 5 }));
        assert_eq!(numbers("0:root"), Some(Owner { uid: 0, gid: 0 }));
        assert_eq!(numbers("root"), Some(Owner { uid: 0, gid: 0 }));
        assert_eq!(numbers("root:5"), Some(Owner { uid: 0, gid: 5 }));
        assert_eq!(numbers("app"), None);
        assert_eq!(numbers("5:staff"), None);
    }

    #[test]
    fn users_and_groups_are_found_by_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:100::/app:/bin/sh\nbroken\n";
        assert_eq!(find_user(users, "app"), Some((1000, 100)));
        assert_eq!(find_user(users, "ap"), None);
        assert_eq!(find_user(users, "broken"), None);
        assert_eq!(find_group("root:x:0:\nstaff:x:50:app\n", "staff"), Some(50));
    }
}
