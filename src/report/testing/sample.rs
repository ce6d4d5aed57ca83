//! Events for the tests of reporters.

use crate::event::{
    Channel, Event, EventKind, Failure, LEFT_OUT_BY_ONLY, LayerProgress, Origin, Outcome, Outputs,
    PlanPosition, PlannedStep, Progress, Reported, RunFinished, RunStarted, ServiceResult,
    Shortfall, Status, StepId, Verb,
};
use std::time::Duration;

pub(in crate::report) const DIGEST: &str =
    "sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";

pub(in crate::report) fn id(service: &str, step: &str) -> StepId {
    StepId { service: service.into(), step: step.into() }
}

pub(in crate::report) fn at(millis: u64, kind: EventKind) -> Event {
    Event { at: Duration::from_millis(millis), kind }
}

pub(in crate::report) fn planned(service: &str, step: &str, action: &str) -> PlannedStep {
    PlannedStep { id: id(service, step), action: action.to_owned(), title: step.into() }
}

pub(in crate::report) fn run_started() -> RunStarted {
    RunStarted {
        run: "01JD0000000000000000000000".into(),
        plan: "storefront".into(),
        file: "shipway.yml".into(),
        environment: Some("preview".into()),
        dry_run: false,
        from: None,
        started: "2026-11-21T10:00:00Z".into(),
        ttl: None,
        origin: Origin {
            commit: Some("4387e9f3d6e14c459867679a90fd0f7912345678".into()),
            commit_url: Some(
                "https://github.com/o/r/commit/4387e9f3d6e14c459867679a90fd0f7912345678".into(),
            ),
            uncommitted: false,
            run_url: Some("https://github.com/o/r/actions/runs/77".into()),
        },
        steps: vec![
            planned("web", "build", "build"),
            planned("web", "push", "push"),
            planned("web", "live", "deploy"),
            planned("migrations", "run", "run"),
        ],
    }
}

pub(in crate::report) fn started() -> Event {
    at(0, EventKind::RunStarted(run_started()))
}

pub(in crate::report) fn failure() -> Failure {
    Failure {
        chain: vec![
            "cannot push `storefront.azurecr.io/web`".into(),
            "PUT https://storefront.azurecr.io/v2/web/manifests/1: 503: busy".into(),
        ],
        details: vec![],
        help: None,
        place: None,
    }
}

pub(in crate::report) fn whole_failure() -> Failure {
    Failure {
        chain: vec![
            "deploy `storefront`".into(),
            "the container ended with exit code 1".into(),
            "no such file `/server`\nsecond line".into(),
        ],
        details: vec!["events:".into(), "  Pulled image".into(), "::error::x ##[error]y".into()],
        help: Some("build the image with `/server` in it".into()),
        place: Some(PlanPosition { file: "deploy/shipway.yml".into(), line: 12, column: 9 }),
    }
}

pub(in crate::report) fn outputs(pairs: &[(&str, &str)]) -> Outputs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(in crate::report) fn finished(
    service: &str,
    step: &str,
    outcome: Outcome,
    given: &[(&str, &str)],
) -> Event {
    let took = Duration::from_millis(800);
    let outputs = outputs(given);
    at(5_000, EventKind::StepFinished { step: id(service, step), outcome, took, outputs })
}

pub(in crate::report) fn progressed(millis: u64, done: u64) -> Event {
    moved(millis, done, &[])
}

/// The progress of a push. The layers have six and four million bytes.
pub(in crate::report) fn moved(millis: u64, done: u64, layers: &[(&str, u64)]) -> Event {
    transfer(millis, Verb::Pushed, (done, 10_000_000), layers)
}

/// The progress of a push or a build, with the layers of [`moved`].
pub(in crate::report) fn transfer(
    millis: u64,
    verb: Verb,
    (done, total): (u64, u64),
    layers: &[(&str, u64)],
) -> Event {
    let layers = layers.iter().map(|(name, done)| LayerProgress {
        name: (*name).to_owned(),
        done: *done,
        total: if *name == DIGEST { 6_000_000 } else { 4_000_000 },
    });
    let progress = Progress { verb, done, total, layers: layers.collect() };
    let step = match verb {
        Verb::Pushed => id("web", "push"),
        Verb::Pulled | Verb::Packed | Verb::Copied => id("web", "build"),
    };
    at(millis, EventKind::Progressed { step, progress })
}

pub(in crate::report) fn line(service: &str, step: &str, text: &str) -> Event {
    let step = id(service, step);
    at(2_000, EventKind::OutputLine { step, line: text.into() })
}

