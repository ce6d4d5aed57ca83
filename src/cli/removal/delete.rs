//! Deletes container groups.

use super::group::{DeployedGroup, ListedGroup};
use crate::azure::container_instances::ContainerInstances;
use crate::event::Failure;
use crate::run::outcome::StepError;
use crate::run::perform::retry;
use crate::secret::Redactor;
use futures::StreamExt as _;
use std::time::Duration;

const MAX_PARALLEL_DELETIONS: usize = 4;

/// Azure removes a group within seconds. One that is stuck must not keep a job until its own
/// time limit.
pub const MAX_DELETION: Duration = Duration::from_mins(30);

/// What became of a group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deletion {
    Removed,
    /// Azure has agreed to remove it, and was not waited for.
    Started,
    /// It was gone before it was to be removed.
    Gone,
    /// It is not the group that was listed any more, for this reason.
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

/// Deletes the groups of each stage at the same time, one stage after the other. A
/// group that cannot be deleted keeps no other from being deleted.
pub async fn delete(
    instances: &ContainerInstances,
    stages: Vec<Vec<ListedGroup>>,
    wait: Wait,
    redactor: &Redactor,
) -> Vec<(ListedGroup, Deletion)> {
    let mut ended = Vec::new();
    for stage in stages {
        let stage = stage.into_iter().map(|listed| async {
            let deletion = one(instances, &listed.group, wait)
                .await
                .unwrap_or_else(|error| Deletion::Failed(error.shown(redactor, None)));
            (listed, deletion)
        });
        let stage = futures::stream::iter(stage).buffered(MAX_PARALLEL_DELETIONS);
        ended.extend(stage.collect::<Vec<_>>().await);
    }
    ended
}

/// Deletes a group, if it still has the tags that it was chosen by: another run may
/// have deployed it since, or moved its expiry.
async fn one(
    instances: &ContainerInstances,
    listed: &DeployedGroup,
    wait: Wait,
) -> Result<Deletion, StepError> {
    let Some(found) = retry(|| instances.find(&listed.id)).await? else {
        return Ok(Deletion::Gone);
    };
    let Some(found) = DeployedGroup::of(&found) else {
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
            match tokio::time::timeout(limit, retry(|| instances.delete(&listed.id))).await {
                Ok(deleted) => Ok(deleted.map(|()| Deletion::Removed)?),
                Err(_) => Ok(Deletion::Failed(unfinished(listed, limit))),
            }
        }
        Wait::UntilAccepted => {
            let started = retry(|| instances.start_delete(&listed.id)).await?;
            Ok(if started.is_some() { Deletion::Started } else { Deletion::Gone })
        }
    }
}

