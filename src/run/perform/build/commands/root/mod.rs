//! The folders that a command's root consists of: those that are kept, those that this build
//! has, and the layers that have to be unpacked.

pub mod overlay;

use self::overlay::copy_tree;
use super::helper_error::HelperError;
use super::kept::roots::{KeepError, KeptRoots, LockedRoot};
use super::order::{HelperOrder, LayerOrder, PartOrder, PartOrderKind};
use crate::oci::Digest;
use crate::os::remove_tree;
use crate::run::outcome::chain_of;
use crate::sandbox::unpack::unpack_whole;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub struct RootFolders {
    /// The topmost first.
    pub folders: Vec<PathBuf>,
    kept: Vec<LockedRoot>,
}

/// The lower folders of a root. `mapping` names who files belong to.
pub fn root_folders(
    order: &HelperOrder,
    mapping: &str,
    has_overlay: bool,
) -> Result<RootFolders, HelperError> {
    let root = RootFolders { folders: Vec::new(), kept: Vec::new() };
    let roots = KeptRoots { folder: &order.kept, verified: &order.verified };
    let mut gathering = Gathering { order, mapping, roots, root };
    if has_overlay {
        gathering.stack()?;
    } else {
        gathering.copy()?;
    }
    Ok(gathering.root)
}

impl RootFolders {
    /// The names of those that are kept, and are verified.
    pub fn verified(&self) -> Vec<String> {
        self.kept.iter().map(|kept| kept.name.clone()).collect()
    }

    /// Names of the folders that are short, because the options of an overlay have to fit into a
    /// page, and have none of the characters that mean something in them.
    pub fn short_names(&self, own: &Path) -> io::Result<Vec<PathBuf>> {
        let mut names = Vec::new();
        for (number, folder) in self.folders.iter().enumerate() {
            let name = own.join(format!("l{number}"));
            symlink(std::path::absolute(folder)?, &name)?;
            names.push(name);
        }
        Ok(names)
    }
}

struct Gathering<'a> {
    order: &'a HelperOrder,
    mapping: &'a str,
    roots: KeptRoots<'a>,
    root: RootFolders,
}

