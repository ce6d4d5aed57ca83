//! Deletes deployed resources.

use super::resource::{ListedResource, TaggedResource};
use crate::event::Failure;
use crate::run::outcome::StepError;
use crate::run::perform::{DeployedResources, retry_step};
use crate::secret::Redactor;
use futures::StreamExt as _;
use std::time::Duration;

const MAX_PARALLEL_DELETIONS: usize = 4;

/// Azure removes a resource within seconds. One that is stuck must not keep a job until its own
/// time limit.
pub const MAX_DELETION: Duration = Duration::from_mins(30);

/// What became of a resource.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deletion {
    Removed,
    /// Azure has agreed to remove it, and was not waited for.
    Started,
    /// It was gone before it was to be removed.
    Gone,
    /// It is not the one that was listed any more, for this reason.
    Kept(String),
    Failed(Failure),
}

/// How long a deletion is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// Until it does not exist, or this much time has passed.
    UntilGone(Duration),
    UntilAccepted,
}

impl Deletion {
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Removed | Self::Started | Self::Gone)
    }
}

/// Deletes the resources of each stage at the same time, one stage after the other. One
/// that cannot be deleted keeps no other from being deleted.
pub async fn delete(
    resources: &DeployedResources,
    stages: Vec<Vec<ListedResource>>,
    wait: Wait,
    redactor: &Redactor,
) -> Vec<(ListedResource, Deletion)> {
    let mut ended = Vec::new();
    for stage in stages {
        let stage = stage.into_iter().map(|listed| async {
            let deletion = one(resources, &listed.resource, wait)
                .await
                .unwrap_or_else(|error| Deletion::Failed(error.shown(redactor, None)));
            (listed, deletion)
        });
        let stage = futures::stream::iter(stage).buffered(MAX_PARALLEL_DELETIONS);
        ended.extend(stage.collect::<Vec<_>>().await);
    }
    ended
}

/// Deletes a resource, if it still has the tags that it was chosen by: another run may
/// have deployed it since, or moved its expiry.
async fn one(
    resources: &DeployedResources,
    listed: &TaggedResource,
    wait: Wait,
) -> Result<Deletion, StepError> {
    let target = &listed.id.target;
    let Some(found) = retry_step(|| resources.find(target)).await? else {
        return Ok(Deletion::Gone);
    };
    let Some(found) = TaggedResource::of(found) else {
        return Ok(Deletion::Kept("it is no longer tagged as Shipway's".to_owned()));
    };
    if found.tags.run != listed.tags.run {
        return Ok(Deletion::Kept("it was deployed again after it was listed".to_owned()));
    }
    if let Some(lease) = found.tags.lease.as_ref().filter(|lease| lease.holds_against(None)) {
        return Ok(Deletion::Kept(format!(
            "run {} is deploying it; try again when that run has ended",
            lease.run
        )));
    }
    if found.tags != listed.tags {
        return Ok(Deletion::Kept("its tags were changed after it was listed".to_owned()));
    }
    match wait {
        Wait::UntilGone(limit) => {
            match tokio::time::timeout(limit, retry_step(|| resources.delete(target))).await {
                Ok(deleted) => deleted.map(|()| Deletion::Removed),
                Err(_) => Ok(Deletion::Failed(unfinished(listed, limit))),
            }
        }
        Wait::UntilAccepted => {
            let is_started = retry_step(|| resources.start_delete(target)).await?;
            Ok(if is_started { Deletion::Started } else { Deletion::Gone })
        }
    }
}

