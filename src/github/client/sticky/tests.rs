use super::{Change, Marker, Markers, StickyComment, Upserted};
use crate::github::client::BuiltCommit;
use crate::github::client::fake::{Answer, FakeGithub, repo};

const LIST: &str = "GET /repos/o/r/issues/7/comments?per_page=100";
const CREATE: &str = "POST /repos/o/r/issues/7/comments";

fn marker() -> Marker {
    Marker::new("storefront", Some("preview"), "default")
}

fn by(id: u64, login: &str, kind: &str, text: &str) -> String {
    let body = format!("{}\n{text}", marker());
    serde_json::json!({
        "id": id,
        "html_url": format!("https://github.com/o/r/pull/7#issuecomment-{id}"),
        "body": body,
        "user": { "login": login, "type": kind },
        "performed_via_github_app": null,
    })
    .to_string()
}

fn bots(id: u64, text: &str) -> String {
    by(id, "github-actions[bot]", "Bot", text)
}

fn list(comments: &[String]) -> Answer {
    Answer::json(200, &format!("[{}]", comments.join(",")))
}

async fn upsert(github: &FakeGithub) -> (u64, Change) {
    let marker = marker();
    let comment = StickyComment { marker: &marker, replaces: None, body: "new", commit: None };
    let upserted = github.client().upsert_comment(&repo(), 7, &comment).await;
    let Ok(Upserted::Posted(posted)) = upserted else { panic!("{upserted:?}") };
    (posted.id, posted.change)
}

fn commit(hash: &str, time: &str) -> BuiltCommit {
    BuiltCommit { hash: hash.into(), time: time.parse().expect("a time") }
}

#[test]
fn a_marker_cannot_be_broken_out_of() {
    assert_eq!(marker().to_string(), "<!-- shipway key=storefront/preview/default -->");
    assert_eq!(
        Marker::new("a-->b", None, "x/y ü").to_string(),
        "<!-- shipway key=a%2D%2D%3Eb//x%2Fy%20%C3%BC -->"
    );
}

#[tokio::test]
async fn where_there_is_none_it_is_created() {
    let github = FakeGithub::start(&[
        (LIST, vec![list(&[]), list(&[bots(3, "new")])]),
        (CREATE, vec![Answer::json(201, &bots(3, "new"))]),
    ])
    .await;
    assert_eq!(upsert(&github).await, (3, Change::Created));
    assert_eq!(github.log(), format!("{LIST} -> 200\n{CREATE} -> 201\n{LIST} -> 200"));
    let sent: serde_json::Value = serde_json::from_str(&github.requests()[1].body).expect("JSON");
    assert_eq!(sent["body"], "<!-- shipway key=storefront/preview/default -->\nnew");
}

/// The log of a container may have any text, and a card quotes it.
#[tokio::test]
async fn comment_of_another_plan_that_quotes_a_marker_is_left_alone() {
    let other = Marker::new("api", Some("preview"), "default");
    let quoting = |id: u64| {
        let built = commit("aaaaaaa", "2099-01-01T00:00:00Z");
        let body = format!("{other}\n### api: failed\n{}\n{}\n", marker(), built.line());
        let mut comment: serde_json::Value = serde_json::from_str(&bots(id, "")).expect("JSON");
        comment["body"] = body.into();
        comment.to_string()
    };
    let github = FakeGithub::start(&[
        (LIST, vec![list(&[quoting(3), bots(4, "old"), quoting(5)])]),
        ("PATCH /repos/o/r/issues/comments/4", vec![Answer::json(200, &bots(4, "new"))]),
    ])
    .await;
    assert_eq!(upsert(&github).await, (4, Change::Updated));
    assert_eq!(
        BuiltCommit::of_comment(&format!("text\n{}", commit("a", "2099-01-01T00:00:00Z").line())),
        None
    );
}

#[tokio::test]
async fn where_there_is_one_it_is_updated() {
    let github = FakeGithub::start(&[
        (LIST, vec![list(&[bots(3, "old")])]),
        ("PATCH /repos/o/r/issues/comments/3", vec![Answer::json(200, &bots(3, "new"))]),
    ])
    .await;
    assert_eq!(upsert(&github).await, (3, Change::Updated));
}

#[tokio::test]
async fn one_that_says_it_already_is_left_alone() {
    let github = FakeGithub::start(&[(LIST, vec![list(&[bots(3, "new\r\n")])])]).await;
    assert_eq!(upsert(&github).await, (3, Change::Unchanged));
    assert_eq!(github.log(), format!("{LIST} -> 200"));
}

