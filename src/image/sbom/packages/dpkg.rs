//! Reads `/var/lib/dpkg/status`, and the files in `status.d` that distroless images have
//! instead (dpkg-query(1), deb-control(5)).

use super::paragraphs::{PackageEntry, field, paragraphs};

/// The installed packages. A removed package keeps a paragraph for its configuration files;
/// paragraphs in `status.d` have no status because all are installed.
pub fn read(text: &str) -> Vec<PackageEntry> {
    let installed = |fields: &Vec<(&str, &str)>| {
        let status = field(fields, "Status");
        !field(fields, "Package").is_empty()
            && (status.is_empty() || status.split_whitespace().last() == Some("installed"))
    };
    paragraphs(text)
        .filter(installed)
        .map(|fields| PackageEntry {
            name: field(&fields, "Package").to_owned(),
            version: field(&fields, "Version").to_owned(),
            architecture: field(&fields, "Architecture").to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn only_installed_packages_are_listed() {
        let text = "\
Package: base-files
Status: install ok installed
Architecture: amd64
Version: 12.4+deb12u5
Description: Debian base system
 Version: not this one
 .

Package: gone
Status: deinstall ok config-files
Version: 1

Package: tzdata
Version: 2024a
";
        let read = read(text);
        let names: Vec<_> =
            read.iter().map(|one| (one.name.as_str(), one.version.as_str())).collect();
        assert_eq!(names, [("base-files", "12.4+deb12u5"), ("tzdata", "2024a")]);
        assert_eq!(read[0].architecture, "amd64");
    }
}
