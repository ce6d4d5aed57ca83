//! Where the source of a run comes from, and what a dry run fetched from outside.

use crate::cli::session::PlanSession;
use crate::event::Origin;
use crate::local::Fetched;
use std::collections::BTreeMap;

/// The commit of the source, and the URL of this run's log.
pub fn origin(session: &PlanSession) -> Origin {
    let resolved = &session.resolved;
    let commit = resolved.git.sha.clone().or_else(|| resolved.told("sha").map(str::to_owned));
    let at_github = resolved
        .told("server_url")
        .zip(resolved.told("repository"))
        .map(|(server, repository)| format!("{server}/{repository}"));
    let commit_url = at_github
        .as_ref()
        .zip(commit.as_ref())
        .map(|(repository, commit)| format!("{repository}/commit/{commit}"));
    let run_url = at_github
        .zip(resolved.told("run_id").filter(|id| !id.is_empty()))
        .map(|(repository, run)| format!("{repository}/actions/runs/{run}"));
    Origin { commit, commit_url, run_url }
}

/// Notes on what the local cloud fetched: each image, and the blobs of each
/// repository together.
pub fn from_outside(fetched: &[Fetched]) -> Vec<String> {
    let (blobs, manifests): (Vec<&Fetched>, Vec<&Fetched>) =
        fetched.iter().partition(|fetched| fetched.blob);
    let mut notes = Vec::new();
    for manifest in manifests {
        let (reference, digest) = (manifest.reference(), &manifest.digest);
        let named = if reference.ends_with(digest.as_str()) {
            String::new()
        } else {
            format!(": {digest}")
        };
        notes.push(format!("`{reference}` was fetched from outside{named}"));
    }
    let mut sums: BTreeMap<(&str, &str), (usize, u64)> = BTreeMap::new();
    for blob in blobs {
        let sum = sums.entry((&blob.host, &blob.repository)).or_default();
        *sum = (sum.0 + 1, sum.1 + blob.bytes);
    }
    notes.extend(sums.iter().map(|((host, repository), (count, bytes))| {
        let blobs = if *count == 1 { "blob" } else { "blobs" };
        format!("{count} {blobs} of `{host}/{repository}` came with it, {bytes} bytes")
    }));
    notes
}