pub(in crate::report) fn begun(service: &str, step: &str) -> Event {
    at(1_000, EventKind::StepStarted { step: id(service, step) })
}

pub(in crate::report) fn failed(tolerated: bool) -> Outcome {
    Outcome::Failed { failure: whole_failure(), tolerated }
}

pub(in crate::report) fn reported(dry: bool) -> Event {
    at(
        9_000,
        EventKind::Reported(Reported {
            to: Channel::Comment,
            id: Some(41),
            url: Some("https://github.com/o/r/pull/1#issuecomment-41".into()),
            text: dry.then(|| "storefront: succeeded\n\n  web  http://x/".into()),
        }),
    )
}

pub(in crate::report) fn web() -> ServiceResult {
    ServiceResult {
        name: "web".into(),
        status: Status::Succeeded,
        missing: None,
        reason: None,
        also_missing: vec![],
        outputs: outputs(&[
            ("url", "http://storefront.westeurope.azurecontainer.io/"),
            ("urls", r#"["http://storefront.westeurope.azurecontainer.io/"]"#),
            ("fqdn", "storefront.westeurope.azurecontainer.io"),
            ("digest", DIGEST),
            ("image", &format!("storefront.azurecr.io/web@{DIGEST}")),
            ("tags", "v1\nlatest"),
        ]),
        took: Duration::from_millis(12_340),
        failure: None,
        later_failures: vec![],
        withdrawn: None,
        rollbacks: vec![],
    }
}

pub(in crate::report) fn broken() -> ServiceResult {
    ServiceResult {
        name: "migrations".into(),
        status: Status::Failed,
        missing: None,
        reason: None,
        also_missing: vec![],
        outputs: Outputs::new(),
        took: Duration::from_secs(75),
        failure: Some((id("migrations", "run"), whole_failure())),
        later_failures: vec![],
        withdrawn: None,
        rollbacks: vec![],
    }
}

pub(in crate::report) fn good_end() -> RunFinished {
    RunFinished {
        status: Status::Succeeded,
        exit_code: 0,
        services: vec![web()],
        refusals: vec![],
        is_resumed: false,
        notes: vec![],
    }
}

pub(in crate::report) fn bad_end() -> RunFinished {
    RunFinished {
        status: Status::Failed,
        exit_code: 4,
        services: vec![web(), broken()],
        refusals: vec![],
        is_resumed: false,
        notes: vec!["the placeholder of `acr-password` was used".into()],
    }
}

/// A service that ended in no time, without outputs.
pub(in crate::report) fn ended(
    name: &str,
    status: Status,
    missing: Option<&str>,
    reason: Option<&str>,
) -> ServiceResult {
    ServiceResult {
        name: name.into(),
        status,
        missing: missing.map(str::to_owned),
        reason: reason.map(str::to_owned),
        also_missing: vec![],
        outputs: Outputs::new(),
        took: Duration::ZERO,
        failure: None,
        later_failures: vec![],
        withdrawn: None,
        rollbacks: vec![],
    }
}

/// Its `verify` failed, which the plan tolerates.
pub(in crate::report) fn not_verified() -> ServiceResult {
    let reason = "verify `http://x/health`: no connection";
    ServiceResult {
        outputs: outputs(&[("url", "http://x/")]),
        took: Duration::from_secs(9),
        ..ended("web", Status::Succeeded, Some("not verified"), Some(reason))
    }
}

/// Another service failed between its `push` and its `deploy`.
pub(in crate::report) fn not_deployed() -> ServiceResult {
    ServiceResult {
        outputs: outputs(&[("digest", DIGEST)]),
        took: Duration::from_secs(3),
        ..ended("docs", Status::Skipped, Some("not deployed"), Some("tests failed"))
    }
}

/// Its deploy was left out for the code of a fork.
pub(in crate::report) fn forked() -> ServiceResult {
    let reason = "the code comes from a fork";
    ServiceResult {
        took: Duration::from_secs(3),
        ..ended("web", Status::Skipped, Some("not deployed"), Some(reason))
    }
}

/// Its step did not end in time.
pub(in crate::report) fn timed_out() -> ServiceResult {
    let failure = Failure { chain: vec!["it took longer than 90 s".into()], ..Failure::default() };
    ServiceResult {
        took: Duration::from_secs(90),
        failure: Some((id("web", "live"), failure)),
        ..ended("web", Status::Failed, None, None)
    }
}

/// `--until push` leaves out its deploy.
pub(in crate::report) fn ended_early() -> ServiceResult {
    let reason = "left out by `--until push`";
    ServiceResult {
        outputs: outputs(&[("digest", DIGEST)]),
        took: Duration::from_secs(3),
        ..ended("web", Status::Skipped, Some("not deployed"), Some(reason))
    }
}

/// `--skip-run` leaves out its tests.
pub(in crate::report) fn not_tested() -> ServiceResult {
    let reason = "left out by `--skip-run`";
    ServiceResult { missing: Some("`test` not run".into()), reason: Some(reason.into()), ..web() }
}

/// The `if` of its `verify` is false.
pub(in crate::report) fn not_asked_to_verify() -> ServiceResult {
    let (missing, reason) = ("not verified", "its `if` is false");
    ServiceResult { missing: Some(missing.into()), reason: Some(reason.into()), ..web() }
}

/// The `if` of its `push` and its `verify` is false, and its tests failed, which the
/// plan tolerates.
pub(in crate::report) fn lacks_much() -> ServiceResult {
    let (missing, reason) = ("test failed", "the script ended with exit code 3");
    ServiceResult {
        missing: Some("not verified and not pushed".into()),
        reason: Some("its `if` is false".into()),
        also_missing: vec![Shortfall { missing: missing.into(), reason: reason.into() }],
        ..web()
    }
}

/// Its last `deploy` comes after its last `verify`.
pub(in crate::report) fn not_asked() -> ServiceResult {
    let (missing, reason) = ("not verified", "no `verify` asks what `deploy-2` deployed");
    ServiceResult { missing: Some(missing.into()), reason: Some(reason.into()), ..web() }
}

/// `--only web` leaves out another service.
pub(in crate::report) fn only_one() -> RunFinished {
    let docs = ended("docs", Status::Skipped, None, Some(LEFT_OUT_BY_ONLY));
    RunFinished { services: vec![web(), docs], ..good_end() }
}

/// The `if` of its `deploy` is false.
pub(in crate::report) fn not_asked_to_deploy() -> ServiceResult {
    let reason = "its `if` is false";
    ServiceResult {
        outputs: outputs(&[("digest", DIGEST)]),
        took: Duration::from_secs(3),
        ..ended("web", Status::Succeeded, Some("not deployed"), Some(reason))
    }
}

/// Its step failed, and then the one that cleans up.
pub(in crate::report) fn failed_twice() -> ServiceResult {
    let chain = vec!["the script ended with exit code 5".into()];
    let failure = Failure { chain, ..Failure::default() };
    ServiceResult { later_failures: vec![(id("migrations", "undo"), failure)], ..broken() }
}

/// The run was stopped during its deploy, after which no step was started.
pub(in crate::report) fn cancelled() -> ServiceResult {
    ServiceResult {
        took: Duration::from_secs(4),
        ..ended("alpha", Status::Cancelled, Some("deploy not finished"), None)
    }
}

/// A service that it needs failed.
pub(in crate::report) fn not_started() -> ServiceResult {
    ended("b", Status::Skipped, None, Some("a failed"))
}

/// The `if` of each step is false.
pub(in crate::report) fn not_applicable() -> ServiceResult {
    ended("hotfix", Status::Skipped, None, Some("no step applies"))
}

/// The plan has two mistakes.
pub(in crate::report) fn wrong_plan() -> RunFinished {
    let mistake = |line, message: &str, help: Option<&str>| Failure {
        chain: vec![message.to_owned()],
        details: vec![
            format!("error[unknown-key]: {message}"),
            format!(" --> shipway.yml:{line}:1"),
        ],
        help: help.map(str::to_owned),
        place: Some(PlanPosition { file: "deploy/shipway.yml".into(), line, column: 1 }),
    };
    RunFinished {
        status: Status::Failed,
        exit_code: 2,
        services: vec![],
        refusals: vec![
            mistake(2, "a plan has no key `nmae`", Some("did you mean `name`?")),
            mistake(7, "a plan has no key `colour`", None),
        ],
        is_resumed: false,
        notes: vec![],
    }
}

/// `shipway resume` cannot read a secret.
pub(in crate::report) fn not_resumed() -> RunFinished {
    RunFinished { is_resumed: true, ..no_secret() }
}

/// A secret cannot be read.
pub(in crate::report) fn no_secret() -> RunFinished {
    let failure = Failure {
        chain: vec![
            "cannot read the secret `token`".into(),
            "the variable `THE_TOKEN` is not set".into(),
        ],
        help: Some("set `THE_TOKEN`".into()),
        ..Failure::default()
    };
    RunFinished { exit_code: 3, refusals: vec![failure], ..wrong_plan() }
}