#[tokio::test]
async fn a_person_who_quotes_the_marker_keeps_their_words() {
    let github = FakeGithub::start(&[
        (
            LIST,
            vec![
                list(&[by(2, "mallory", "User", "old")]),
                list(&[by(2, "mallory", "User", "old"), bots(3, "new")]),
            ],
        ),
        (
            "GET /user",
            vec![
                Answer::json(403, r#"{"message":"Resource not accessible by integration"}"#),
                Answer::json(403, "{}"),
            ],
        ),
        (CREATE, vec![Answer::json(201, &bots(3, "new"))]),
    ])
    .await;
    assert_eq!(upsert(&github).await, (3, Change::Created));
}

#[tokio::test]
async fn with_ones_own_token_ones_own_comment_is_found() {
    let github = FakeGithub::start(&[
        (LIST, vec![list(&[by(2, "mallory", "User", "old"), by(4, "me", "User", "old")])]),
        ("GET /user", vec![Answer::json(200, r#"{"login":"me","type":"User"}"#)]),
        (
            "PATCH /repos/o/r/issues/comments/4",
            vec![Answer::json(200, &by(4, "me", "User", "new"))],
        ),
    ])
    .await;
    assert_eq!(upsert(&github).await, (4, Change::Updated));
}

#[tokio::test]
async fn one_that_was_deleted_in_this_moment_is_created_again_once() {
    let github = FakeGithub::start(&[
        (LIST, vec![list(&[bots(3, "old")]), list(&[bots(5, "new")])]),
        (
            "PATCH /repos/o/r/issues/comments/3",
            vec![Answer::json(404, r#"{"message":"Not Found"}"#)],
        ),
        (CREATE, vec![Answer::json(201, &bots(5, "new"))]),
    ])
    .await;
    assert_eq!(upsert(&github).await, (5, Change::Created));
}

#[tokio::test]
async fn of_two_jobs_that_raced_the_older_comment_stays() {
    let both = || list(&[bots(3, "theirs"), bots(4, "new")]);
    let github = FakeGithub::start(&[
        (LIST, vec![list(&[]), both(), both()]),
        (CREATE, vec![Answer::json(201, &bots(4, "new"))]),
        ("DELETE /repos/o/r/issues/comments/4", vec![Answer::json(204, "")]),
        ("PATCH /repos/o/r/issues/comments/3", vec![Answer::json(200, &bots(3, "new"))]),
    ])
    .await;
    assert_eq!(upsert(&github).await, (3, Change::Updated));
}

#[tokio::test]
async fn comment_about_a_newer_commit_is_left_alone() {
    let newer = commit("2222222bbb", "2026-11-20T11:00:00Z");
    let there = bots(3, &format!("{}\nold", newer.line()));
    let github = FakeGithub::start(&[(LIST, vec![list(&[there])])]).await;
    let (marker, older) = (marker(), commit("1111111aaa", "2026-11-20T10:00:00Z"));
    let (replaces, commit) = (None, Some(&older));
    let comment = StickyComment { marker: &marker, replaces, body: "new", commit };
    let upserted = github.client().upsert_comment(&repo(), 7, &comment).await;

    assert_eq!(upserted.expect("an answer"), Upserted::Newer(newer));
    assert_eq!(github.log(), format!("{LIST} -> 200"));
}

#[tokio::test]
async fn comment_of_a_run_without_an_environment_gives_way_to_that_of_an_environment() {
    let without = Marker::new("storefront", None, "default");
    let there = bots(3, "old").replace(&marker().to_string(), &without.to_string());
    let github = FakeGithub::start(&[
        (LIST, vec![list(&[there, bots(4, "older")])]),
        ("DELETE /repos/o/r/issues/comments/4", vec![Answer::json(204, "")]),
        ("PATCH /repos/o/r/issues/comments/3", vec![Answer::json(200, &bots(3, "new"))]),
    ])
    .await;
    let marker = marker();
    let replaces = Some(&without);
    let comment = StickyComment { marker: &marker, replaces, body: "new", commit: None };
    let upserted = github.client().upsert_comment(&repo(), 7, &comment).await;

    let Ok(Upserted::Posted(posted)) = upserted else { panic!("{upserted:?}") };
    assert_eq!((posted.id, posted.change), (3, Change::Updated));
    let requests = github.requests();
    let sent = requests.iter().find(|seen| seen.line.starts_with("PATCH")).expect("sent");
    let sent: serde_json::Value = serde_json::from_str(&sent.body).expect("JSON");
    assert_eq!(sent["body"], "<!-- shipway key=storefront/preview/default -->\nnew");
}

#[tokio::test]
async fn a_duplicate_of_before_is_deleted() {
    let github = FakeGithub::start(&[
        (LIST, vec![list(&[bots(3, "new"), bots(4, "old")])]),
        ("DELETE /repos/o/r/issues/comments/4", vec![Answer::json(404, "{}")]),
    ])
    .await;
    assert_eq!(upsert(&github).await, (3, Change::Unchanged));
}

#[tokio::test]
async fn no_comment_is_made_where_one_is_only_updated() {
    let github = FakeGithub::start(&[
        (LIST, vec![list(&[]), list(&[bots(3, "old")])]),
        ("PATCH /repos/o/r/issues/comments/3", vec![Answer::json(200, &bots(3, "new"))]),
    ])
    .await;
    let (client, repo, marker) = (github.client(), repo(), marker());
    let body = format!("{marker}\nnew");
    let update = || client.update_sticky_comment(&repo, 7, &marker, &body);
    assert_eq!(update().await.expect("an answer"), None);
    assert_eq!(update().await.expect("an answer").map(|posted| posted.id), Some(3));
}

#[test]
fn the_environment_of_a_comment_is_read_from_its_marker() {
    let markers = Markers { plan: "my shop", key: "arm" };
    let of = |plan: &str, environment: Option<&str>, key: &str| {
        markers.environment(&format!("{}\n### x", Marker::new(plan, environment, key)))
    };
    assert_eq!(of("my shop", Some("pre/view"), "arm").as_deref(), Some("pre/view"));
    assert_eq!(of("my shop", None, "arm").as_deref(), Some(""));
    assert_eq!(of("my shop", Some("preview"), ""), None);
    assert_eq!(of("my", Some("preview"), "arm"), None);
}