fn unfinished(listed: &TaggedResource, limit: Duration) -> Failure {
    let (kind, name, seconds) = (listed.kind.name, &listed.id.name, limit.as_secs_f64());
    let help = "Azure may still remove it; `shipway status` shows whether it is there";
    Failure {
        chain: vec![format!("{kind} `{name}` was not gone after {seconds} s")],
        help: Some(help.to_owned()),
        ..Failure::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Deletion, MAX_DELETION, Wait, delete};
    use crate::cli::removal::resource::ListedResource;
    use crate::cli::removal::resource::testing::resource;
    use crate::run::perform::ResourceTags;
    use crate::run::perform::deployed_testing::{JobFiles, job_file};
    use crate::secret::Redactor;
    use std::time::Duration;

    const WAIT: Wait = Wait::UntilGone(MAX_DELETION);

    /// The end of the file `g` if it is deleted from these, and the operations on them.
    async fn end_among(files: JobFiles, wait: Wait) -> (Deletion, Vec<String>) {
        let listed = ListedResource { resource: resource("g"), goes: true, why: String::new() };
        let stages = vec![vec![listed]];
        let mut ended = delete(&files.resources(), stages, wait, &Redactor::default()).await;
        let calls = files.calls.lock().expect("no panic").clone();
        (ended.remove(0).1, calls)
    }

    /// The same if the file has these tags when it is read again.
    async fn end(change: impl FnOnce(&mut ResourceTags), wait: Wait) -> (Deletion, Vec<String>) {
        let mut tags = resource("g").tags;
        change(&mut tags);
        end_among(JobFiles::of(vec![job_file("g", Some(tags), &[])]), wait).await
    }

    #[tokio::test]
    async fn a_resource_is_read_again_before_it_is_deleted() {
        let (deletion, calls) = end(|_| {}, WAIT).await;
        assert_eq!(deletion, Deletion::Removed);
        assert_eq!(calls, ["find file:g", "delete file:g"]);
    }

    #[tokio::test]
    async fn a_deletion_that_is_not_waited_for_ends_with_the_answer() {
        let (deletion, calls) = end(|_| {}, Wait::UntilAccepted).await;
        assert_eq!(deletion, Deletion::Started);
        assert_eq!(calls, ["find file:g", "start deleting file:g"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deletion_that_does_not_end_is_not_waited_for_without_limit() {
        let files = JobFiles::of(vec![job_file("g", Some(resource("g").tags), &[])]);
        let files = JobFiles { is_stuck: true, ..files };
        let (deletion, _) = end_among(files, Wait::UntilGone(Duration::from_millis(500))).await;
        let Deletion::Failed(failure) = deletion else { panic!("{deletion:?}") };
        assert_eq!(failure.chain, ["job file `g` was not gone after 0.5 s"]);
        assert_eq!(
            failure.help.as_deref(),
            Some("Azure may still remove it; `shipway status` shows whether it is there")
        );
    }

    #[tokio::test]
    async fn a_resource_that_was_deployed_again_stays() {
        let (deletion, calls) = end(|tags| tags.run = "01kdt4eyg1".into(), WAIT).await;
        let why = "it was deployed again after it was listed";
        assert_eq!(deletion, Deletion::Kept(why.to_owned()));
        assert_eq!(calls, ["find file:g"]);
    }

    #[tokio::test]
    async fn a_resource_whose_expiry_was_moved_stays() {
        let late = |tags: &mut ResourceTags| tags.expires = Some("2030-01-01T00:00:00Z".into());
        let (deletion, _) = end(late, WAIT).await;
        assert_eq!(
            deletion,
            Deletion::Kept("its tags were changed after it was listed".to_owned())
        );
    }

    #[tokio::test]
    async fn a_resource_that_is_no_longer_tagged_stays() {
        let files = JobFiles::of(vec![job_file("g", None, &[])]);
        let (deletion, _) = end_among(files, WAIT).await;
        let why = "it is no longer tagged as Shipway's";
        assert_eq!(deletion, Deletion::Kept(why.to_owned()));
    }

    #[tokio::test]
    async fn a_resource_that_is_gone_counts_as_removed() {
        let (deletion, calls) = end_among(JobFiles::default(), WAIT).await;
        assert_eq!(deletion, Deletion::Gone);
        assert_eq!(calls, ["find file:g"]);
    }
}
