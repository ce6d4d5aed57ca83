//! What is deployed is of another owner.

use super::{JobFile, OWN_RUN, OwnerTags};
use crate::oci::Digest;
use crate::run::perform::deploy::deployment::deploy_to;
use crate::run::perform::test_support::{job, performer};

/// A deploy of service `a` of plan `shop` in environment `preview`, as the second line of
/// the check before it.
const SHOP: &str = "\
name: shop
azure: { resource-group: demo }
environments: { production: { protected: true }, staging: {}, preview: {} }
services:
  a: { steps: [{ deploy: { image: 'demo.azurecr.io/web:v1', aci: {} } }] }
  b: { steps: [{ deploy: { image: 'demo.azurecr.io/web:v1', aci: {} } }] }
";

const OWNER: OwnerTags =
    OwnerTags { plan: "shop", service: "a", repository: Some("octo/shop"), environment: None };

/// What the deploy says of a target with these tags in a folder of the repository
/// `Octo/Shop` or none, and the remedy.
async fn refused_by_owner(owner: OwnerTags, repository: Option<&str>) -> Option<[String; 2]> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut performer = performer(SHOP, folder.path()).await;
    performer.facts.id = OWN_RUN.to_owned();
    performer.facts.repository = repository.map(str::to_owned);
    performer.facts.environment_name = Some("preview".to_owned());
    let (mut job, _) = job(&performer);
    let image = format!("demo.azurecr.io/web@{}", Digest::of(b"image"));
    job.handover.pushed = Some(image.parse().expect("a reference"));
    let target = JobFile { run: Some(OWN_RUN.into()), owner: Some(owner), ..JobFile::default() };
    *target.content.lock().expect("no panic") = Some("another image".to_owned());
    let error = deploy_to(&target, &performer, &job).await.err()?;
    assert_eq!(*target.calls.lock().expect("no panic"), ["desired", "read"]);
    let failure = *error.failure;
    Some([failure.chain.join(": "), failure.help.unwrap_or_default()])
}

#[tokio::test]
async fn target_of_another_owner_is_not_overwritten() {
    let refused = async |owner, expected: &str, remedy: &str| {
        let message = format!(
            "the job file belongs to {expected}, whose run 01jd has deployed it: this step \
             would overwrite it"
        );
        let refused = refused_by_owner(owner, Some("Octo/Shop")).await;
        assert_eq!(refused, Some([message, remedy.to_owned()]));
    };
    let apart = "give this one another `name` or DNS label";
    let other = OwnerTags { service: "b", ..OWNER };
    refused(other, "service `b` of this plan", apart).await;
    let other = OwnerTags { environment: Some("production"), ..OWNER };
    refused(other, "the protected environment `production`", apart).await;
    let take_over = "`az tag update --operation Merge --resource-id file --tags";
    let remedy = format!(
        "{apart}; if the plan was renamed, or this one is to take it over, change its tags with \
         {take_over} shipway-plan=shop shipway-service=a`"
    );
    refused(OwnerTags { plan: "other", ..OWNER }, "plan `other`", &remedy).await;
    let remedy = format!(
        "{apart}; if the repository was renamed, or this one is to take it over, change its tags \
         with {take_over} shipway-repository=Octo/Shop`"
    );
    let other = OwnerTags { repository: Some("fork/shop"), ..OWNER };
    refused(other, "repository `fork/shop`", &remedy).await;
}

#[tokio::test]
async fn target_of_an_owner_that_is_not_known_or_was_renamed_is_taken_over() {
    let all = [
        (OWNER, Some("Octo/Shop")),
        (OWNER, None),
        (OwnerTags { repository: None, ..OWNER }, Some("Octo/Shop")),
        (OwnerTags { service: "renamed since", ..OWNER }, Some("Octo/Shop")),
        (OwnerTags { environment: Some("renamed since"), ..OWNER }, Some("Octo/Shop")),
        (OwnerTags { environment: Some("staging"), ..OWNER }, Some("Octo/Shop")),
        (OwnerTags { environment: Some("preview"), ..OWNER }, Some("Octo/Shop")),
    ];
    for (owner, repository) in all {
        assert_eq!(refused_by_owner(owner, repository).await, None);
    }
}
