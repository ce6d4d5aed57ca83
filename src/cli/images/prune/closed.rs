//! Which of the pull requests that have tags are closed, as GitHub says.

use super::choose::pull_request;
use crate::cli::images::survey::Survey;
use crate::cli::session::reach::Connections;
use crate::github::Client;
use crate::github::client::Repo;
use crate::run::outcome::StepError;
use std::collections::BTreeSet;
use url::Url;

/// Adds the closed ones.
pub(super) async fn add(
    reach: &Connections,
    survey: &Survey,
    found: &mut BTreeSet<u64>,
) -> Result<(), StepError> {
    let tags = survey.shelves.iter().flat_map(|shelf| &shelf.rows);
    let numbers: BTreeSet<u64> =
        tags.filter_map(|row| pull_request(row.held.tag.as_deref()?)).collect();
    let unknown =
        |why: String| StepError::new("find out which pull requests are closed").because(why);
    let github = reach.github.as_ref().ok_or_else(|| {
        unknown("there is no token of GitHub, or no repository there".to_owned())
            .help("set `GITHUB_TOKEN` in a clone of the repository, or name them with `--pr N`")
    })?;
    let api = Url::parse(&github.api).map_err(|error| unknown(error.to_string()))?;
    let repo: Repo = github
        .repository
        .parse()
        .map_err(|error: crate::github::client::BadRepo| unknown(error.to_string()))?;
    let client = Client::new(&reach.http, api, github.token.clone());
    for number in numbers.difference(&found.clone()) {
        match client.pull(&repo, *number).await {
            Ok(pull) if pull.state == "closed" => {
                found.insert(*number);
            }
            Ok(_) => {}
            // A number that is none of this repository's says nothing.
            Err(error) if error.source.status() == Some(404) => {}
            Err(error) => return Err(StepError::from_error(&error)),
        }
    }
    Ok(())
}
