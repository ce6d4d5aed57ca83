//! What GitHub is asked for a deployment.

use super::Record;
use crate::github::client::fake::{Answer, FakeGithub, repo};
use crate::github::client::{DeploymentState, DeploymentStatus, NewDeployment};
use crate::report::Replaced;

const CREATE: &str = "POST /repos/o/r/deployments";
const STATUS: &str = "POST /repos/o/r/deployments/5/statuses";
const LIST: &str = "GET /repos/o/r/deployments?environment=shop%2Fpr-7&per_page=100";

fn created() -> Answer {
    Answer::json(201, r#"{"id":5}"#)
}

fn busy(status: u16) -> Answer {
    Answer::json(status, r#"{"message":"busy"}"#)
}

/// Records a deployment, and returns what GitHub was asked.
async fn recorded(
    state: DeploymentState,
    replaced: Replaced,
    script: &[(&str, Vec<Answer>)],
) -> String {
    asked(false, state, replaced, script).await
}

async fn asked(
    may_exist: bool,
    state: DeploymentState,
    replaced: Replaced,
    script: &[(&str, Vec<Answer>)],
) -> String {
    let github = FakeGithub::start(script).await;
    let record = Record { client: github.client(), repo: repo(), may_exist, may_stand: false };
    let (new, status) = described(state, replaced);
    let id = record.make(&new, &status, replaced).await.expect("recorded");
    assert_eq!(id, 5);
    github.log()
}

/// A deployment, and the status that it gets.
fn described(state: DeploymentState, replaced: Replaced) -> (NewDeployment, DeploymentStatus) {
    let new = NewDeployment {
        commit: "abc".into(),
        environment: "shop/pr-7".into(),
        transient: true,
        production: false,
        description: "shop".into(),
        run: "01jd".into(),
    };
    let status = DeploymentStatus {
        state,
        log_url: None,
        environment_url: None,
        description: "shop".into(),
        ends_others: replaced == Replaced::AllOthers,
    };
    (new, status)
}

#[tokio::test]
async fn an_earlier_deployment_ends_only_if_it_was_replaced() {
    let script = |more: Vec<(&'static str, Vec<Answer>)>| {
        let mut script = vec![(CREATE, vec![created()]), (STATUS, vec![Answer::json(201, "{}")])];
        script.extend(more);
        script
    };
    let failed = recorded(DeploymentState::Failure, Replaced::Nothing, &script(vec![])).await;
    assert_eq!(failed, format!("{CREATE} -> 201\n{STATUS} -> 201"));

    let ended = "POST /repos/o/r/deployments/4/statuses";
    let script = script(vec![
        (LIST, vec![Answer::json(200, r#"[{"id":5},{"id":4}]"#)]),
        (ended, vec![Answer::json(201, "{}")]),
    ]);
    let succeeded = recorded(DeploymentState::Success, Replaced::AllOthers, &script).await;
    assert_eq!(
        succeeded,
        format!("{CREATE} -> 201\n{STATUS} -> 201\n{LIST} -> 200\n{ended} -> 201")
    );
}

#[tokio::test]
async fn the_deployment_of_a_later_run_stays_where_only_earlier_ones_were_replaced() {
    let of = |id: u64, run: &str| format!(r#"{{"id":{id},"payload":{{"run":"{run}"}}}}"#);
    let list = format!("[{},{},{}]", of(6, "01je"), of(5, "01jd"), of(4, "01jc"));
    let (earlier, ended) = (
        "GET /repos/o/r/deployments/4/statuses?per_page=1",
        "POST /repos/o/r/deployments/4/statuses",
    );
    for state in [DeploymentState::Failure, DeploymentState::Success] {
        let script = [
            (CREATE, vec![created()]),
            (STATUS, vec![Answer::json(201, "{}")]),
            (LIST, vec![Answer::json(200, &list)]),
            (earlier, vec![Answer::json(200, r#"[{"state":"success"}]"#)]),
            (ended, vec![Answer::json(201, "{}")]),
        ];
        let asked = recorded(state, Replaced::EarlierRuns, &script).await;
        assert_eq!(
            asked,
            format!(
                "{CREATE} -> 201\n{STATUS} -> 201\n{LIST} -> 200\n{earlier} -> 200\n{ended} -> 201"
            )
        );
    }
}

#[tokio::test]
async fn a_server_error_is_retried_without_a_second_deployment() {
    let mine = r#"[{"id":5,"sha":"abc","payload":{"run":"01jd"}}]"#;
    let asked = recorded(
        DeploymentState::Failure,
        Replaced::Nothing,
        &[
            (CREATE, vec![busy(502)]),
            (LIST, vec![Answer::json(200, mine)]),
            (STATUS, vec![busy(503), Answer::json(201, "{}")]),
        ],
    )
    .await;
    assert_eq!(asked, format!("{CREATE} -> 502\n{LIST} -> 200\n{STATUS} -> 503\n{STATUS} -> 201"));

    let limited = busy(403).header("retry-after", "0");
    let asked = recorded(
        DeploymentState::Failure,
        Replaced::Nothing,
        &[
            (CREATE, vec![limited, created()]),
            (LIST, vec![Answer::json(200, "[]")]),
            (STATUS, vec![Answer::json(201, "{}")]),
        ],
    )
    .await;
    assert_eq!(asked, format!("{CREATE} -> 403\n{LIST} -> 200\n{CREATE} -> 201\n{STATUS} -> 201"));
}

#[tokio::test]
async fn a_deployment_that_is_not_known_yet_is_asked_for_once_more() {
    let asked = recorded(
        DeploymentState::Failure,
        Replaced::Nothing,
        &[(CREATE, vec![created()]), (STATUS, vec![busy(404), Answer::json(201, "{}")])],
    )
    .await;
    assert_eq!(asked, format!("{CREATE} -> 201\n{STATUS} -> 404\n{STATUS} -> 201"));
}

#[tokio::test]
async fn a_resumed_run_sets_the_status_of_the_deployment_that_it_has() {
    let script = |list: &str| {
        vec![(LIST, vec![Answer::json(200, list)]), (STATUS, vec![Answer::json(201, "{}")])]
    };
    let mine = r#"[{"id":5,"sha":"abc","payload":{"run":"01jd"}}]"#;
    let log = asked(true, DeploymentState::Failure, Replaced::Nothing, &script(mine)).await;
    assert_eq!(log, format!("{LIST} -> 200\n{STATUS} -> 201"));

    let mut of_another = script(r#"[{"id":4,"sha":"abc","payload":{"run":"01jc"}}]"#);
    of_another.push((CREATE, vec![created()]));
    let log = asked(true, DeploymentState::Failure, Replaced::Nothing, &of_another).await;
    assert_eq!(log, format!("{LIST} -> 200\n{CREATE} -> 201\n{STATUS} -> 201"));
}

#[tokio::test]
async fn a_resumed_run_is_not_shown_as_deployed_over_a_later_one_that_succeeded() {
    let of =
        |id: u64, run: &str| format!(r#"{{"id":{id},"sha":"abc","payload":{{"run":"{run}"}}}}"#);
    let list = format!("[{},{}]", of(6, "01je"), of(5, "01jd"));
    let later = "GET /repos/o/r/deployments/6/statuses?per_page=1";
    for (state, sent) in [("success", "inactive"), ("failure", "success")] {
        let script = [
            (LIST, vec![Answer::json(200, &list); 3]),
            (later, vec![Answer::json(200, &format!(r#"[{{"state":"{state}"}}]"#))]),
            (STATUS, vec![Answer::json(201, "{}")]),
        ];
        let github = FakeGithub::start(&script).await;
        let record =
            Record { client: github.client(), repo: repo(), may_exist: true, may_stand: false };
        let (new, status) = described(DeploymentState::Success, Replaced::EarlierRuns);
        record.make(&new, &status, Replaced::EarlierRuns).await.expect("recorded");
        let asked = github.log();
        assert_eq!(
            asked,
            format!("{LIST} -> 200\n{LIST} -> 200\n{later} -> 200\n{STATUS} -> 201\n{LIST} -> 200")
        );
        let requests = github.requests();
        let set = requests.iter().find(|seen| seen.line == STATUS).expect("a status");
        let body: serde_json::Value = serde_json::from_str(&set.body).expect("JSON");
        assert_eq!(body["state"], sent, "the later one ended as {state}");
    }
}

#[tokio::test]
async fn deployment_that_says_the_same_already_stands_where_nothing_changed() {
    let latest = "GET /repos/o/r/deployments/4/statuses?per_page=1";
    let asked = async |sha: &str, state: &str| {
        let list = format!(r#"[{{"id":4,"sha":"{sha}"}}]"#);
        let known = format!(r#"[{{"state":"{state}","environment_url":""}}]"#);
        let github = FakeGithub::start(&[
            (LIST, vec![Answer::json(200, &list), Answer::json(200, "[]")]),
            (latest, vec![Answer::json(200, &known)]),
            (CREATE, vec![created()]),
            (STATUS, vec![Answer::json(201, "{}")]),
        ])
        .await;
        let record =
            Record { client: github.client(), repo: repo(), may_exist: false, may_stand: true };
        let (new, status) = described(DeploymentState::Success, Replaced::AllOthers);
        let id = record.make(&new, &status, Replaced::AllOthers).await.expect("recorded");
        (id, github.log())
    };
    assert_eq!(asked("abc", "success").await, (4, format!("{LIST} -> 200\n{latest} -> 200")));
    let made = format!("{CREATE} -> 201\n{STATUS} -> 201\n{LIST} -> 200");
    let failed = asked("abc", "failure").await;
    assert_eq!(failed, (5, format!("{LIST} -> 200\n{latest} -> 200\n{made}")));
    assert_eq!(asked("other", "success").await, (5, format!("{LIST} -> 200\n{made}")));
}
