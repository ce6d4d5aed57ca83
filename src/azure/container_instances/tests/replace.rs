//! Groups that are updated, replaced, deleted and put back.

use super::{accepted, deploy, desired, groups, id, missing, on, refusal, running, succeeded};
use crate::azure::container_instances::Replace;
use crate::azure::fake::{FakeAzure, Reply, shown};
use serde_json::json;

const IMMUTABLE: &str = "InvalidContainerGroupUpdate";

#[tokio::test]
async fn an_update_that_needs_a_new_group_names_what_changed() {
    let (get, put) = (on("GET"), on("PUT"));
    let fake = FakeAzure::script(vec![
        (&get, vec![running()]),
        (&put, vec![refusal(400, IMMUTABLE, "delete it first")]),
    ])
    .await;
    let mut wanted = desired();
    wanted.containers[0].cpu = 0.5;

    let error = deploy(&fake, &wanted).await.expect_err("refused");

    assert_eq!(
        shown(&error),
        "cannot update container group `g`: Azure does not change `cpu` from 1 to 0.5 in place\n  \
         management.azure.com answered 400 `InvalidContainerGroupUpdate`: delete it first\n\
         help: this cannot be changed in place; allow `replace: when-required`, which deletes the \
         group and creates it again, with a new address and a minute without service"
    );
    assert_eq!(fake.log(), format!("{get} -> 200\n{put} -> 400\n"));
}

#[tokio::test]
async fn a_group_is_replaced_where_that_is_allowed() {
    let (get, put, delete) = (on("GET"), on("PUT"), on("DELETE"));
    let fake = FakeAzure::script(vec![
        (&get, vec![running(), running(), missing(), running()]),
        (
            &put,
            vec![
                refusal(400, IMMUTABLE, "delete it first"),
                refusal(409, "ContainerGroupTransitioning", "still deleting"),
                accepted(),
            ],
        ),
        // The answer to a DELETE is the old group, running.
        (&delete, vec![running()]),
        succeeded(),
    ])
    .await;
    let mut wanted = desired();
    wanted.replace = Replace::WhenRequired;

    deploy(&fake, &wanted).await.expect("replaced");

    let get = format!("{get} -> ");
    assert_eq!(
        fake.log(),
        format!(
            "{get}200\n{put} -> 400\n{delete} -> 200\n{get}200\n{get}404\n{put} -> 409\n\
             {put} -> 201\nGET management.azure.com/operations/1 -> 200\n{get}200\n{get}200\n"
        )
    );
}

#[tokio::test]
async fn replace_always_deletes_first() {
    let (get, put, delete) = (on("GET"), on("PUT"), on("DELETE"));
    let fake = FakeAzure::script(vec![
        (&get, vec![running(), missing(), running()]),
        (&put, vec![accepted()]),
        (&delete, vec![running()]),
        succeeded(),
    ])
    .await;
    let mut wanted = desired();
    wanted.replace = Replace::Always;

    deploy(&fake, &wanted).await.expect("replaced");
    assert!(fake.log().starts_with(&format!("{get} -> 200\n{delete} -> 200\n{get} -> 404\n")));
}

#[tokio::test]
async fn deleting_a_missing_group_succeeds() {
    let delete = on("DELETE");
    for reply in [missing(), Reply::new(204, "")] {
        let fake = FakeAzure::script(vec![(&delete, vec![reply])]).await;
        groups(&fake).delete(&id()).await.expect("gone");
    }
}

#[tokio::test]
async fn a_group_is_put_back_in_place() {
    let put = on("PUT");
    let fake = FakeAzure::script(vec![(&put, vec![accepted()]), succeeded()]).await;
    let body = json!({ "properties": { "containers": [], "osType": "Linux" } });

    groups(&fake).restore(&id(), &body, Replace::Never, &|_| {}).await.expect("put back");

    assert_eq!(fake.log(), format!("{put} -> 201\nGET management.azure.com/operations/1 -> 200\n"));
}

#[tokio::test]
async fn a_group_that_cannot_be_put_back_in_place_is_deleted_before() {
    let (get, put, delete) = (on("GET"), on("PUT"), on("DELETE"));
    let refused = || refusal(400, IMMUTABLE, "delete it first");
    let fake = FakeAzure::script(vec![
        (&get, vec![missing()]),
        (&put, vec![refused(), accepted(), refused()]),
        (&delete, vec![running()]),
        succeeded(),
    ])
    .await;
    let groups = groups(&fake);
    let body = json!({ "properties": { "containers": [], "osType": "Linux" } });

    groups.restore(&id(), &body, Replace::WhenRequired, &|_| {}).await.expect("put back");
    let forbidden = groups.restore(&id(), &body, Replace::Never, &|_| {}).await;

    assert_eq!(
        fake.log(),
        format!(
            "{put} -> 400\n{delete} -> 200\n{get} -> 404\n{put} -> 201\n\
             GET management.azure.com/operations/1 -> 200\n{put} -> 400\n"
        )
    );
    let said = shown(&forbidden.expect_err("it must not be deleted"));
    let first = "cannot update container group `g`: Azure does not change this in place\n";
    assert!(said.starts_with(first), "{said}");
}
