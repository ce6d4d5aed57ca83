//! Puts a target back to what it was before a deploy.

use super::holding;
use super::owner;
use super::preview::is_preview;
use super::target::DeployTarget;
use crate::journal::{Deployed, Replaced};
use crate::run::outcome::StepError;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::performer::{Job, Performer};

/// The rollback of a deploy.
pub struct Undo<'a> {
    pub job: &'a Job,
    pub replaced: &'a Replaced,
    /// An earlier attempt of the rollback may have changed the target.
    pub may_have_begun: bool,
}

/// What became of the target.
pub enum Undone {
    /// The version before was put back and runs.
    PutBack(Deployed),
    /// It was removed, because the preview was new.
    Removed,
    /// It stays, because there was no version before.
    Kept,
    /// The deploy had changed nothing.
    Unchanged,
    /// Another run has deployed since, so nothing was put back.
    Superseded {
        /// The id of that run.
        by: String,
    },
}

pub async fn undo<T: DeployTarget>(
    target: &T,
    performer: &Performer,
    undo: &Undo<'_>,
) -> Result<Undone, StepError> {
    let Undo { job, replaced, may_have_begun } = *undo;
    let live = target.read(&replaced.target).await?;
    let tags = live.as_ref().and_then(|live| target.tags(live));
    let is_of_other = |tags: &ResourceTags| {
        tags.run != performer.facts.id || owner::is_of_other_service(performer, tags, job.service)
    };
    let other = tags.filter(is_of_other).map(|tags| tags.run);
    let Some(previous) = &replaced.previous else {
        return match live {
            None if may_have_begun => Ok(Undone::Removed),
            None => Ok(Undone::Unchanged),
            Some(_) if let Some(by) = other => Ok(Undone::Superseded { by }),
            Some(_) if is_preview(performer) => {
                job.note("removing the new preview");
                target.remove(&replaced.target).await?;
                Ok(Undone::Removed)
            }
            Some(_) => {
                holding::give_up(performer, &replaced.target).await?;
                Ok(Undone::Kept)
            }
        };
    };
    // Each deploy writes the id of its run on the target.
    let is_unchanged = live.as_ref().is_some_and(|live| target.previous(live) == *previous);
    if is_unchanged && !may_have_begun {
        return Ok(Undone::Unchanged);
    }
    if let Some(by) = other.filter(|_| !is_unchanged) {
        return Ok(Undone::Superseded { by });
    }
    job.note(format!("rolling back to {}", previous.revision));
    let live = target.restore(&replaced.target, previous, live, job).await?;
    let (_, deployed) = target.outputs(&live);
    Ok(Undone::PutBack(deployed))
}
