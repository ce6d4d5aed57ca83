//! The packages of an image, from the databases of dpkg and apk. That of rpm is
//! a data base of its own kind, which is not read here and said to be there.

mod apk;
mod dpkg;

use super::purl;
use super::scan::Contents;
use crate::oci::Digest;
use std::collections::BTreeMap;

/// Where rpm keeps its database, over the years.
const RPM: [&str; 6] = [
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By id, each once.
    pub(super) packages: Vec<Package>,
    /// Databases that are there and were not read.
    pub(super) unread: Vec<String>,
}

/// An installed package.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Package {
    /// In the document.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) purl: String,
    /// The file that names it.
    pub(super) database: String,
}

/// The distribution, as `os-release` has it.
#[derive(Debug, Default)]
struct Distribution {
    id: String,
    version: String,
}

/// What a database says of one package.
#[derive(Debug, Default, Eq, PartialEq)]
struct Entry {
    name: String,
    version: String,
    architecture: String,
}

/// Reads all databases.
pub(super) fn find(contents: &Contents) -> Found {
    let distribution = distribution(contents);
    let mut packages = BTreeMap::new();
    let mut unread = Vec::new();
    for (path, text) in &contents.kept {
        let Ok(path) = std::str::from_utf8(path) else { continue };
        let text = String::from_utf8_lossy(text);
        let (kind, entries) = match path {
            _ if path.ends_with("os-release") => continue,
            _ if path.ends_with("apk/db/installed") => ("apk", apk::read(&text)),
            _ => ("deb", dpkg::read(&text)),
        };
        for entry in entries {
            let package = entry.package(kind, &distribution, path);
            packages.insert(package.id.clone(), package);
        }
    }
    for path in ["var/lib/dpkg/status", "lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let (there, read) = (
            contents.files.contains_key(path.as_bytes()),
            contents.kept.contains_key(path.as_bytes()),
        );
        if there && !read {
            unread.push(path.to_owned());
        }
    }
    let rpm = RPM.iter().filter(|path| contents.files.contains_key(path.as_bytes()));
    unread.extend(rpm.map(|path| (*path).to_owned()));
    Found { packages: packages.into_values().collect(), unread }
}

impl Entry {
    fn package(self, kind: &str, distribution: &Distribution, database: &str) -> Package {
        let Self { name, version, architecture } = self;
        let usual = if kind == "apk" { "alpine" } else { "debian" };
        let vendor = Some(distribution.id.as_str()).filter(|id| !id.is_empty()).unwrap_or(usual);
        let named = match (distribution.id.as_str(), distribution.version.as_str()) {
            ("", _) => String::new(),
            (id, "") => id.to_owned(),
            (id, version) => format!("{id}-{version}"),
        };
        let qualifiers = [("arch", architecture.as_str()), ("distro", named.as_str())];
        let purl = purl::package(kind, vendor, (&name, &version), &qualifiers);
        // Ids know letters, digits, dots and dashes alone.
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' })
            .collect();
        let hash = Digest::of(purl.as_bytes());
        let id = format!("SPDXRef-Package-{kind}-{plain}-{}", hash.short());
        Package { id, name, version, purl, database: database.to_owned() }
    }
}

fn distribution(contents: &Contents) -> Distribution {
    let text = ["etc/os-release", "usr/lib/os-release"]
        .iter()
        .find_map(|path| contents.kept.get(path.as_bytes()))
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
    };
    Distribution { id: value("ID"), version: value("VERSION_ID") }
}

/// The paragraphs of a database, each as its `key: value` lines.
fn paragraphs(text: &str) -> impl Iterator<Item = Vec<(&str, &str)>> {
    let mut lines = text.lines();
    std::iter::from_fn(move || {
        let mut fields = Vec::new();
        let mut any = false;
        for line in lines.by_ref() {
            if line.trim().is_empty() {
                if any {
                    return Some(fields);
                }
                continue;
            }
            any = true;
            // A line that begins with a blank goes on with the one before.
            if line.starts_with([' ', '\t']) {
                continue;
            }
            fields.extend(line.split_once(':').map(|(key, value)| (key, value.trim())));
        }
        any.then_some(fields)
    })
}

/// The value of a field; empty where there is none.
fn field<'t>(fields: &[(&'t str, &'t str)], key: &str) -> &'t str {
    fields.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
}
