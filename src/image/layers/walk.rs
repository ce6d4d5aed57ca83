//! Lists the entries of a layer in a fixed order. Of the files on this machine only content,
//! the owner's execute permission and the capabilities of a program count.
//!
//! `scan` reads the file system; this file decides the path of each entry in the image.

use super::entry::{EntryKind, FileSource, FileStamp, LayerEntry};
use super::error::LayerError;
use super::globs::Globs;
use super::recipe::{LayerSource, Mode, Owner};
use super::scan::{ScannedChild, ScannedFolder, ScannedKind, scan};
use super::tree::{Attributes, Tree, TreeNode, join, parent, parts};
use super::xattrs::Xattrs;
use crate::image::leads_outside::refuse_links_outside;
use crate::image::store::Store;
use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

/// Lists a layer sorted by path, and adds its folders and links to `tree`.
pub fn walk(
    source: &LayerSource,
    folder: &Path,
    store: &Store,
    tree: &mut Tree,
) -> Result<Vec<LayerEntry>, LayerError> {
    let from = folder.join(&source.from);
    let metadata = match fs::metadata(&from) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (from, folder) = (source.from.clone(), folder.to_owned());
            return Err(LayerError::Missing { from, folder });
        }
        Err(error) => return Err(LayerError::Read { path: from, source: error }),
    };
    refuse_links_outside(folder, &source.from)?;
    let globs = Globs::new(source, &from)?;
    let to = destination(&source.to)?;
    let mut walk = Walk { source, globs, tree, entries: Vec::new(), top: Vec::new() };
    if metadata.is_dir() {
        let state = fs::metadata(store.root()).map(|state| (state.dev(), state.ino())).ok();
        walk.root(&from, &to, state)?;
    } else {
        walk.single(&from, &metadata, &to)?;
    }
    if walk.globs.selects() && walk.entries.is_empty() {
        return Err(LayerError::NothingIncluded { from: source.from.clone() });
    }
    walk.add_folders();
    Ok(walk.finish())
}

/// Normalises `to`.
fn destination(to: &str) -> Result<Vec<u8>, LayerError> {
    let bytes = to.as_bytes();
    if !to.starts_with('/') || bytes.contains(&0) || parts(bytes).any(|part| part == b"..") {
        return Err(LayerError::Destination { to: to.to_owned() });
    }
    Ok(parts(bytes).fold(Vec::new(), |path, part| join(&path, part)))
}

struct Walk<'a> {
    source: &'a LayerSource,
    globs: Globs,
    tree: &'a mut Tree,
    entries: Vec<LayerEntry>,
    /// The layer's folder in the image; its parent folders belong to root.
    top: Vec<u8>,
}

