//! Asks GitHub which of the pull requests that have tags are closed.

use super::choose::pull_request;
use crate::cli::images::survey::Survey;
use crate::cli::session::connections::Connections;
use crate::run::outcome::StepError;
use std::collections::BTreeSet;

/// Adds the numbers of the closed pull requests to `found`.
pub async fn add(
    connections: &Connections,
    survey: &Survey,
    found: &mut BTreeSet<u64>,
) -> Result<(), StepError> {
    let tags = survey.listings.iter().flat_map(|listing| &listing.rows);
    let numbers: BTreeSet<u64> =
        tags.filter_map(|row| pull_request(row.manifest.tag.as_deref()?)).collect();
    let unknown =
        |why: String| StepError::new("cannot find out which pull requests are closed").because(why);
    let github = connections.github.as_ref().ok_or_else(|| {
        unknown("there is no token of GitHub, or no repository there".to_owned())
            .help("set `GITHUB_TOKEN` in a clone of the repository, or name them with `--pr N`")
    })?;
    let (client, repo) = github.client(&connections.http)?;
    for number in numbers.difference(&found.clone()) {
        match client.pull(&repo, *number).await {
            Ok(pull) if pull.state == "closed" => {
                found.insert(*number);
            }
            Ok(_) => {}
            // The tag may belong to a pull request of another repository.
            Err(error) if error.source.status() == Some(404) => {}
            Err(error) => return Err(StepError::from_error(&error)),
        }
    }
    Ok(())
}