fn unfinished(listed: &DeployedGroup, limit: Duration) -> Failure {
    let (group, seconds) = (&listed.id.name, limit.as_secs_f64());
    let help = "Azure may still remove it; `shipway status` shows whether it is there";
    Failure {
        chain: vec![format!("container group `{group}` was not gone after {seconds} s")],
        help: Some(help.to_owned()),
        ..Failure::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Deletion, MAX_DELETION, Wait, delete};
    use crate::azure::container_instances::ContainerInstances;
    use crate::azure::fake::{FakeAzure, Reply};
    use crate::cli::removal::group::ListedGroup;
    use crate::cli::removal::group::testing::group;
    use crate::run::perform::ResourceTags;
    use crate::secret::Redactor;
    use serde_json::json;
    use std::time::Duration;

    const PATH: &str = "management.azure.com/subscriptions/s/resourceGroups/demo/providers/\
                        Microsoft.ContainerInstance/containerGroups/g";

    /// The end of the group `g` if Azure shows these tags when it is read again, and
    /// the methods of the requests.
    async fn end(change: impl FnOnce(&mut ResourceTags)) -> (Deletion, Vec<String>) {
        end_of(change, Wait::UntilGone(MAX_DELETION), Reply::new(204, "")).await
    }

    async fn end_of(
        change: impl FnOnce(&mut ResourceTags),
        wait: Wait,
        deleted: Reply,
    ) -> (Deletion, Vec<String>) {
        let listed = ListedGroup { group: group("g"), goes: true, why: String::new() };
        let mut tags = listed.group.tags.clone();
        change(&mut tags);
        let found = json!({
            "id": listed.group.id.to_string(), "name": "g", "properties": {},
            "tags": {
                "Shipway-Plan": tags.plan, "shipway-run": tags.run,
                "shipway-service": tags.service, "shipway-repository": tags.repository,
                "shipway-environment": tags.environment, "shipway-expires": tags.expires,
            },
        });
        let fake = FakeAzure::script(vec![
            (&format!("GET {PATH}"), vec![Reply::json(200, &found)]),
            (&format!("DELETE {PATH}"), vec![deleted]),
        ])
        .await;
        let instances = ContainerInstances::new(fake.arm());
        let mut ended = delete(&instances, vec![vec![listed]], wait, &Redactor::default()).await;
        let methods =
            fake.requests().into_iter().filter(|asked| asked.to.starts_with("management"));
        (ended.remove(0).1, methods.map(|asked| asked.method).collect())
    }

    #[tokio::test]
    async fn a_group_is_read_again_before_it_is_deleted() {
        let (deletion, methods) = end(|_| {}).await;
        assert_eq!(deletion, Deletion::Removed);
        assert_eq!(methods, ["GET", "DELETE"]);
    }

    #[tokio::test]
    async fn a_deletion_that_is_not_waited_for_ends_with_the_answer() {
        let old = Reply::json(200, &json!({ "properties": {} }));
        let (deletion, methods) = end_of(|_| {}, Wait::UntilAccepted, old).await;
        assert_eq!(deletion, Deletion::Started);
        assert_eq!(methods, ["GET", "DELETE"]);
    }

    #[tokio::test]
    async fn a_deletion_that_does_not_end_is_not_waited_for_without_limit() {
        let old = Reply::json(200, &json!({ "properties": {} }));
        let limit = Duration::from_millis(500);
        let (deletion, _) = end_of(|_| {}, Wait::UntilGone(limit), old).await;
        let Deletion::Failed(failure) = deletion else { panic!("{deletion:?}") };
        assert_eq!(failure.chain, ["container group `g` was not gone after 0.5 s"]);
        assert_eq!(
            failure.help.as_deref(),
            Some("Azure may still remove it; `shipway status` shows whether it is there")
        );
    }

    #[tokio::test]
    async fn a_group_that_was_deployed_again_stays() {
        let (deletion, methods) = end(|tags| tags.run = "01kdt4eyg1".into()).await;
        let why = "it was deployed again after it was listed";
        assert_eq!(deletion, Deletion::Kept(why.to_owned()));
        assert_eq!(methods, ["GET"]);
    }

    #[tokio::test]
    async fn a_group_whose_expiry_was_moved_stays() {
        let late = |tags: &mut ResourceTags| tags.expires = Some("2030-01-01T00:00:00Z".into());
        let (deletion, _) = end(late).await;
        assert_eq!(
            deletion,
            Deletion::Kept("its tags were changed after it was listed".to_owned())
        );
    }

    #[tokio::test]
    async fn a_group_that_is_gone_counts_as_removed() {
        let missing = Reply::json(404, &json!({ "error": { "code": "ResourceNotFound" } }));
        let fake = FakeAzure::script(vec![(&format!("GET {PATH}"), vec![missing])]).await;
        let listed = ListedGroup { group: group("g"), goes: true, why: String::new() };
        let instances = ContainerInstances::new(fake.arm());
        let ended = delete(
            &instances,
            vec![vec![listed]],
            Wait::UntilGone(MAX_DELETION),
            &Redactor::default(),
        )
        .await;
        assert_eq!(ended[0].1, Deletion::Gone);
    }
}
