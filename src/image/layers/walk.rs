//! Lists what goes into a layer, in one order and with nothing of this machine
//! but what files hold and whether their owner may run them.
//!
//! `scan` says what is there; where in the image it goes is decided here.

use super::error::LayerError;
use super::globs::Globs;
use super::recipe::{LayerSource, Mode, Owner};
use super::scan::{Child, Folder, Found, scan};
use super::tree::{Attributes, Node, Tree, join, parent, parts};
use crate::image::store::Store;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One entry of a layer. `path` is in the image, without `/` at either end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::image) struct Entry {
    pub(in crate::image) path: Box<[u8]>,
    pub(in crate::image) mode: u32,
    pub(in crate::image) owner: Owner,
    pub(in crate::image) kind: Kind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::image) enum Kind {
    Folder,
    File {
        source: Source,
        stamp: Stamp,
    },
    Symlink {
        target: Box<[u8]>,
    },
    /// The same file as an earlier entry.
    HardLink {
        target: Box<[u8]>,
    },
}

/// Where a file is on this machine. Of a layer with hundreds of thousands of
/// files not every path is kept twice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::image) enum Source {
    /// In this folder, under the name that it has in the image.
    In(Arc<Path>),
    /// Here.
    At(Arc<Path>),
}

impl Source {
    /// The file, which is at `path` in the image.
    pub(in crate::image) fn path(&self, path: &[u8]) -> PathBuf {
        match self {
            Self::In(folder) => folder.join(OsStr::from_bytes(name(path))),
            Self::At(path) => path.to_path_buf(),
        }
    }
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// What tells that a file is still the one that was seen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(in crate::image) struct Stamp {
    pub(in crate::image) device: u64,
    pub(in crate::image) inode: u64,
    pub(in crate::image) links: u64,
    pub(super) size: u64,
    pub(super) modified: (i64, i64),
    /// Not to be set by anyone, so it shows a file whose times were put back.
    pub(super) changed: (i64, i64),
}

