//! The tags that mark a deployed resource as Shipway's, so that it can be found
//! again from any machine: by plan, repository, environment and pull request.

use super::lease::Lease;
use super::revision::DeployedRevision;
use crate::journal::RunId;
use jiff::Timestamp;
use std::collections::BTreeMap;

pub const PLAN: &str = "shipway-plan";
pub const REPOSITORY: &str = "shipway-repository";
const RUN: &str = "shipway-run";
pub const SERVICE: &str = "shipway-service";
const ENVIRONMENT: &str = "shipway-environment";
pub const PULL_REQUEST: &str = "shipway-pull-request";
const BRANCH: &str = "shipway-branch";
pub const COMMIT: &str = "shipway-commit";
const COMMIT_TIME: &str = "shipway-commit-time";
const DIRTY: &str = "shipway-dirty";
pub const DIGEST: &str = "shipway-digest";
const IMAGE_TAG: &str = "shipway-image-tag";
pub const EXPIRES: &str = "shipway-expires";
pub const VERIFIED: &str = "shipway-verified";
pub const LEASE: &str = "shipway-lease";

/// Azure refuses longer values.
const MAX_VALUE_CHARS: usize = 256;

/// What the tags of a resource say of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ResourceTags {
    /// The name of the plan.
    pub plan: String,
    /// `owner/name`; `None` where the plan was in no repository.
    pub repository: Option<String>,
    /// The id of the run that deployed it last.
    pub run: String,
    pub service: String,
    pub environment: Option<String>,
    /// The number of the pull request, as it was written.
    pub pull_request: Option<String>,
    pub branch: Option<String>,
    /// The full hash of the commit.
    pub commit: Option<String>,
    /// The time of the commit, as it was written: RFC 3339.
    pub commit_time: Option<String>,
    /// Whether the working tree had changes that are not in the commit.
    pub dirty: bool,
    /// Of the image of the first container.
    pub digest: Option<String>,
    /// The tag under which that image was pushed, or that the plan names.
    pub image_tag: Option<String>,
    /// The time after which it may be removed, as it was written: RFC 3339.
    pub expires: Option<String>,
    /// Whether the checks of its service succeeded.
    pub verified: bool,
    /// The run that is changing it or checking what it deployed.
    pub lease: Option<Lease>,
    /// The versions that it ran before, the newest first.
    pub revisions: Vec<DeployedRevision>,
}

impl ResourceTags {
    /// Reads the tags of a resource; `None` if Shipway did not deploy it. Azure
    /// ignores the case of tag names, and may change it.
    pub fn read(tags: &BTreeMap<String, String>) -> Option<Self> {
        let get = |name: &str| {
            let found = tags.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
        };
        Some(Self {
            plan: get(PLAN)?,
            repository: get(REPOSITORY),
            run: get(RUN)?,
            service: get(SERVICE)?,
            environment: get(ENVIRONMENT),
            pull_request: get(PULL_REQUEST),
            branch: get(BRANCH),
            commit: get(COMMIT),
            commit_time: get(COMMIT_TIME),
            dirty: get(DIRTY).is_some_and(|dirty| dirty == "true"),
            digest: get(DIGEST),
            image_tag: get(IMAGE_TAG),
            expires: get(EXPIRES),
            verified: get(VERIFIED).is_some_and(|verified| verified == "true"),
            lease: get(LEASE).and_then(|lease| lease.parse().ok()),
            revisions: DeployedRevision::read_all(&get),
        })
    }

    /// When the run began that deployed the resource last.
    pub fn deployed_at(&self) -> Option<Timestamp> {
        RunId::existing(&self.run).began()
    }

