//! Reads `/lib/apk/db/installed`, where one letter names each field (apk-tools, "Installed
//! DB format").

use super::paragraphs::{PackageEntry, field, paragraphs};

/// The installed packages.
pub fn read(text: &str) -> Vec<PackageEntry> {
    paragraphs(text)
        .filter(|fields| !field(fields, "P").is_empty())
        .map(|fields| PackageEntry {
            name: field(&fields, "P").to_owned(),
            version: field(&fields, "V").to_owned(),
            architecture: field(&fields, "A").to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn only_installed_packages_are_listed() {
        let text = "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:ld-musl-x86_64.so.1\n\nP:zlib\nV:1.3.1-r1\nA:x86_64\n\n";
        let names: Vec<_> =
            read(text).into_iter().map(|one| format!("{} {}", one.name, one.version)).collect();
        assert_eq!(names, ["musl 1.2.5-r0", "zlib 1.3.1-r1"]);
    }
}