impl Stamp {
    pub(in crate::image) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            links: metadata.nlink(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Lists one layer in the order of its paths, and notes in `tree` what the image
/// has with it.
pub(super) fn walk(
    source: &LayerSource,
    folder: &Path,
    store: &Store,
    tree: &mut Tree,
) -> Result<Vec<Entry>, LayerError> {
    let from = folder.join(&source.from);
    let metadata = match fs::metadata(&from) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (from, folder) = (source.from.clone(), folder.to_owned());
            return Err(LayerError::Missing { from, folder });
        }
        Err(error) => return Err(LayerError::Read { path: from, source: error }),
    };
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

/// The names of `to`, joined.
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
    entries: Vec<Entry>,
    /// Where in the image the layer's folder is; the folders above it belong to
    /// root.
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
        let found = Found::of(from, metadata)?;
        let child = Child { name: name.into(), holds: true, found };
        self.other(child, &path, Source::At(from.into()))
    }

    /// Takes in a folder's children, whose path in the image is `path`.
    fn descend(
        &mut self,
        folders: &mut [Folder],
        number: usize,
        path: &[u8],
    ) -> Result<(), LayerError> {
        // Taken out, so that what was taken in is not there twice.
        let Folder { from, children } = &mut folders[number];
        let (from, children) = (Arc::clone(from), std::mem::take(children));
        for child in children {
            let path = join(path, &child.name);
            let Found::Folder(number) = child.found else {
                self.other(child, &path, Source::In(Arc::clone(&from)))?;
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

    /// A folder that is there already keeps what it has.
    fn folder(&mut self, path: &[u8]) {
        let below = path.strip_prefix(&*self.top);
        let inside = self.top.is_empty()
            || below.is_some_and(|below| below.is_empty() || below.starts_with(b"/"));
        let owner = if inside { self.source.owner } else { Owner::default() };
        let new = Attributes { mode: 0o755, owner };
        let Attributes { mode, owner } = self.tree.folder(path).unwrap_or(new);
        self.entries.push(Entry { path: path.into(), mode, owner, kind: Kind::Folder });
    }

    fn other(&mut self, child: Child, path: &[u8], source: Source) -> Result<(), LayerError> {
        if self.tree.folder(path).is_some() {
            return Err(onto_folder(path, &source.path(path)));
        }
        let owner = self.source.owner;
        let (mode, kind) = match child.found {
            Found::Symlink(target) => (0o777, Kind::Symlink { target }),
            Found::File { stamp, executable } => {
                let own = if executable { 0o755 } else { 0o644 };
                (self.source.mode.map_or(own, Mode::bits), Kind::File { source, stamp })
            }
            Found::Special(kind) => {
                return Err(LayerError::Special { path: source.path(path), kind });
            }
            Found::Folder(_) => return Ok(()),
        };
        self.entries.push(Entry { path: path.into(), mode, owner, kind });
        Ok(())
    }

    /// Names the folders above everything.
    fn add_folders(&mut self) {
        let is_folder = |entry: &&Entry| entry.kind == Kind::Folder;
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

    /// In the order of paths, every folder before what is in it, and what is one
    /// file on this machine one file in the image.
    fn finish(self) -> Vec<Entry> {
        let mut entries = self.entries;
        // Nearly in order already. Where links lead two files to one path, the
        // second takes the place of the first.
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        entries.dedup_by(|later, earlier| {
            let same = later.path == earlier.path;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        let mut seen: HashMap<Stamp, Box<[u8]>> = HashMap::new();
        for entry in &mut entries {
            if let Kind::File { stamp, .. } = &entry.kind
                && stamp.links > 1
            {
                match seen.get(stamp) {
                    Some(target) => entry.kind = Kind::HardLink { target: target.clone() },
                    None => drop(seen.insert(*stamp, entry.path.clone())),
                }
            }
        }
        note(self.tree, &entries);
        entries
    }
}

/// What the image has with these entries.
fn note(tree: &mut Tree, entries: &[Entry]) {
    if !tree.is_empty() {
        let files = entries.iter().filter(|entry| matches!(entry.kind, Kind::File { .. }));
        files.for_each(|entry| tree.remove(&entry.path));
    }
    for entry in entries {
        match &entry.kind {
            Kind::Folder => {
                let attributes = Attributes { mode: entry.mode, owner: entry.owner };
                tree.insert(&entry.path, Node::Folder(attributes));
            }
            Kind::Symlink { target } => tree.insert(&entry.path, Node::Link(target.to_vec())),
            Kind::File { .. } | Kind::HardLink { .. } => {}
        }
    }
}

fn onto_folder(path: &[u8], from: &Path) -> LayerError {
    let to = format!("/{}", String::from_utf8_lossy(path));
    LayerError::FileOntoFolder { to, from: from.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Kind, walk};
    use crate::image::layers::error::LayerError;
    use crate::image::layers::recipe::{LayerSource, Owner};
    use crate::image::layers::tree::{Attributes, Node, Tree};
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

        fn walk(&mut self, source: &LayerSource) -> Result<Vec<Entry>, LayerError> {
            walk(source, self.folder.path(), &self.store, &mut self.tree)
        }

        fn list(&mut self, source: &LayerSource) -> Vec<String> {
            let entries = self.walk(source).expect("walked");
            entries.iter().map(show).collect()
        }
    }

    fn show(entry: &Entry) -> String {
        let path = String::from_utf8_lossy(&entry.path);
        let Owner { uid, gid } = entry.owner;
        let tail = match &entry.kind {
            Kind::Folder => "/".to_owned(),
            Kind::File { .. } => String::new(),
            Kind::Symlink { target } => format!(" -> {}", String::from_utf8_lossy(target)),
            Kind::HardLink { target } => format!(" = {}", String::from_utf8_lossy(target)),
        };
        format!("{:04o} {uid}:{gid} {path}{tail}", entry.mode)
    }

    fn layer(from: &str, to: &str) -> LayerSource {
        LayerSource { from: from.into(), to: to.into(), ..LayerSource::default() }
    }

    #[test]
    fn a_folder_brings_what_is_in_it_and_names_the_folders_above() {
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

    #[test]
    fn globs_choose() {
        let mut plan = Plan::new(&["w/a.js", "w/a.map", "w/deep/er/b.js", "w/deep/c.css", "w/t/x"]);

        let source = LayerSource {
            include: vec!["**/*.js".into(), "t".into()],
            exclude: vec!["deep/er".into()],
            ..layer("w", "/")
        };
        assert_eq!(plan.list(&source), ["0644 0:0 a.js", "0755 0:0 t/", "0644 0:0 t/x"]);

        let nothing = LayerSource { include: vec!["*.py".into()], ..layer("w", "/") };
        let error = plan.walk(&nothing).expect_err("nothing");
        assert_eq!(error.to_string(), "nothing in `w` is named by `include`");
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
    fn what_the_image_has_keeps_its_mode_and_owner_and_links_are_followed() {
        let mut plan = Plan::new(&["w/bin/tool", "w/tmp/x"]);
        let owner = Owner { uid: 5, gid: 5 };
        plan.tree.insert(b"tmp", Node::Folder(Attributes { mode: 0o1777, owner }));
        plan.tree.insert(b"bin", Node::Link(b"usr/bin".to_vec()));

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
            format!("`{}` is a socket, which no layer can hold", path.display())
        );
        let exclude = vec!["s".into()];
        assert_eq!(plan.list(&LayerSource { exclude, ..layer("w", "/") }), ["0644 0:0 a"]);
    }

    #[test]
    fn what_would_be_read_as_a_removal_is_refused() {
        use crate::http::Retryable as _;
        let mut plan = Plan::new(&["w/a", "w/.wh.b"]);

        let error = plan.walk(&layer("w", "/")).expect_err("a whiteout");
        let path = plan.path().join("w/.wh.b");
        assert_eq!(
            error.to_string(),
            format!(
                "`{}` has a name that means in a layer that another file is removed",
                path.display()
            )
        );
        assert_eq!(error.help().as_deref(), Some("name it under `exclude`"));
        let exclude = vec![".wh.*".into()];
        assert_eq!(plan.list(&LayerSource { exclude, ..layer("w", "/") }), ["0644 0:0 a"]);
    }

    #[test]
    fn destinations_are_absolute() {
        let mut plan = Plan::new(&["a"]);
        for to in ["app", "", "/a/../b", "../x"] {
            let error = plan.walk(&layer("a", to)).expect_err("relative");
            assert_eq!(
                error.to_string(),
                format!("`{to}` is not an absolute path in the image without `..`")
            );
        }
    }

    #[test]
    fn a_dockerignore_is_obeyed_and_what_it_takes_back_stays() {
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
    fn a_dockerignore_that_is_none_is_named() {
        let mut plan = Plan::new(&["w/a"]);
        let path = plan.path().join("w/.dockerignore");
        fs::write(&path, "[a\n").expect("a list");

        let error = plan.walk(&layer("w", "/")).expect_err("no pattern");
        assert_eq!(error.to_string(), format!("read `{}`", path.display()));
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert_eq!(cause, "understand the pattern `[a` in line 1 of what is to be ignored");

        fs::write(path, "a\n!\n").expect("a list");
        let error = plan.walk(&layer("w", "/")).expect_err("no pattern");
        assert_eq!(
            crate::http::Retryable::help(&error).expect("help"),
            "write in line 2 what is to stay, as in `!keep/`, or remove the line"
        );
    }

    #[test]
    fn of_two_files_that_a_link_leads_to_one_path_the_later_is_taken() {
        let mut plan = Plan::new(&["w/bin/tool", "w/usr/bin/tool"]);
        plan.tree.insert(b"bin", Node::Link(b"usr/bin".to_vec()));

        let entries = plan.walk(&layer("w", "/")).expect("walked");
        let tool = entries.iter().find(|entry| &*entry.path == b"usr/bin/tool").expect("there");
        let Kind::File { source, .. } = &tool.kind else { panic!("{tool:?}") };
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
        let count = entries.iter().filter(|entry| entry.kind != Kind::Folder).count();
        assert_eq!((count, entries.len()), (400, 400 + 7 + 7 * 31));
    }
}
