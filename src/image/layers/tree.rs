//! The folders and symbolic links that an image has already.
//!
//! A layer names the folders above its files, because runtimes give a folder
//! that no layer names a mode of their own choice. Named anew, a folder must
//! keep the mode and owner it has (`/tmp` is 1777), and a path must go where
//! the image's links lead (`/bin` is a link to `usr/bin` in most).

use super::error::LayerError;
use super::recipe::Owner;
use std::collections::BTreeMap;

/// As many links as Linux follows in one path.
const MOST_LINKS: usize = 40;

/// A folder's mode and owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::image) struct Attributes {
    pub(in crate::image) mode: u32,
    pub(in crate::image) owner: Owner,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { mode: 0o755, owner: Owner::default() }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::image) enum Node {
    Folder(Attributes),
    /// A symbolic link and where it points.
    Link(Vec<u8>),
}

/// Paths without `/` at either end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::image) struct Tree {
    nodes: BTreeMap<Vec<u8>, Node>,
}

impl Tree {
    /// Everything, every folder before what is in it.
    pub(in crate::image) fn nodes(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_slice(), node))
    }

    /// What a folder has, when it is there.
    pub(in crate::image) fn folder(&self, path: &[u8]) -> Option<Attributes> {
        match self.nodes.get(path) {
            Some(Node::Folder(attributes)) => Some(*attributes),
            Some(Node::Link(_)) | None => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Puts a folder or link at a path. A link takes away what was below it.
    pub(in crate::image) fn insert(&mut self, path: &[u8], node: Node) {
        if let Node::Link(_) = node {
            self.clear(path);
        }
        self.nodes.insert(path.to_vec(), node);
    }

    /// Takes away what is at a path and below.
    pub(in crate::image) fn remove(&mut self, path: &[u8]) {
        self.nodes.remove(path);
        self.clear(path);
    }

    /// Takes away what is below a path; everything for the empty one.
    pub(in crate::image) fn clear(&mut self, path: &[u8]) {
        if path.is_empty() {
            self.nodes.clear();
            return;
        }
        let first = [path, b"/"].concat();
        // The character after `/`, so that the range holds what begins with it.
        let end = [path, b"0"].concat();
        let below: Vec<Vec<u8>> =
            self.nodes.range(first..end).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    /// Where the path of a folder leads whose own folder was followed already.
    pub(super) fn lead(&self, path: Vec<u8>) -> Result<Vec<u8>, LayerError> {
        match self.nodes.get(&path) {
            Some(Node::Link(_)) => self.resolve(&path),
            Some(Node::Folder(_)) | None => Ok(path),
        }
    }

    /// Where a folder's path leads when every link on it is followed.
    pub(in crate::image) fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, LayerError> {
        let mut links = 0;
        let mut left: Vec<Vec<u8>> = parts(path).rev().map(<[u8]>::to_vec).collect();
        let mut resolved: Vec<u8> = Vec::new();
        while let Some(part) = left.pop() {
            if part == b".." {
                let end = resolved.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                resolved.truncate(end);
                continue;
            }
            let here = join(&resolved, &part);
            match self.nodes.get(&here) {
                Some(Node::Link(target)) => {
                    links += 1;
                    if links > MOST_LINKS {
                        let to = String::from_utf8_lossy(&here);
                        return Err(LayerError::LinkCircle { to: format!("/{to}") });
                    }
                    if target.starts_with(b"/") {
                        resolved.clear();
                    }
                    left.extend(parts(target).rev().map(<[u8]>::to_vec));
                }
                Some(Node::Folder(_)) | None => resolved = here,
            }
        }
        Ok(resolved)
    }
}

/// The names of a path. `.` is none.
pub(in crate::image) fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

/// A path under a folder, which may be the root.
pub(in crate::image) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        [] => name.to_vec(),
        _ => [folder, b"/", name].concat(),
    }
}

/// The folder of a path; the root has none.
pub(in crate::image) fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::{Attributes, Node, Tree, parent};

    fn tree(links: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, target) in links {
            tree.insert(path.as_bytes(), Node::Link(target.as_bytes().to_vec()));
        }
        tree
    }

    fn resolved(tree: &Tree, path: &str) -> String {
        String::from_utf8(tree.resolve(path.as_bytes()).expect("no circle")).expect("text")
    }

    #[test]
    fn links_are_followed_within_the_image() {
        let tree = tree(&[
            ("bin", "usr/bin"),
            ("usr/lib64", "/lib"),
            ("lib", "usr/lib"),
            ("up", "../../etc"),
        ]);

        assert_eq!(resolved(&tree, "bin/app"), "usr/bin/app");
        assert_eq!(resolved(&tree, "usr/lib64/x"), "usr/lib/x");
        assert_eq!(resolved(&tree, "up/x"), "etc/x");
        assert_eq!(resolved(&tree, "srv/bin"), "srv/bin");
        assert_eq!(resolved(&tree, ""), "");
    }

    #[test]
    fn a_circle_is_an_error() {
        let error = tree(&[("a", "b"), ("b", "a")]).resolve(b"a/x").expect_err("a circle");
        assert_eq!(error.to_string(), "the symbolic links of the base lead from `/a` in a circle");
    }

    #[test]
    fn removing_takes_away_what_is_below_and_nothing_beside() {
        let mut tree = Tree::default();
        for path in ["a", "a/b", "a/b/c", "a-b", "a0"] {
            tree.insert(path.as_bytes(), Node::Folder(Attributes::default()));
        }

        tree.remove(b"a");

        assert_eq!(tree.folder(b"a/b/c"), None);
        assert!(tree.folder(b"a-b").is_some() && tree.folder(b"a0").is_some());
    }

    #[test]
    fn the_parent_of_a_name_is_the_root() {
        assert_eq!(parent(b"a/b"), b"a");
        assert_eq!(parent(b"a"), b"");
    }
}
