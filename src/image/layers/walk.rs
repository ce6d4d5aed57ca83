//! Lists what goes into a layer, in one order and with nothing of this machine
//! but what files hold and whether their owner may run them.

use super::error::LayerError;
use super::globs::{Globs, Verdict};
use super::recipe::{LayerSource, Owner};
use super::tree::{Attributes, Node, Tree, join, parent, parts};
use crate::image::store::Store;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirEntry, FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Never part of a layer, wherever they are: our own state, and git's.
const NEVER: [&str; 2] = [".shipway", ".git"];

/// One entry of a layer. `path` is in the image, without `/` at either end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) mode: u32,
    pub(super) owner: Owner,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Folder,
    File {
        source: PathBuf,
        stamp: Stamp,
    },
    Symlink {
        target: Vec<u8>,
    },
    /// The same file as an earlier entry.
    HardLink {
        target: Vec<u8>,
    },
}

/// What tells that a file is still the one that was seen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) links: u64,
    pub(super) size: u64,
    pub(super) modified: (i64, i64),
    /// Not to be set by anyone, so it shows a file whose times were put back.
    pub(super) changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
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
    let state = fs::metadata(store.root()).map(|state| (state.dev(), state.ino())).ok();
    let globs = Globs::new(source)?;
    let mut walk = Walk { source, globs, state, tree, entries: BTreeMap::new(), top: Vec::new() };
    let to = destination(&source.to)?;
    if metadata.is_dir() {
        walk.root(&from, &to)?;
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
    /// Device and inode of the store's folder.
    state: Option<(u64, u64)>,
    tree: &'a mut Tree,
    entries: BTreeMap<Vec<u8>, Entry>,
    /// Where in the image the layer's folder is; the folders above it belong to
    /// root.
    top: Vec<u8>,
}

/// A folder on this machine, and what of it is known.
struct Place<'a> {
    /// Relative to the layer's folder.
    relative: &'a Path,
    /// In the image.
    path: &'a [u8],
    included: bool,
}

