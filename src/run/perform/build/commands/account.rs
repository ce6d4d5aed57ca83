//! Who a command runs as (`USER`), by the files of its root.

use crate::bounded_file;
use std::path::Path;

/// Larger files are not read.
const MAX_BYTES: u64 = 10 << 20;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    /// All groups, the one above included.
    pub groups: Vec<u32>,
    pub home: String,
}

/// Resolves `USER[:GROUP]` as `BuildKit` does: two numbers need no file, a number is never
/// taken for a name, and a group that is named is the only one.
pub fn account(user: &str) -> Result<Account, String> {
    lookup(user, &read("/etc/passwd"), &read("/etc/group"))
}

/// A link cannot lead outside, because the root was changed already.
fn read(path: &str) -> String {
    let bytes = bounded_file::read(Path::new(path), MAX_BYTES).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn lookup(user: &str, passwd: &str, group: &str) -> Result<Account, String> {
    let (name, wanted) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (user, None),
    };
    let number = |text: &str| if text == "root" { Some(0) } else { text.parse::<u32>().ok() };
    let name = if name.is_empty() { "0" } else { name };
    let users = || passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let groups = || group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let by_number = |uid: u32| users().find(|it| it.len() >= 4 && it[2].parse() == Ok(uid));
    let entry = match number(name) {
        Some(uid) => by_number(uid),
        None => users().find(|it| it.len() >= 4 && it[0] == name),
    };
    let uid = match (number(name), &entry) {
        (Some(uid), _) => uid,
        (None, Some(entry)) => {
            entry[2].parse().map_err(|_| format!("`{name}` in /etc/passwd has no number"))?
        }
        (None, None) => return Err(format!("there is no user `{name}` in /etc/passwd")),
    };
    let home = entry.as_ref().and_then(|it| it.get(5)).filter(|home| !home.is_empty());
    let home = home.map_or_else(|| "/".to_owned(), |home| (*home).to_owned());
    if let Some(wanted) = wanted {
        let gid = match number(wanted) {
            Some(gid) => gid,
            None => groups()
                .find(|it| it.len() >= 3 && it[0] == wanted)
                .and_then(|it| it[2].parse().ok())
                .ok_or_else(|| format!("there is no group `{wanted}` in /etc/group"))?,
        };
        return Ok(Account { uid, gid, groups: vec![gid], home });
    }
    let gid = entry.as_ref().and_then(|it| it[3].parse().ok()).unwrap_or(0);
    let mut all = vec![gid];
    if let Some(entry) = &entry {
        for line in groups().filter(|it| it.len() >= 4) {
            let is_member = line[3].split(',').any(|member| member == entry[0]);
            if let Some(gid) = line[2].parse().ok().filter(|gid| is_member && !all.contains(gid)) {
                all.push(gid);
            }
        }
    }
    Ok(Account { uid, gid, groups: all, home })
}

#[cfg(test)]
mod tests {
    use super::{Account, lookup};

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\n7:x:5:5::/no:\napp:x:101:102:App:/srv:/bin/sh\nbroken\n";
    const GROUP: &str = "root:x:0:\napp:x:102:app\nwheel:x:10:root,app\n";

    #[track_caller]
    fn case(user: &str, ids: [u32; 2], groups: &[u32], home: &str) {
        let [uid, gid] = ids;
        let expected = Account { uid, gid, groups: groups.to_vec(), home: home.to_owned() };
        assert_eq!(lookup(user, PASSWD, GROUP), Ok(expected), "{user}");
    }

    #[test]
    fn numbers_are_never_names() {
        case("", [0, 0], &[0, 10], "/root");
        case("root", [0, 0], &[0, 10], "/root");
        case("app", [101, 102], &[102, 10], "/srv");
        case("101", [101, 102], &[102, 10], "/srv");
        case("7", [7, 0], &[0], "/");
        case("7:8", [7, 8], &[8], "/");
        case("app:wheel", [101, 10], &[10], "/srv");
        case("app:root", [101, 0], &[0], "/srv");
    }

    #[test]
    fn names_must_be_in_the_files() {
        assert_eq!(lookup("root:root", "", "").expect("known").home, "/");
        let user = lookup("app", "", "").expect_err("unknown");
        assert_eq!(user, "there is no user `app` in /etc/passwd");
        let group = lookup("1:staff", "", "").expect_err("unknown");
        assert_eq!(group, "there is no group `staff` in /etc/group");
    }
}
