//! The files of an image, one layer over the other.

use shipway::testing::image::{Image, Store};
use std::collections::BTreeMap;
use std::io::Read as _;

/// Kind, mode, owner and group, capabilities, and the content or the link target. Hard
/// links are as many files.
pub type Files = BTreeMap<String, String>;

/// The files of an image by path.
pub fn files(store: &Store, image: &Image) -> Files {
    let mut files = Files::new();
    for layer in &image.layers {
        let blob = std::fs::File::open(store.locate(layer).expect("there")).expect("readable");
        let mut bytes = Vec::new();
        flate2::read::MultiGzDecoder::new(blob).read_to_end(&mut bytes).expect("gzip");
        add(&mut files, &bytes);
    }
    files
}

fn add(files: &mut Files, layer: &[u8]) {
    let mut brought = Files::new();
    for entry in tar::Archive::new(layer).entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let below =
            |folder: &str| if folder.is_empty() { String::new() } else { format!("{folder}/") };
        if name == ".wh..wh..opq" {
            files.retain(|path, _| !path.starts_with(&below(folder)));
        } else if let Some(name) = name.strip_prefix(".wh.") {
            let removed = format!("{}{name}", below(folder));
            files.retain(|path, _| *path != removed && !path.starts_with(&below(&removed)));
        } else if !path.is_empty() {
            let shown = shown(&mut entry, &brought, files);
            brought.insert(path, shown);
        }
    }
    for (path, shown) in brought {
        if !shown.starts_with('d') {
            files.retain(|known, _| !known.starts_with(&format!("{path}/")));
        }
        files.insert(path, shown);
    }
}

fn shown(entry: &mut tar::Entry<'_, impl std::io::Read>, brought: &Files, below: &Files) -> String {
    let header = entry.header().clone();
    let target = entry.link_name_bytes().map(|it| String::from_utf8_lossy(&it).into_owned());
    let kind = header.entry_type();
    if kind.is_hard_link() {
        let target = target.expect("a target");
        let target = target.trim_start_matches('/');
        return brought.get(target).or(below.get(target)).expect("an earlier file").clone();
    }
    let records = entry.pax_extensions().expect("records").into_iter().flatten();
    let capability = records
        .map(|record| record.expect("a record"))
        .find(|record| record.key_bytes().ends_with(b"security.capability"))
        .map(|record| record.value_bytes().to_vec());
    let mut content = target.unwrap_or_default().into_bytes();
    entry.read_to_end(&mut content).expect("readable");
    let letter = match kind {
        tar::EntryType::Directory => 'd',
        tar::EntryType::Symlink => 'l',
        tar::EntryType::Fifo => 'p',
        tar::EntryType::Char => 'c',
        _ => 'f',
    };
    let mode = if letter == 'l' { 0o777 } else { header.mode().expect("a mode") & 0o7777 };
    let (uid, gid) = (header.uid().expect("a number"), header.gid().expect("a number"));
    let content = match String::from_utf8(content) {
        Ok(text) => text,
        Err(error) => format!("{} bytes", error.as_bytes().len()),
    };
    format!("{letter} {mode:o} {uid}:{gid} {capability:?} {content}")
}