impl Walk<'_> {
    fn root(&mut self, from: &Path, to: &[u8]) -> Result<(), LayerError> {
        let path = self.tree.resolve(to)?;
        self.top.clone_from(&path);
        let included = !self.globs.selects();
        if included && !path.is_empty() {
            self.folder(&path);
        }
        self.descend(from, &Place { relative: Path::new(""), path: &path, included })
    }

    fn single(&mut self, from: &Path, metadata: &Metadata, to: &[u8]) -> Result<(), LayerError> {
        let name = from.file_name().unwrap_or_default();
        let into_folder = to.is_empty() || self.source.to.ends_with('/');
        let path = if into_folder {
            join(&self.tree.resolve(to)?, name.as_bytes())
        } else {
            let last = parts(to).next_back().unwrap_or_default();
            join(&self.tree.resolve(parent(to))?, last)
        };
        if self.tree.resolve(&path).is_ok_and(|path| self.tree.folder(&path).is_some()) {
            return Err(onto_folder(&path, from));
        }
        self.top.clone_from(&path);
        match self.globs.judge(Path::new(name), false) {
            Verdict::Included => self.other(from, metadata.file_type(), &path, metadata),
            Verdict::Excluded | Verdict::Unnamed => Ok(()),
        }
    }

    fn descend(&mut self, from: &Path, place: &Place<'_>) -> Result<(), LayerError> {
        let read = |source| LayerError::Read { path: from.to_owned(), source };
        for entry in fs::read_dir(from).map_err(read)? {
            let entry = entry.map_err(read)?;
            if !NEVER.iter().any(|name| entry.file_name() == *name) {
                self.child(&entry, place)?;
            }
        }
        Ok(())
    }

    fn child(&mut self, entry: &DirEntry, place: &Place<'_>) -> Result<(), LayerError> {
        let name = entry.file_name();
        let relative = place.relative.join(&name);
        let included = match self.globs.judge(&relative, place.included) {
            Verdict::Excluded => return Ok(()),
            Verdict::Included => true,
            Verdict::Unnamed => false,
        };
        let from = entry.path();
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(source) => return Err(LayerError::Read { path: from, source }),
        };
        let path = join(place.path, name.as_bytes());
        if !metadata.is_dir() {
            if included {
                self.other(&from, metadata.file_type(), &path, &metadata)?;
            }
            return Ok(());
        }
        if self.state == Some((metadata.dev(), metadata.ino())) {
            return Ok(());
        }
        let path = self.tree.resolve(&path)?;
        if included {
            self.folder(&path);
        }
        self.descend(&from, &Place { relative: &relative, path: &path, included })
    }

    /// A folder that is there already keeps what it has.
    fn folder(&mut self, path: &[u8]) {
        let below = path.strip_prefix(&*self.top);
        let inside = self.top.is_empty()
            || below.is_some_and(|below| below.is_empty() || below.starts_with(b"/"));
        let owner = if inside { self.source.owner } else { Owner::default() };
        let new = Attributes { mode: 0o755, owner };
        let Attributes { mode, owner } = self.tree.folder(path).unwrap_or(new);
        self.insert(Entry { path: path.to_vec(), mode, owner, kind: Kind::Folder });
    }

    fn other(
        &mut self,
        from: &Path,
        file_type: FileType,
        path: &[u8],
        metadata: &Metadata,
    ) -> Result<(), LayerError> {
        if self.tree.folder(path).is_some() {
            return Err(onto_folder(path, from));
        }
        let owner = self.source.owner;
        let (mode, kind) = if file_type.is_symlink() {
            let read = |source| LayerError::Read { path: from.to_owned(), source };
            let target = fs::read_link(from).map_err(read)?;
            (0o777, Kind::Symlink { target: target.as_os_str().as_bytes().to_vec() })
        } else if file_type.is_file() {
            let own = if metadata.mode() & 0o100 == 0 { 0o644 } else { 0o755 };
            let mode = self.source.mode.map_or(own, super::recipe::Mode::bits);
            (mode, Kind::File { source: from.to_owned(), stamp: Stamp::of(metadata) })
        } else {
            return Err(LayerError::Special { path: from.to_owned(), kind: special(file_type) });
        };
        self.insert(Entry { path: path.to_vec(), mode, owner, kind });
        Ok(())
    }

    fn insert(&mut self, entry: Entry) {
        self.entries.insert(entry.path.clone(), entry);
    }

    /// Names the folders above everything.
    fn add_folders(&mut self) {
        let paths: Vec<Vec<u8>> = self.entries.keys().cloned().collect();
        for path in paths {
            let mut folder = parent(&path);
            while !folder.is_empty() && !self.entries.contains_key(folder) {
                self.folder(folder);
                folder = parent(folder);
            }
        }
    }

    /// In the order of paths, every folder before what is in it, and what is one
    /// file on this machine one file in the image.
    fn finish(self) -> Vec<Entry> {
        let mut seen: HashMap<Stamp, Vec<u8>> = HashMap::new();
        let mut entries: Vec<Entry> = self.entries.into_values().collect();
        for entry in &mut entries {
            match &entry.kind {
                Kind::Folder => {
                    let attributes = Attributes { mode: entry.mode, owner: entry.owner };
                    self.tree.insert(&entry.path, Node::Folder(attributes));
                }
                Kind::Symlink { target } => {
                    self.tree.insert(&entry.path, Node::Link(target.clone()));
                }
                Kind::File { stamp, .. } => {
                    self.tree.remove(&entry.path);
                    if stamp.links > 1 {
                        match seen.get(stamp) {
                            Some(target) => entry.kind = Kind::HardLink { target: target.clone() },
                            None => drop(seen.insert(*stamp, entry.path.clone())),
                        }
                    }
                }
                Kind::HardLink { .. } => {}
            }
        }
        entries
    }
}

fn onto_folder(path: &[u8], from: &Path) -> LayerError {
    let to = format!("/{}", String::from_utf8_lossy(path));
    LayerError::FileOntoFolder { to, from: from.to_owned() }
}

fn special(file_type: FileType) -> &'static str {
    if file_type.is_socket() {
        "socket"
    } else if file_type.is_fifo() {
        "pipe"
    } else {
        "device"
    }
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
}
