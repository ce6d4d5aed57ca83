//! Which version of a service is gone back to.

use crate::cli::revisions::{ListedRevision, TargetRevisions};
use crate::run::outcome::StepError;

/// A digest or a commit is meant by at least as many digits.
const MIN_PREFIX_CHARS: usize = 4;

/// The version that `to` names by its number, commit or digest. Without it the newest
/// earlier one that was verified and that no rollback took back.
pub fn choose<'r>(
    revisions: &'r TargetRevisions,
    to: Option<&str>,
    allow_unverified: bool,
) -> Result<&'r ListedRevision, StepError> {
    let service = &revisions.target.tags.service;
    let chosen = if let Some(to) = to {
        named(revisions, to)?
    } else {
        let is_good = |listed: &&ListedRevision| {
            let revision = &listed.revision;
            !revision.taken_back && (revision.verified || allow_unverified)
        };
        revisions.past.iter().find(is_good).ok_or_else(|| nothing(revisions))?
    };
    if !chosen.revision.verified && !allow_unverified {
        let name = chosen.name();
        return Err(StepError::new(format!("cannot roll `{service}` back to {name}"))
            .because("it was never verified")
            .help("add `--allow-unverified` to put it back all the same"));
    }
    Ok(chosen)
}

fn nothing(revisions: &TargetRevisions) -> StepError {
    let service = &revisions.target.tags.service;
    let error = StepError::new(format!("there is no version of `{service}` to go back to"));
    let unverified = revisions.past.iter().any(|listed| !listed.revision.taken_back);
    let taken_back = revisions.past.iter().any(|listed| listed.revision.taken_back);
    let error = match (unverified, taken_back) {
        (true, _) => error.because("no earlier one that is known was verified"),
        (false, true) => error.because("every earlier one that is known was taken back"),
        (false, false) => error.because("no earlier one is known"),
    };
    if revisions.past.is_empty() {
        return error.help("`shipway run` deploys another one");
    }
    error.help(format!(
        "`shipway status --history {service}` lists them, and `--to REVISION` names one"
    ))
}

fn named<'r>(revisions: &'r TargetRevisions, to: &str) -> Result<&'r ListedRevision, StepError> {
    let service = &revisions.target.tags.service;
    let number = to.parse::<usize>().ok().filter(|_| to.len() < MIN_PREFIX_CHARS);
    let is_meant = |listed: &ListedRevision| {
        let revision = &listed.revision;
        let hex = revision.digest().split_once(':').map_or("", |(_, hex)| hex);
        let commit = revision.commit.as_deref().unwrap_or_default();
        to.len() >= MIN_PREFIX_CHARS
            && (revision.digest().starts_with(to) || hex.starts_with(to) || commit.starts_with(to))
    };
    let found: Vec<&ListedRevision> = match number {
        Some(number) => {
            number.checked_sub(1).and_then(|it| revisions.past.get(it)).into_iter().collect()
        }
        None => revisions.past.iter().filter(|listed| is_meant(listed)).collect(),
    };
    match found.as_slice() {
        [one] => return Ok(one),
        [] if number.is_none() && revisions.current.as_ref().is_some_and(is_meant) => {
            return Err(StepError::of_usage(format!("`--to {to}` is what `{service}` runs")));
        }
        [] => {}
        _ => {
            let help = format!("name one by its number:{}", listed(revisions));
            let what = format!("`--to {to}` means more than one version of `{service}`");
            return Err(StepError::of_usage(what).help(help));
        }
    }
    let error = StepError::of_usage(format!("there is no version `{to}` of `{service}`"));
    Err(if revisions.past.is_empty() {
        error.because("no earlier one is known")
    } else {
        error.help(format!("it has{}", listed(revisions)))
    })
}

fn listed(revisions: &TargetRevisions) -> String {
    let each = revisions.past.iter().enumerate();
    let each = each.map(|(place, listed)| format!(" `{}`, {}", place + 1, listed.name()));
    each.collect::<Vec<_>>().join(";")
}