    /// When it has outlived the `ttl` of its environment.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires.as_ref()?.parse().ok()
    }

    pub fn to_map(&self) -> BTreeMap<String, String> {
        let flag = |is_set: bool| is_set.then(|| "true".to_owned());
        let (dirty, verified) = (flag(self.dirty), flag(self.verified));
        let lease = self.lease.as_ref().map(ToString::to_string);
        let all = [
            (PLAN, Some(&self.plan)),
            (REPOSITORY, self.repository.as_ref()),
            (RUN, Some(&self.run)),
            (SERVICE, Some(&self.service)),
            (ENVIRONMENT, self.environment.as_ref()),
            (PULL_REQUEST, self.pull_request.as_ref()),
            (BRANCH, self.branch.as_ref()),
            (COMMIT, self.commit.as_ref()),
            (COMMIT_TIME, self.commit_time.as_ref()),
            (DIRTY, dirty.as_ref()),
            (DIGEST, self.digest.as_ref()),
            (IMAGE_TAG, self.image_tag.as_ref()),
            (EXPIRES, self.expires.as_ref()),
            (VERIFIED, verified.as_ref()),
            (LEASE, lease.as_ref()),
        ];
        // A value that is cut would be another name, so one that is too long is
        // left out.
        let fits = |value: &String| !value.is_empty() && value.chars().count() <= MAX_VALUE_CHARS;
        let all = all.into_iter().filter_map(|(name, value)| {
            Some((name.to_owned(), value.filter(|value| fits(value))?.clone()))
        });
        all.chain(DeployedRevision::tags_of(&self.revisions)).collect()
    }
}

/// Whether the tags of a live resource say the same as those that are desired, apart
/// from which run deployed it.
pub fn records_the_same(
    live: &BTreeMap<String, String>,
    desired: &BTreeMap<String, String>,
) -> bool {
    let found = |name: &String| live.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    desired
        .iter()
        .filter(|(name, _)| *name != RUN)
        .all(|(name, value)| found(name).is_some_and(|(_, live)| live == value))
}

#[cfg(test)]
mod tests {
    use super::ResourceTags;
    use crate::oci::Digest;
    use crate::run::perform::deployed::revision::{DeployedRevision, MAX_PAST_REVISIONS};
    use crate::value::MAX_OWN_TAGS;
    use std::collections::BTreeMap;

    fn revision(number: usize) -> DeployedRevision {
        let image = format!("demo.azurecr.io/web:v1@{}", Digest::of(&number.to_be_bytes()));
        DeployedRevision {
            image: image.parse().expect("a reference"),
            commit: Some("4e1d2aa".into()),
            commit_time: None,
            run: "01jc".into(),
            dirty: false,
            verified: true,
            taken_back: false,
            secure: Some(Vec::new()),
        }
    }

    #[test]
    fn tags_are_read_as_they_were_written() {
        let tags = ResourceTags {
            plan: "storefront".into(),
            repository: Some("octo/demo".into()),
            run: "01jd".into(),
            service: "web".into(),
            environment: Some("preview".into()),
            pull_request: Some("12".into()),
            branch: Some("topic".into()),
            commit: Some("4e1d2aa".into()),
            commit_time: Some("2026-11-19T09:00:00Z".into()),
            dirty: true,
            digest: Some("sha256:9b2e".into()),
            image_tag: Some("v1".into()),
            expires: Some("2026-11-21T10:00:00Z".into()),
            verified: true,
            lease: "01je until 2026-11-20T10:00:00Z".parse().ok(),
            revisions: (0..MAX_PAST_REVISIONS).map(revision).collect(),
        };
        assert_eq!(ResourceTags::read(&tags.to_map()), Some(tags.clone()));
        // The client adds the fingerprint of what was put.
        assert_eq!(tags.to_map().len() + 1, MAX_OWN_TAGS);

        let upper = tags.to_map().into_iter().map(|(name, value)| (name.to_uppercase(), value));
        assert_eq!(ResourceTags::read(&upper.collect()), Some(tags));
    }

    #[test]
    fn a_branch_that_does_not_fit_is_left_out() {
        let tags = ResourceTags {
            plan: "storefront".into(),
            run: "01jd".into(),
            service: "web".into(),
            branch: Some("x".repeat(257)),
            ..ResourceTags::default()
        };
        let names: Vec<String> = tags.to_map().into_keys().collect();
        assert_eq!(names, ["shipway-plan", "shipway-run", "shipway-service"]);
    }

    #[test]
    fn a_resource_of_another_tool_has_no_tags_of_shipway() {
        let tags = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(ResourceTags::read(&tags(&[("team", "web")])), None);
        assert_eq!(ResourceTags::read(&tags(&[("shipway-plan", "storefront")])), None);
    }
}
