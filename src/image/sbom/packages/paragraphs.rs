//! The text format that the databases of dpkg and apk share: paragraphs of `key: value` lines.

/// One package as listed in a database.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct PackageEntry {
    pub name: String,
    pub version: String,
    pub architecture: String,
}

/// The paragraphs of a database, each as its `key: value` pairs.
pub fn paragraphs(text: &str) -> impl Iterator<Item = Vec<(&str, &str)>> {
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
            // A line that begins with white space continues the value before it.
            if line.starts_with([' ', '\t']) {
                continue;
            }
            fields.extend(line.split_once(':').map(|(key, value)| (key, value.trim())));
        }
        any.then_some(fields)
    })
}

/// The value of a field, or an empty text.
pub fn field<'t>(fields: &[(&'t str, &'t str)], key: &str) -> &'t str {
    fields.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
}