impl Walk<'_> {
    fn root(
        &mut self,
        from: &Path,
        to: &[u8],
        state: Option<(u64, u64)>,
    ) -> Result<(), LayerError> {
        let path = self.tree.resolve(to)?;
        self.top.clone_from(&path);
        if !self.globs.selects() && !path.is_empty() {
            self.folder(&path);
        }
        let mut folders = scan(from, &self.globs, state)?;
        self.descend(&mut folders, 0, &path)
    }

    fn single(&mut self, from: &Path, metadata: &Metadata, to: &[u8]) -> Result<(), LayerError> {
        let name = from.file_name().unwrap_or_default().as_bytes();
        let into_folder = to.is_empty() || self.source.to.ends_with('/');
        let path = if into_folder {
            join(&self.tree.resolve(to)?, name)
        } else {
            let last = parts(to).next_back().unwrap_or_default();
            join(&self.tree.resolve(parent(to))?, last)
        };
        if self.tree.resolve(&path).is_ok_and(|path| self.tree.folder(&path).is_some()) {
            return Err(onto_folder(&path, from));
        }
        self.top.clone_from(&path);
        if self.globs.judge(name, false, false).is_none_or(|verdict| !verdict.holds()) {
            return Ok(());
        }
        let found = ScannedKind::of(from, metadata)?;
        let child = ScannedChild { name: name.into(), holds: true, found };
        self.other(child, &path, FileSource::At(from.into()))
    }

    /// Adds the children of a folder whose path in the image is `path`.
    fn descend(
        &mut self,
        folders: &mut [ScannedFolder],
        number: usize,
        path: &[u8],
    ) -> Result<(), LayerError> {
        // Moved out to free memory as the walk advances.
        let ScannedFolder { from, children } = &mut folders[number];
        let (from, children) = (Arc::clone(from), std::mem::take(children));
        for child in children {
            let path = join(path, &child.name);
            let ScannedKind::Folder(number) = child.found else {
                self.other(child, &path, FileSource::In(Arc::clone(&from)))?;
                continue;
            };
            let path = self.tree.lead(path)?;
            if child.holds {
                self.folder(&path);
            }
            self.descend(folders, number, &path)?;
        }
        Ok(())
    }

    /// Adds a folder. An existing folder keeps its attributes.
    fn folder(&mut self, path: &[u8]) {
        let below = path.strip_prefix(&*self.top);
        let inside = self.top.is_empty()
            || below.is_some_and(|below| below.is_empty() || below.starts_with(b"/"));
        let owner = if inside { self.source.owner } else { Owner::default() };
        let new = Attributes { mode: 0o755, owner };
        let Attributes { mode, owner } = self.tree.folder(path).unwrap_or(new);
        let (path, xattrs) = (path.into(), Xattrs::default());
        self.entries.push(LayerEntry { path, mode, owner, xattrs, kind: EntryKind::Folder });
    }

    fn other(
        &mut self,
        child: ScannedChild,
        path: &[u8],
        source: FileSource,
    ) -> Result<(), LayerError> {
        if self.tree.folder(path).is_some() {
            return Err(onto_folder(path, &source.path(path)));
        }
        let owner = self.source.owner;
        let mut attributes = Xattrs::default();
        let (mode, kind) = match child.found {
            ScannedKind::Symlink(target) => (0o777, EntryKind::Symlink { target }),
            ScannedKind::File { stamp, executable, xattrs } => {
                attributes = xattrs;
                let own = if executable { 0o755 } else { 0o644 };
                (self.source.mode.map_or(own, Mode::bits), EntryKind::File { source, stamp })
            }
            ScannedKind::Special(kind) => {
                return Err(LayerError::Special { path: source.path(path), kind });
            }
            ScannedKind::Folder(_) => return Ok(()),
        };
        let (path, xattrs) = (path.into(), attributes);
        self.entries.push(LayerEntry { path, mode, owner, xattrs, kind });
        Ok(())
    }

    /// Adds the missing parent folders of all entries.
    fn add_folders(&mut self) {
        let is_folder = |entry: &&LayerEntry| entry.kind == EntryKind::Folder;
        let mut named: HashSet<Box<[u8]>> =
            self.entries.iter().filter(is_folder).map(|entry| entry.path.clone()).collect();
        let mut missing: Vec<Box<[u8]>> = Vec::new();
        let mut last: &[u8] = b"";
        for entry in &self.entries {
            let mut folder = parent(&entry.path);
            if folder == last {
                continue;
            }
            last = folder;
            while !folder.is_empty() && named.insert(folder.into()) {
                missing.push(folder.into());
                folder = parent(folder);
            }
        }
        for folder in missing {
            self.folder(&folder);
        }
    }

    /// Sorts the entries by path, so that every folder precedes its content, and turns
    /// repeated files into hard links.
    fn finish(self) -> Vec<LayerEntry> {
        let mut entries = self.entries;
        // Nearly sorted already. If links lead two files to one path, the later one wins.
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        entries.dedup_by(|later, earlier| {
            let same = later.path == earlier.path;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        let mut seen: HashMap<FileStamp, Box<[u8]>> = HashMap::new();
        for entry in &mut entries {
            if let EntryKind::File { stamp, .. } = &entry.kind
                && stamp.links > 1
            {
                match seen.get(stamp) {
                    Some(target) => entry.kind = EntryKind::HardLink { target: target.clone() },
                    None => drop(seen.insert(*stamp, entry.path.clone())),
                }
            }
        }
        note(self.tree, &entries);
        entries
    }
}

/// Adds the folders and links of these entries to the tree.
fn note(tree: &mut Tree, entries: &[LayerEntry]) {
    if !tree.is_empty() {
        let files = entries.iter().filter(|entry| matches!(entry.kind, EntryKind::File { .. }));
        files.for_each(|entry| tree.remove(&entry.path));
    }
    for entry in entries {
        match &entry.kind {
            EntryKind::Folder => {
                let attributes = Attributes { mode: entry.mode, owner: entry.owner };
                tree.insert(&entry.path, TreeNode::Folder(attributes));
            }
            EntryKind::Symlink { target } => {
                tree.insert(&entry.path, TreeNode::Link(target.to_vec()));
            }
            EntryKind::File { .. } | EntryKind::HardLink { .. } => {}
        }
    }
}

fn onto_folder(path: &[u8], from: &Path) -> LayerError {
    let to = format!("/{}", String::from_utf8_lossy(path));
    LayerError::FileOntoFolder { to, from: from.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::walk;
    use crate::image::layers::entry::{EntryKind, LayerEntry};
    use crate::image::layers::error::LayerError;
    use crate::image::layers::recipe::{LayerSource, Owner};
    use crate::image::layers::tree::{Attributes, Tree, TreeNode};
    use crate::image::store::Store;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;
    use tempfile::TempDir;

    struct Plan {
        folder: TempDir,
        store: Store,
        tree: Tree,
    }

    impl Plan {
        fn new(files: &[&str]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Store::open(&folder.path().join(".shipway/images")).expect("a store");
            for file in files {
                let path = folder.path().join(file);
                fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
                fs::write(path, file).expect("a file");
            }
            Self { folder, store, tree: Tree::default() }
        }

        fn path(&self) -> &Path {
            self.folder.path()
        }

        fn walk(&mut self, source: &LayerSource) -> Result<Vec<LayerEntry>, LayerError> {
            walk(source, self.folder.path(), &self.store, &mut self.tree)
        }

        fn list(&mut self, source: &LayerSource) -> Vec<String> {
            let entries = self.walk(source).expect("walked");
            entries.iter().map(show).collect()
        }
    }

    fn show(entry: &LayerEntry) -> String {
        let path = String::from_utf8_lossy(&entry.path);
        let Owner { uid, gid } = entry.owner;
        let tail = match &entry.kind {
            EntryKind::Folder => "/".to_owned(),
            EntryKind::File { .. } => String::new(),
            EntryKind::Symlink { target } => format!(" -> {}", String::from_utf8_lossy(target)),
            EntryKind::HardLink { target } => format!(" = {}", String::from_utf8_lossy(target)),
        };
        format!("{:04o} {uid}:{gid} {path}{tail}", entry.mode)
    }

    fn layer(from: &str, to: &str) -> LayerSource {
        LayerSource { from: from.into(), to: to.into(), ..LayerSource::default() }
    }

    #[test]
    fn a_folder_is_listed_with_its_parents() {
        let mut plan = Plan::new(&["public/index.html", "public/js/a.js", "public/js-x/b.js"]);
        fs::create_dir(plan.path().join("public/empty")).expect("a folder");
        let run = plan.path().join("public/js/a.js");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).expect("executable");

        let owner = Owner { uid: 7, gid: 8 };
        assert_eq!(
            plan.list(&LayerSource { owner, ..layer("public", "/srv/www") }),
            [
                "0755 0:0 srv/",
                "0755 7:8 srv/www/",
                "0755 7:8 srv/www/empty/",
                "0644 7:8 srv/www/index.html",
                "0755 7:8 srv/www/js/",
                "0755 7:8 srv/www/js-x/",
                "0644 7:8 srv/www/js-x/b.js",
                "0755 7:8 srv/www/js/a.js",
            ]
        );
    }

    #[test]
    fn a_file_goes_to_a_path_or_into_a_folder() {
        let mut plan = Plan::new(&["dist/server"]);
        let mode = Some("0755".parse().expect("a mode"));

        let at = LayerSource { mode, ..layer("dist/server", "/app") };
        assert_eq!(plan.list(&at), ["0755 0:0 app"]);
        let into = ["0755 0:0 opt/", "0644 0:0 opt/server"];
        assert_eq!(plan.list(&layer("dist/server", "/opt/")), into);
        assert_eq!(plan.list(&layer("dist/server", "/")), ["0644 0:0 server"]);
    }

    /// `cap_net_bind_service=ep`, as `setcap` writes it.
    const BIND: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// Makes the file a program with [`BIND`], and returns the attributes that a layer keeps
    /// of it: none where only root may set them, or the file system has none.
    fn set_capabilities(path: &Path) -> Vec<(&'static str, &'static [u8])> {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
        let flags = rustix::fs::XattrFlags::empty();
        let set = rustix::fs::setxattr(path, "security.capability", &BIND, flags);
        set.map_or_else(|_| Vec::new(), |()| vec![("security.capability", BIND.as_slice())])
    }

    #[test]
    fn capabilities_of_programs_are_kept() {
        let mut plan = Plan::new(&["app", "text"]);
        let set = set_capabilities(&plan.path().join("app"));
        let entries = plan.walk(&layer("app", "/")).expect("walked");
        assert_eq!(entries[0].xattrs.iter().collect::<Vec<_>>(), set);
        assert!(plan.walk(&layer("text", "/")).expect("walked")[0].xattrs.is_empty());
    }

    #[test]
    fn capabilities_of_programs_in_folders_are_kept() {
        let mut plan = Plan::new(&["w/app", "w/deep/er/app", "w/text"]);
        let set = set_capabilities(&plan.path().join("w/app"));
        assert_eq!(set_capabilities(&plan.path().join("w/deep/er/app")), set);
        // Other attributes mean something to this machine alone.
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(plan.path().join("w/app"), "user.foo", b"bar", flags).ok();
        let mode = Some("0750".parse().expect("a mode"));

        for source in [layer("w", "/"), LayerSource { mode, ..layer("w", "/") }] {
            let entries = plan.walk(&source).expect("walked");
            let of = |path: &[u8]| {
                let entry = entries.iter().find(|entry| &*entry.path == path).expect("listed");
                entry.xattrs.iter().collect::<Vec<_>>()
            };
            assert_eq!(of(b"app"), set);
            assert_eq!(of(b"deep/er/app"), set);
            assert_eq!(of(b"deep/er"), []);
            assert_eq!(of(b"text"), []);
        }
    }

    #[test]
    fn globs_select_files() {
        let mut plan = Plan::new(&["w/a.js", "w/a.map", "w/deep/er/b.js", "w/deep/c.css", "w/t/x"]);

        let source = LayerSource {
            include: vec!["**/*.js".into(), "t".into()],
            exclude: vec!["deep/er".into()],
            ..layer("w", "/")
        };
        assert_eq!(plan.list(&source), ["0644 0:0 a.js", "0755 0:0 t/", "0644 0:0 t/x"]);

        let nothing = LayerSource { include: vec!["*.py".into()], ..layer("w", "/") };
        let error = plan.walk(&nothing).expect_err("nothing");
        assert_eq!(error.to_string(), "no file in `w` matches `include`");
    }

    #[test]
    fn state_and_git_are_never_part_of_a_layer() {
        let mut plan = Plan::new(&["a", ".git/HEAD", "sub/.git", "sub/b", "state/blobs/sha256/x"]);
        plan.store = Store::open(&plan.path().join("state")).expect("a store");

        assert_eq!(plan.list(&layer(".", "/")), ["0644 0:0 a", "0755 0:0 sub/", "0644 0:0 sub/b"]);
    }

    #[test]
    fn links_stay_links() {
        let mut plan = Plan::new(&["w/b", "w/z"]);
        fs::hard_link(plan.path().join("w/b"), plan.path().join("w/a")).expect("a link");
        symlink("../nowhere", plan.path().join("w/c")).expect("a link");

        assert_eq!(
            plan.list(&layer("w", "/")),
            ["0644 0:0 a", "0644 0:0 b = a", "0777 0:0 c -> ../nowhere", "0644 0:0 z"]
        );
    }

    #[test]
    fn existing_folders_keep_their_attributes_and_links_are_followed() {
        let mut plan = Plan::new(&["w/bin/tool", "w/tmp/x"]);
        let owner = Owner { uid: 5, gid: 5 };
        plan.tree.insert(b"tmp", TreeNode::Folder(Attributes { mode: 0o1777, owner }));
        plan.tree.insert(b"bin", TreeNode::Link(b"usr/bin".to_vec()));

        assert_eq!(
            plan.list(&layer("w", "/")),
            [
                "1777 5:5 tmp/",
                "0644 0:0 tmp/x",
                "0755 0:0 usr/",
                "0755 0:0 usr/bin/",
                "0644 0:0 usr/bin/tool",
            ]
        );
        let error = plan.walk(&layer("w/tmp/x", "/tmp")).expect_err("a folder");
        let path = plan.path().join("w/tmp/x");
        assert_eq!(
            error.to_string(),
            format!("`/tmp` is a folder in the image, and `{}` is a file", path.display())
        );
    }

    #[test]
    fn a_socket_is_refused() {
        let mut plan = Plan::new(&["w/a"]);
        let _socket =
            std::os::unix::net::UnixListener::bind(plan.path().join("w/s")).expect("a socket");

        let error = plan.walk(&layer("w", "/")).expect_err("a socket");
        let path = plan.path().join("w/s");
        assert_eq!(
            error.to_string(),
            format!("`{}` is a socket, which a layer cannot contain", path.display())
        );
        let exclude = vec!["s".into()];
        assert_eq!(plan.list(&LayerSource { exclude, ..layer("w", "/") }), ["0644 0:0 a"]);
    }

    #[test]
    fn a_whiteout_name_is_refused() {
        use crate::http::Retryable as _;
        let mut plan = Plan::new(&["w/a", "w/.wh.b"]);

        let error = plan.walk(&layer("w", "/")).expect_err("a whiteout");
        let path = plan.path().join("w/.wh.b");
        assert_eq!(
            error.to_string(),
            format!(
                "`{}` has a name that marks another file as removed in a layer (a whiteout)",
                path.display()
            )
        );
        assert_eq!(error.help().as_deref(), Some("add it to `exclude`"));
        let exclude = vec![".wh.*".into()];
        assert_eq!(plan.list(&LayerSource { exclude, ..layer("w", "/") }), ["0644 0:0 a"]);
    }

    #[test]
    fn destinations_are_absolute() {
        let mut plan = Plan::new(&["a"]);
        for to in ["app", "", "/a/../b", "../x"] {
            let error = plan.walk(&layer("a", to)).expect_err("relative");
            assert_eq!(error.to_string(), format!("`{to}` is not an absolute path without `..`"));
        }
    }

    #[test]
    fn a_dockerignore_excludes_and_re_includes() {
        let mut plan = Plan::new(&[
            "w/a.js",
            "w/node_modules/x/y.js",
            "w/dist/keep/b.js",
            "w/dist/c.js",
            "w/deep/er/a.log",
            "w/deep/er/b.txt",
        ]);
        let list = "# what is made\n/dist/\n!dist/keep\n**/*.log\nnode_modules\n.dockerignore\n";
        fs::write(plan.path().join("w/.dockerignore"), list).expect("a list");

        assert_eq!(
            plan.list(&layer("w", "/")),
            [
                "0644 0:0 a.js",
                "0755 0:0 deep/",
                "0755 0:0 deep/er/",
                "0644 0:0 deep/er/b.txt",
                "0755 0:0 dist/",
                "0755 0:0 dist/keep/",
                "0644 0:0 dist/keep/b.js",
            ]
        );
        let include = vec!["dist".into(), "node_modules".into()];
        let named = LayerSource { include, ..layer("w", "/") };
        let kept = ["0755 0:0 dist/", "0755 0:0 dist/keep/", "0644 0:0 dist/keep/b.js"];
        assert_eq!(plan.list(&named), kept);
    }

    #[test]
    fn an_invalid_dockerignore_is_named() {
        let mut plan = Plan::new(&["w/a"]);
        let path = plan.path().join("w/.dockerignore");
        fs::write(&path, "[a\n").expect("a list");

        let error = plan.walk(&layer("w", "/")).expect_err("no pattern");
        assert_eq!(error.to_string(), format!("cannot read `{}`", path.display()));
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert_eq!(cause, "invalid pattern `[a` in line 1 of the ignore file");

        fs::write(path, "a\n!\n").expect("a list");
        let error = plan.walk(&layer("w", "/")).expect_err("no pattern");
        assert_eq!(
            crate::http::Retryable::help(&error).expect("help"),
            "write a pattern after `!` in line 2, as in `!keep/`, or remove the line"
        );
    }

    #[test]
    fn of_two_files_at_one_path_the_later_wins() {
        let mut plan = Plan::new(&["w/bin/tool", "w/usr/bin/tool"]);
        plan.tree.insert(b"bin", TreeNode::Link(b"usr/bin".to_vec()));

        let entries = plan.walk(&layer("w", "/")).expect("walked");
        let tool = entries.iter().find(|entry| &*entry.path == b"usr/bin/tool").expect("there");
        let EntryKind::File { source, .. } = &tool.kind else { panic!("{tool:?}") };
        assert_eq!(source.path(&tool.path), plan.path().join("w/usr/bin/tool"));
        assert_eq!(entries.len(), 3);
    }

    #[test]
    fn folders_by_the_hundred_are_listed_once_each_in_order() {
        let files: Vec<String> =
            (0..400).map(|number| format!("w/{}/{}/f{number}", number % 7, number % 31)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let mut plan = Plan::new(&files);

        let entries = plan.walk(&layer("w", "/")).expect("walked");

        assert!(entries.is_sorted_by(|one, other| one.path < other.path));
        let count = entries.iter().filter(|entry| entry.kind != EntryKind::Folder).count();
        assert_eq!((count, entries.len()), (400, 400 + 7 + 7 * 31));
    }
}