impl Gathering<'_> {
    /// Each part is a folder of its own, except those that have to be unpacked together, because
    /// one of them removes files of another. Kept is what a later command stands on: what was
    /// copied after the last command is of no use to another build.
    fn stack(&mut self) -> Result<(), HelperError> {
        let parts = &self.order.root;
        let is_run = |part: &PartOrder| part.kind == PartOrderKind::Run;
        let kept = parts.iter().rposition(is_run).map_or(1, |last| last + 1);
        let mut left: Vec<Option<PathBuf>> = Vec::new();
        for part in &parts[..kept] {
            left.push(if is_run(part) { self.run(part) } else { None });
        }
        let unknown = |(at, part): (usize, &PartOrder)| is_run(part) && left[at].is_none();
        let merged = parts[..kept].iter().enumerate().rposition(unknown).unwrap_or(0);
        self.unpacked(&parts[..=merged])?;
        for (at, part) in parts.iter().enumerate().skip(merged + 1) {
            if at >= kept {
                let folder = self.order.own.join("added");
                unpack_into_new(&part.layers, &folder)?;
                self.push(folder);
            } else if let Some(folder) = left[at].take() {
                self.push(folder);
            } else {
                self.unpacked(std::slice::from_ref(part))?;
            }
        }
        Ok(())
    }

    /// Without overlays the result is one folder, of which there is a copy for each command.
    fn copy(&mut self) -> Result<(), HelperError> {
        let parts = &self.order.root;
        let is_left = |part: &PartOrder| part.left.as_ref().is_some_and(|folder| folder.is_dir());
        let first = parts.iter().rposition(is_left).unwrap_or(0);
        if let Some(left) = parts[first].left.clone().filter(|folder| folder.is_dir()) {
            self.push(left);
        } else {
            self.unpacked(&parts[..1])?;
        }
        let above: Vec<&LayerOrder> =
            parts[first + 1..].iter().flat_map(|part| &part.layers).collect();
        if !above.is_empty() {
            let folder = self.order.own.join("added");
            copy_tree(&self.root.folders[0], &folder)
                .map_err(|error| format!("cannot copy the files: {error}"))?;
            unpack(&above, &folder)?;
            self.root.folders = vec![folder];
        }
        Ok(())
    }

    fn push(&mut self, folder: PathBuf) {
        self.root.folders.insert(0, folder);
    }

    /// The changes of a command as a folder: those that are kept, or those that this build has
    /// made, which are kept from now on.
    fn run(&mut self, part: &PartOrder) -> Option<PathBuf> {
        let name = self.name(std::slice::from_ref(part));
        let kept = self.roots.find(&name).or_else(|| {
            let left = part.left.as_ref().filter(|folder| folder.is_dir())?;
            // What marks removed files is linked from there, and would change with it.
            remove_tree(&left.with_file_name("work")).ok()?;
            self.roots.keep(&name, left).ok()
        });
        if let Some(kept) = kept {
            let files = kept.files.clone();
            self.root.kept.push(kept);
            return Some(files);
        }
        part.left.clone().filter(|folder| folder.is_dir())
    }

    /// Adds one folder with all files of parts, which is kept.
    fn unpacked(&mut self, parts: &[PartOrder]) -> Result<(), HelperError> {
        let layers: Vec<&LayerOrder> = parts.iter().flat_map(|part| &part.layers).collect();
        if !layers.is_empty() {
            match self.roots.make(&self.name(parts), |folder| unpack(&layers, folder)) {
                Ok(kept) => {
                    self.push(kept.files.clone());
                    self.root.kept.push(kept);
                    return Ok(());
                }
                Err(KeepError::Fill(error)) => return Err(error),
                // Such as a file system without locks.
                Err(KeepError::Keep(_)) => {}
            }
        }
        let folder = self.order.own.join(format!("part-{}", self.root.folders.len()));
        fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot create `{}`: {error}", folder.display()))?;
        unpack(&layers, &folder)?;
        self.push(folder);
        Ok(())
    }

    /// Names the folder of parts. The same layers are other files for other users, and a part
    /// alone is another folder than the same with all that are below.
    fn name(&self, parts: &[PartOrder]) -> String {
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let text = format!("{} {}", self.mapping, names.join(" "));
        Digest::of(text.as_bytes()).hex()[..MAX_NAME_LENGTH].to_owned()
    }
}

/// As many digits as two different folders never share.
const MAX_NAME_LENGTH: usize = 40;

fn unpack_into_new(layers: &[LayerOrder], folder: &Path) -> Result<(), HelperError> {
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot create `{}`: {error}", folder.display()))?;
    unpack(&layers.iter().collect::<Vec<_>>(), folder)
}

/// Unpacks layers into a folder, once their content is verified.
fn unpack(layers: &[&LayerOrder], folder: &Path) -> Result<(), HelperError> {
    for LayerOrder { archive, digest } in layers {
        let found = File::open(archive).and_then(|mut file| digest_of(&mut file));
        let found =
            found.map_err(|error| format!("cannot read `{}`: {error}", archive.display()))?;
        if found != *digest {
            return Err(HelperError::Damaged(digest.clone()));
        }
    }
    let archives: Vec<PathBuf> = layers.iter().map(|layer| layer.archive.clone()).collect();
    // Shown as the paths that they are in the root.
    let shown = |text: String| text.replace(&format!("`{}/", folder.display()), "`/");
    let unpacked = unpack_whole(&archives, folder, true);
    Ok(unpacked.map_err(|error| shown(chain_of(&error).join(": ")))?)
}

fn digest_of(file: &mut File) -> io::Result<Digest> {
    let (mut hasher, mut buffer) = (crate::oci::Hasher::new(), vec![0; 1 << 18]);
    loop {
        match io::Read::read(file, &mut buffer)? {
            0 => return Ok(hasher.finish().0),
            length => hasher.update(&buffer[..length]),
        }
    }
}
