//! The local GitHub API as a client sees it.

use super::{EventPullRequest, router};
use crate::local::identity::Identity;
use crate::local::initial_state::InitialState;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::path::Path;
use tower::ServiceExt as _;

const COMMENTS: &str = "/repos/octo/demo/issues/7/comments";

/// The fields that GitHub's API description lists as `required`.
const COMMENT: [&str; 8] =
    ["id", "node_id", "html_url", "issue_url", "user", "url", "created_at", "updated_at"];
const DEPLOYMENT: [&str; 14] = [
    "id",
    "node_id",
    "sha",
    "ref",
    "task",
    "environment",
    "creator",
    "payload",
    "description",
    "statuses_url",
    "repository_url",
    "url",
    "created_at",
    "updated_at",
];
const STATUS: [&str; 11] = [
    "id",
    "node_id",
    "state",
    "creator",
    "description",
    "deployment_url",
    "target_url",
    "repository_url",
    "url",
    "created_at",
    "updated_at",
];
const USER: [&str; 18] = [
    "avatar_url",
    "events_url",
    "followers_url",
    "following_url",
    "gists_url",
    "gravatar_id",
    "html_url",
    "id",
    "node_id",
    "login",
    "organizations_url",
    "received_events_url",
    "repos_url",
    "site_admin",
    "starred_url",
    "subscriptions_url",
    "type",
    "url",
];
const PULL_REQUEST: [&str; 42] = [
    "_links",
    "assignee",
    "labels",
    "base",
    "body",
    "closed_at",
    "comments_url",
    "commits_url",
    "created_at",
    "diff_url",
    "head",
    "html_url",
    "id",
    "node_id",
    "issue_url",
    "merge_commit_sha",
    "merged_at",
    "milestone",
    "number",
    "patch_url",
    "review_comment_url",
    "review_comments_url",
    "statuses_url",
    "state",
    "locked",
    "title",
    "updated_at",
    "url",
    "user",
    "author_association",
    "auto_merge",
    "additions",
    "changed_files",
    "comments",
    "commits",
    "deletions",
    "mergeable",
    "mergeable_state",
    "merged",
    "maintainer_can_modify",
    "merged_by",
    "review_comments",
];
const REPOSITORY: [&str; 19] = [
    "archive_url",
    "id",
    "name",
    "full_name",
    "owner",
    "private",
    "html_url",
    "clone_url",
    "default_branch",
    "fork",
    "pushed_at",
    "trees_url",
    "teams_url",
    "statuses_url",
    "license",
    "homepage",
    "has_pages",
    "stargazers_count",
    "updated_at",
];

#[track_caller]
fn has(body: &Value, fields: &[&str]) {
    for field in fields {
        assert!(body.get(field).is_some(), "no `{field}` in {body}");
    }
}

struct Hub {
    app: Router,
    token: String,
}

impl Hub {
    fn open(state: &Path) -> Self {
        Self::with(state, &Value::Null)
    }

    /// With a pull request from a fork, that was deleted if its name is empty.
    fn of_fork(state: &Path, name: &str) -> Self {
        Self::with(state, &json!(name))
    }

    fn with(state: &Path, head_repository: &Value) -> Self {
        let initial: InitialState = serde_json::from_value(json!({"github": {
            "repository": "octo/demo",
            "pull-request": {
                "number": 7, "title": "Add a feature", "head-sha": "a".repeat(40),
                "head-ref": "topic", "base-ref": "main", "head-repository": head_repository,
            },
        }}))
        .expect("an initial state");
        let identity = Identity::open(state, &initial).expect("an identity");
        let token = identity.github_token.expose().to_owned();
        let github = initial.github.as_ref();
        let pull_request =
            EventPullRequest::new(github.and_then(|github| github.pull_request.clone()));
        let app = router(github, pull_request, identity.github_token, state).expect("a router");
        Self { app, token }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, HeaderMap, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("user-agent", "test")
            .body(body)
            .expect("a request");
        let answer = self.app.clone().oneshot(request).await.expect("infallible");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.send("GET", path, Value::Null).await;
        (status, body)
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, _, body) = self.send("POST", path, body).await;
        (status, body)
    }
}

