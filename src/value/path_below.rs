//! Paths that must not lead out of a folder, without asking the disk.

/// A path below a folder, both relative to the same root, without `.` and `..`; `None` if it
/// is absolute or leads out of the root.
pub fn path_below(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::path_below;

    #[test]
    fn path_stays_below_the_root() {
        assert_eq!(path_below("", "./a//b/../c/").as_deref(), Some("a/c"));
        assert_eq!(path_below("a/b", "../c").as_deref(), Some("a/c"));
        assert_eq!(path_below("a", "..").as_deref(), Some(""));
        assert_eq!(path_below("a", "../../c"), None);
        assert_eq!(path_below("a", "/c"), None);
    }
}
