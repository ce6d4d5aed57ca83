//! Looks up the `USER` of an image in the image's own `/etc/passwd` and
//! `/etc/group`.

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    pub home: String,
}

/// Resolves `name`, `uid`, `name:group` or `uid:gid`. Empty means root. As in
/// Docker, a name must be in the files, a number need not.
pub fn lookup(user: &str, passwd: &str, group: &str) -> Result<Account, String> {
    let (user, wanted_group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (user, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let entry = passwd.lines().map(fields).find(|entry| {
        entry.len() >= 6 && (entry[0] == user || (user.parse::<u32>().is_ok() && entry[2] == user))
    });
    let mut account = match (&entry, user.parse()) {
        (Some(entry), _) => Account {
            uid: number(entry[2]).ok_or_else(|| unreadable("passwd", user))?,
            gid: number(entry[3]).ok_or_else(|| unreadable("passwd", user))?,
            groups: memberships(entry[0], group),
            home: entry[5].to_owned(),
        },
        (None, Ok(uid)) => {
            let home = if uid == 0 { "/root" } else { "/" };
            Account { uid, gid: 0, groups: Vec::new(), home: home.to_owned() }
        }
        (None, Err(_)) => return Err(format!("the image has no user `{user}` in /etc/passwd")),
    };
    if let Some(wanted) = wanted_group {
        account.gid = group_number(wanted, group)?;
        account.groups.clear();
    }
    Ok(account)
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn unreadable(file: &str, name: &str) -> String {
    format!("the entry of `{name}` in the image's /etc/{file} cannot be read")
}

fn memberships(user: &str, group: &str) -> Vec<u32> {
    group
        .lines()
        .map(fields)
        .filter(|entry| entry.len() >= 4 && entry[3].split(',').any(|member| member == user))
        .filter_map(|entry| number(entry[2]))
        .collect()
}

fn group_number(wanted: &str, group: &str) -> Result<u32, String> {
    let entry = group.lines().map(fields).find(|entry| entry.len() >= 3 && entry[0] == wanted);
    match (entry, number(wanted)) {
        (Some(entry), _) => number(entry[2]).ok_or_else(|| unreadable("group", wanted)),
        (None, Some(gid)) => Ok(gid),
        (None, None) => Err(format!("the image has no group `{wanted}` in /etc/group")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, lookup};

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:101:102:App:/srv:/bin/sh\nbroken\n";
    const GROUP: &str = "root:x:0:\napp:x:102:\nwheel:x:10:root,app\n";

    #[track_caller]
    fn case(user: &str, uid: u32, gid: u32, groups: &[u32], home: &str) {
        let expected = Account { uid, gid, groups: groups.to_vec(), home: home.to_owned() };
        assert_eq!(lookup(user, PASSWD, GROUP), Ok(expected), "{user}");
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        case("", 0, 0, &[10], "/root");
        case("app", 101, 102, &[10], "/srv");
        case("101", 101, 102, &[10], "/srv");
        case("5000", 5000, 0, &[], "/");
        case("5000:5001", 5000, 5001, &[], "/");
        case("app:wheel", 101, 10, &[], "/srv");
    }

    #[test]
    fn an_image_without_passwd_knows_only_numbers() {
        assert_eq!(lookup("0", "", "").expect("root").home, "/root");
        assert_eq!(
            lookup("app", "", ""),
            Err("the image has no user `app` in /etc/passwd".to_owned())
        );
        assert_eq!(
            lookup("1:staff", "", ""),
            Err("the image has no group `staff` in /etc/group".to_owned())
        );
    }
}