#[tokio::test]
async fn a_comment_is_created_changed_and_deleted() {
    let state = tempfile::tempdir().expect("a folder");
    let hub = Hub::open(state.path());

    let (status, comment) = hub.post(COMMENTS, json!({"body": "hello"})).await;
    assert_eq!(status, 201);
    has(&comment, &COMMENT);
    has(&comment["user"], &USER);
    assert_eq!(comment["user"]["login"], "github-actions[bot]");
    assert_eq!(comment["user"]["type"], "Bot");
    assert_eq!(comment["performed_via_github_app"]["slug"], "github-actions");
    let path = format!("/repos/Octo/Demo/issues/comments/{}", comment["id"]);
    let (status, _, changed) = hub.send("PATCH", &path, json!({"body": "again"})).await;
    assert_eq!((status, &changed["body"]), (200, &json!("again")));
    let again = Hub::open(state.path());
    assert_eq!(again.get(&path).await.1["body"], "again");
    assert_eq!(again.send("DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(again.send("DELETE", &path, Value::Null).await.0, 404);
}

#[tokio::test]
async fn page_links_contain_the_repository_number() {
    let state = tempfile::tempdir().expect("a folder");
    let hub = Hub::open(state.path());
    for number in 0..5 {
        hub.post(COMMENTS, json!({"body": format!("comment {number}")})).await;
    }

    let mut next = Some(format!("{COMMENTS}?per_page=2"));
    let mut seen = Vec::new();
    while let Some(path) = next {
        let (status, headers, page) = hub.send("GET", &path, Value::Null).await;
        assert_eq!(status, 200);
        seen.extend(page.as_array().expect("a list").iter().map(|one| one["body"].clone()));
        let link = headers.get("link").map_or("", |link| link.to_str().expect("text"));
        let following = link.split(", ").find(|link| link.ends_with("rel=\"next\""));
        next = following.map(|link| {
            assert!(link.starts_with("<https://api.github.com/repositories/"), "{link}");
            link["<https://api.github.com".len()..].split('>').next().expect("a URL").to_owned()
        });
    }

    let expected: Vec<Value> = (0..5).map(|number| json!(format!("comment {number}"))).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_comment_has_at_most_65536_characters() {
    let state = tempfile::tempdir().expect("a folder");
    let hub = Hub::open(state.path());

    let (status, _) = hub.post(COMMENTS, json!({"body": "ß".repeat(65_536)})).await;
    assert_eq!(status, 201);
    let (status, error) = hub.post(COMMENTS, json!({"body": "x".repeat(65_537)})).await;
    assert_eq!(status, 422);
    assert_eq!(error["message"], "Validation Failed");
    assert_eq!(error["errors"][0]["message"], "body is too long (maximum is 65536 characters)");
    assert_eq!(hub.post(COMMENTS, json!({})).await.0, 422);
    assert_eq!(hub.post("/repos/octo/demo/issues/8/comments", json!({"body": "x"})).await.0, 404);
    assert_eq!(hub.post("/repos/octo/else/issues/7/comments", json!({"body": "x"})).await.0, 404);
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let state = tempfile::tempdir().expect("a folder");
    let mut hub = Hub::open(state.path());
    assert_eq!(hub.get("/user").await.1["message"], "Resource not accessible by integration");

    hub.token = "ghs_wrong".into();

    let (status, error) = hub.get(COMMENTS).await;
    assert_eq!((status, &error["message"]), (401, &json!("Bad credentials")));
}

#[tokio::test]
async fn the_pull_request_is_found_by_number_branch_and_commit() {
    let state = tempfile::tempdir().expect("a folder");
    let hub = Hub::open(state.path());

    let (_, pull) = hub.get("/repos/octo/demo/pulls/7").await;
    has(&pull, &PULL_REQUEST);
    has(&pull["head"]["repo"], &REPOSITORY);
    assert_eq!(pull["head"]["sha"], "a".repeat(40));
    let number = |list: &Value| list[0]["number"].clone();
    let (_, by_branch) = hub.get("/repos/octo/demo/pulls?state=open&head=octo:topic").await;
    assert_eq!(number(&by_branch), 7);
    let (_, none) = hub.get("/repos/octo/demo/pulls?head=octo:other").await;
    assert_eq!(none, json!([]));
    let path = format!("/repos/octo/demo/commits/{}/pulls", "a".repeat(40));
    assert_eq!(number(&hub.get(&path).await.1), 7);
    assert_eq!(hub.get("/repos/octo/demo/pulls/8").await.0, 404);
    let (_, without_owner) = hub.get("/repos/octo/demo/pulls?head=other").await;
    assert_eq!(number(&without_owner), 7, "GitHub ignores such a filter");
}

#[tokio::test]
async fn the_pull_request_of_a_fork_has_its_repository() {
    let state = tempfile::tempdir().expect("a folder");
    let hub = Hub::of_fork(state.path(), "eve/demo");

    let (_, pull) = hub.get("/repos/octo/demo/pulls/7").await;
    has(&pull["head"]["repo"], &REPOSITORY);
    assert_eq!(pull["head"]["repo"]["full_name"], "eve/demo");
    assert_eq!(pull["head"]["label"], "eve:topic");
    assert_eq!(pull["base"]["repo"]["full_name"], "octo/demo");
    let (_, own) = hub.get("/repos/octo/demo/pulls?head=octo:topic").await;
    assert_eq!(own, json!([]));
    let (_, of_fork) = hub.get("/repos/octo/demo/pulls?head=Eve:topic").await;
    assert_eq!(of_fork[0]["number"], 7);

    let deleted = Hub::of_fork(state.path(), "");
    let (_, pull) = deleted.get("/repos/octo/demo/pulls/7").await;
    assert_eq!((&pull["head"]["repo"], &pull["head"]["user"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn success_deactivates_earlier_deployments_except_transient_ones() {
    let state = tempfile::tempdir().expect("a folder");
    let hub = Hub::open(state.path());
    let deploy = async |transient: bool| {
        let body = json!({
            "ref": "topic", "environment": "pr-7", "auto_merge": false, "required_contexts": [],
            "transient_environment": transient, "production_environment": false,
        });
        let (status, deployment) = hub.post("/repos/octo/demo/deployments", body).await;
        assert_eq!(status, 201);
        has(&deployment, &DEPLOYMENT);
        assert_eq!(deployment["sha"], "a".repeat(40));
        format!("/repos/octo/demo/deployments/{}", deployment["id"])
    };
    let succeed = async |path: &str| {
        let body =
            json!({"state": "success", "environment_url": "http://x/", "log_url": "http://l/"});
        let (status, body) = hub.post(&format!("{path}/statuses"), body).await;
        assert_eq!(status, 201);
        has(&body, &STATUS);
    };
    let state_of =
        async |path: &str| hub.get(&format!("{path}/statuses")).await.1[0]["state"].clone();
    let (transient, plain) = (deploy(true).await, deploy(false).await);
    succeed(&transient).await;
    succeed(&plain).await;

    let newest = deploy(false).await;
    succeed(&newest).await;

    assert_eq!(state_of(&transient).await, "success");
    assert_eq!(state_of(&plain).await, "inactive");
    assert_eq!(state_of(&newest).await, "success");
    let (_, listed) = hub.get("/repos/octo/demo/deployments?environment=pr-7").await;
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    assert_eq!(hub.send("DELETE", &newest, Value::Null).await.0, 422);
    assert_eq!(hub.send("DELETE", &plain, Value::Null).await.0, 204);
}

#[tokio::test]
async fn a_pending_required_status_is_a_conflict() {
    let state = tempfile::tempdir().expect("a folder");
    let hub = Hub::open(state.path());
    let sha = "a".repeat(40);
    let path = format!("/repos/octo/demo/statuses/{sha}");
    let (status, _) = hub.post(&path, json!({"state": "pending", "context": "ci"})).await;
    assert_eq!(status, 201);

    let (status, error) = hub.post("/repos/octo/demo/deployments", json!({"ref": sha})).await;
    assert_eq!(status, 409);
    assert_eq!(error["errors"][0]["contexts"][0], json!({"context": "ci", "state": "pending"}));
    let body = json!({"ref": sha, "required_contexts": []});
    assert_eq!(hub.post("/repos/octo/demo/deployments", body).await.0, 201);
    let (_, combined) = hub.get("/repos/octo/demo/commits/topic/status").await;
    assert_eq!(combined["state"], "pending");
}

#[tokio::test]
async fn a_branch_is_gone_once_its_pull_request_is_closed() {
    let state = tempfile::tempdir().expect("a folder");
    let hub = Hub::open(state.path());

    assert_eq!(hub.get("/repos/octo/demo/branches/topic").await.1["name"], "topic");
    assert_eq!(hub.get("/repos/octo/demo/branches/old%2Ffix").await.0, 404);
    let (_, found) = hub.get("/repos/octo/demo/git/matching-refs/heads/top").await;
    assert_eq!(found[0]["ref"], "refs/heads/topic");
    let (status, found) = hub.get("/repos/octo/demo/git/matching-refs/heads/old/fix").await;
    assert_eq!((status, found), (200, json!([])));
}
