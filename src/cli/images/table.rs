//! The lists as tables: columns under headings, without colours.

use super::survey::{ListingRow, Survey};
use crate::cli::columns::{UNKNOWN, age, columns};
use crate::registry::ListedKind;
use crate::report::{bytes, short_digest};
use jiff::Timestamp;

/// The table of images.
pub fn list(survey: &Survey, now: Timestamp) -> String {
    let mut rows = Vec::new();
    for listing in &survey.listings {
        for row in &listing.rows {
            let manifest = &row.manifest;
            rows.push(vec![
                name(&listing.host, &listing.repository, row),
                short_digest(manifest.digest.as_str()),
                manifest.size.map_or_else(|| UNKNOWN.to_owned(), bytes),
                what(row),
                age(manifest.created.or(manifest.updated), now),
                deployed(row, survey.running.incomplete_because().is_none()),
            ]);
        }
    }
    if rows.is_empty() {
        return "no images".to_owned();
    }
    columns(&["IMAGE", "DIGEST", "SIZE", "PLATFORMS", "AGE", "DEPLOYED"], &rows)
}

/// The name without the digest, which has its own column.
fn name(host: &str, repository: &str, row: &ListingRow) -> String {
    match &row.manifest.tag {
        Some(tag) => format!("{host}/{repository}:{tag}"),
        None => format!("{host}/{repository} (no tag)"),
    }
}

fn what(row: &ListingRow) -> String {
    match &row.manifest.kind {
        ListedKind::Artifact(kind) => kind.clone(),
        ListedKind::Unreadable => "unreadable".to_owned(),
        ListedKind::Gone => "gone from the registry".to_owned(),
        ListedKind::Image | ListedKind::Index => {
            let names: Vec<&str> =
                row.manifest.platforms.iter().map(|one| one.platform.as_str()).collect();
            if names.is_empty() { UNKNOWN.to_owned() } else { names.join(", ") }
        }
    }
}

fn deployed(row: &ListingRow, known: bool) -> String {
    match (known, row.run_by.is_empty()) {
        (_, false) => row.run_by.join(", "),
        (false, true) => "?".to_owned(),
        (true, true) => UNKNOWN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::list;
    use crate::cli::images::deployed::{DeployedImages, Gap};
    use crate::cli::images::survey::{ListingRow, RepositoryListing, Survey};
    use crate::oci::Digest;
    use crate::registry::{ListedKind, ListedManifest, ListedPlatform};
    use crate::run::perform::deployed_testing::JOB_FILE;
    use jiff::Timestamp;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().expect("a time")
    }

    fn manifest(tag: Option<&str>, kind: ListedKind) -> ListedManifest {
        let digest = Digest::of(tag.unwrap_or("none").as_bytes());
        let platform = ListedPlatform {
            platform: "linux/amd64".into(),
            digest: digest.clone(),
            size: Some(1),
        };
        ListedManifest {
            tag: tag.map(str::to_owned),
            digest,
            media_type: String::new(),
            platforms: if kind == ListedKind::Image { vec![platform] } else { Vec::new() },
            within: Vec::new(),
            subject: None,
            kind,
            size: Some(12_345_678),
            created: "2026-11-18T10:00:00Z".parse().ok(),
            updated: None,
        }
    }

    fn survey(running: DeployedImages) -> Survey {
        let row = |manifest: ListedManifest, run_by: &[&str]| ListingRow {
            manifest,
            run_by: run_by.iter().map(|group| (*group).to_owned()).collect(),
        };
        let gone = ListedManifest { size: None, created: None, ..manifest(None, ListedKind::Gone) };
        let rows = vec![
            row(manifest(Some("v1"), ListedKind::Image), &["live", "old"]),
            row(manifest(Some("chart"), ListedKind::Artifact("x/\u{1b}[31mhelm".into())), &[]),
            row(gone, &["lost"]),
        ];
        let listing =
            RepositoryListing { host: "demo.azurecr.io".into(), repository: "web".into(), rows };
        Survey { listings: vec![listing], running }
    }

    #[test]
    fn a_table_has_a_row_for_each_image() {
        assert_eq!(
            list(&survey(DeployedImages::Known(Vec::new())), now()),
            "\
IMAGE                         DIGEST                SIZE     PLATFORMS               AGE  DEPLOYED
demo.azurecr.io/web:v1        sha256:3bfc269594ef…  12.3 MB  linux/amd64             3d   live, old
demo.azurecr.io/web:chart     sha256:cc57fc1903e4…  12.3 MB  x/helm                  3d   -
demo.azurecr.io/web (no tag)  sha256:140bedbf9c3f…  -        gone from the registry  -    lost"
        );
        let empty = Survey { listings: Vec::new(), running: DeployedImages::Known(Vec::new()) };
        assert_eq!(list(&empty, now()), "no images");
    }

    #[test]
    fn unknown_deployments_are_shown_as_unknown() {
        let unknown = list(&survey(DeployedImages::Unknown("no login".into())), now());
        assert!(unknown.lines().nth(2).is_some_and(|line| line.ends_with("  ?")), "{unknown}");
        let running = DeployedImages::Partial {
            uses: Vec::new(),
            gap: Gap::ImageName(&JOB_FILE, "a file runs `?`".into()),
        };
        let unclear = list(&survey(running), now());
        assert!(unclear.lines().nth(1).is_some_and(|line| line.ends_with("  live, old")));
        assert!(unclear.lines().nth(2).is_some_and(|line| line.ends_with("  ?")), "{unclear}");
    }
}
