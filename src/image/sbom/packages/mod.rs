//! The packages of an image, from the databases of dpkg and apk. The binary database of rpm
//! is not read, only reported.

mod apk;
mod dpkg;
mod paragraphs;

use self::paragraphs::PackageEntry;
use super::purl;
use super::scan::Contents;
use crate::oci::Digest;
use std::collections::BTreeMap;

/// Paths of the rpm database in various distributions.
const RPM_DATABASES: [&str; 6] = [
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
];

#[derive(Debug, Default)]
pub struct FoundPackages {
    /// Sorted by ID, without duplicates.
    pub packages: Vec<Package>,
    /// Databases in a format that is not read.
    pub unread: Vec<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    pub purl: String,
    /// The path of the database that lists it.
    pub database: String,
}

/// The distribution, from `os-release`.
#[derive(Debug, Default)]
struct Distribution {
    id: String,
    version: String,
}

pub fn find(contents: &Contents) -> FoundPackages {
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
    let rpm = RPM_DATABASES.iter().filter(|path| contents.files.contains_key(path.as_bytes()));
    unread.extend(rpm.map(|path| (*path).to_owned()));
    FoundPackages { packages: packages.into_values().collect(), unread }
}

impl PackageEntry {
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
        let purl = purl::package(
            &purl::Package { kind, vendor, name: &name, version: &version },
            &qualifiers,
        );
        // SPDX IDs allow only letters, digits, dots and dashes.
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
