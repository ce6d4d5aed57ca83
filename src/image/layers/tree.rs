//! The paths of an image: its folders, symbolic links and other files.
//!
//! A layer lists the parent folders of its files, because runtimes choose the mode of a
//! folder that no layer lists. A folder that already exists must keep its mode and owner
//! (`/tmp` is 1777), and a path must follow the links of the image (`/bin` is a link to
//! `usr/bin` in most images).

use super::error::LayerError;
use super::recipe::Owner;
use std::collections::BTreeMap;

/// Linux follows at most this many symbolic links in one path (`path_resolution(7)`).
const MAX_SYMLINKS: usize = 40;

/// A folder's mode and owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attributes {
    pub mode: u32,
    pub owner: Owner,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { mode: 0o755, owner: Owner::default() }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TreeNode {
    Folder(Attributes),
    /// A symbolic link with its target.
    Link(Vec<u8>),
    /// Anything else, such as a regular file.
    File,
}

/// Nodes by path, without `/` at either end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tree {
    nodes: BTreeMap<Vec<u8>, TreeNode>,
}

/// Of nodes that belong to each other, in order.
impl FromIterator<(Vec<u8>, TreeNode)> for Tree {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, TreeNode)>>(nodes: I) -> Self {
        Self { nodes: nodes.into_iter().collect() }
    }
}

impl Tree {
    /// All nodes, each folder before its content.
    pub fn nodes(&self) -> impl Iterator<Item = (&[u8], &TreeNode)> {
        self.nodes.iter().map(|(path, node)| (path.as_slice(), node))
    }

    /// The attributes of a folder, if it exists.
    pub fn folder(&self, path: &[u8]) -> Option<Attributes> {
        match self.nodes.get(path) {
            Some(TreeNode::Folder(attributes)) => Some(*attributes),
            Some(TreeNode::Link(_) | TreeNode::File) | None => None,
        }
    }

    /// Whether there is something that is neither a folder nor a symbolic link.
    pub fn has_file(&self, path: &[u8]) -> bool {
        matches!(self.nodes.get(path), Some(TreeNode::File))
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds a node. What is no folder removes everything below it.
    pub fn insert(&mut self, path: &[u8], node: TreeNode) {
        match node {
            TreeNode::Link(_) | TreeNode::File => self.clear(path),
            TreeNode::Folder(_) => {}
        }
        self.nodes.insert(path.to_vec(), node);
    }

    /// Removes a node and everything below it.
    pub fn remove(&mut self, path: &[u8]) {
        self.nodes.remove(path);
        self.clear(path);
    }

    /// Removes everything below a path; the empty path clears the tree.
    pub fn clear(&mut self, path: &[u8]) {
        if path.is_empty() {
            self.nodes.clear();
            return;
        }
        let first = [path, b"/"].concat();
        // `0` is the byte after `/`, so the range ends after the last path with the prefix.
        let end = [path, b"0"].concat();
        let below: Vec<Vec<u8>> =
            self.nodes.range(first..end).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    /// Follows the last part of a path whose parent folder is already resolved.
    pub fn lead(&self, path: Vec<u8>) -> Result<Vec<u8>, LayerError> {
        match self.nodes.get(&path) {
            Some(TreeNode::Link(_)) => self.resolve(&path),
            Some(TreeNode::Folder(_) | TreeNode::File) | None => Ok(path),
        }
    }

    /// Follows all symbolic links in the path of a folder.
    pub fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, LayerError> {
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
                Some(TreeNode::Link(target)) => {
                    links += 1;
                    if links > MAX_SYMLINKS {
                        let to = String::from_utf8_lossy(&here);
                        return Err(LayerError::LinkCircle { to: format!("/{to}") });
                    }
                    if target.starts_with(b"/") {
                        resolved.clear();
                    }
                    left.extend(parts(target).rev().map(<[u8]>::to_vec));
                }
                Some(TreeNode::Folder(_) | TreeNode::File) | None => resolved = here,
            }
        }
        Ok(resolved)
    }
}

/// The parts of a path, without `.`.
pub fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

/// Joins a folder, which may be the root, and a name.
pub fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        [] => name.to_vec(),
        _ => [folder, b"/", name].concat(),
    }
}

/// The parent folder; empty for the root and for names in it.
pub fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::{Attributes, Tree, TreeNode, parent};

    fn tree(links: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, target) in links {
            tree.insert(path.as_bytes(), TreeNode::Link(target.as_bytes().to_vec()));
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
        assert_eq!(error.to_string(), "the symbolic links of the base image form a loop at `/a`");
    }

    #[test]
    fn removing_affects_only_what_is_below() {
        let mut tree = Tree::default();
        for path in ["a", "a/b", "a/b/c", "a-b", "a0"] {
            tree.insert(path.as_bytes(), TreeNode::Folder(Attributes::default()));
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
