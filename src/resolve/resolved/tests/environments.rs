//! Which environment is chosen, and when it is refused.

use super::{Machine, PULL_REQUEST, environment, named, rendered};
use crate::http::Retryable as _;
use crate::plan::schema::Map;
use crate::resolve::event::Checkout;
use crate::resolve::{Decision, ResolveRequest};
use std::path::Path;

#[test]
fn a_pull_request_gets_its_preview() {
    let mut machine = Machine::in_actions("pull_request", PULL_REQUEST);
    let merge = crate::resolve::Git::read(&machine.host).head.expect("has a commit");
    machine.host.env.insert("GITHUB_SHA".to_owned(), merge.clone());
    let resolved = machine.resolve(&ResolveRequest::default()).expect("resolves");
    assert_eq!((resolved.checkout, &resolved.git.head), (Checkout::Merge, &Some(merge)));
    let chosen = resolved.environment.as_ref().expect("one is chosen");
    assert_eq!(
        (chosen.name.as_str(), chosen.slug.as_str(), chosen.ttl),
        ("Preview / EU", "preview-eu", Some(172_800))
    );
    let scope = resolved.scope(&machine.inputs()).expect("resolves");
    for (source, expected) in [
        ("${{ git.sha }} ${{ git.short-sha }} ${{ git.branch }}", "1234567890 1234567 topic"),
        ("${{ git.branch-slug }} ${{ slug(pr.author) }}", "topic ada"),
        ("${{ vars.label }} ${{ vars.cpu }} ${{ vars.cpu > 1 }}", "shop-pr-12 1.10 true"),
        ("${{ pr.number + 1 }}", "invalid numeric literal"),
        ("${{ pr.number }} ${{ pr.tag }} ${{ pr.author }} ${{ pr.fork }}", "12 pr-12 ada false"),
        ("${{ github.event.pull_request.base.ref }}", "main"),
        ("${{ env.LOG }} ${{ env.COMMIT }} ${{ env.WHERE }}", "info 1234567 preview-eu"),
        ("${{ vars.extra }}", "Secret(Secret(env.NPM))"),
        ("${{ environment.name }}", "Preview / EU"),
        ("${{ secrets.npm }}", "`secrets` is not known here"),
        (
            "${{ hashFiles('a') }}",
            "bf5d3affb73efd2ec6c36ad3112dd933efed63c4e1cbffcfa88e2759c144f2d8",
        ),
    ] {
        assert_eq!(rendered(source, &scope), expected, "{source}");
    }
}

#[test]
fn protected_environments_are_chosen_by_trusted_events_alone() {
    let chosen = |event: &str, payload: &str| {
        let resolved = Machine::in_actions(event, payload)
            .resolve(&ResolveRequest::default())
            .expect("resolves");
        resolved.environment.map(|chosen| chosen.name).unwrap_or_default()
    };
    for event in ["push", "release", "workflow_dispatch"] {
        assert_eq!(chosen(event, "{}"), "production", "{event}");
    }
    for event in ["pull_request", "pull_request_target"] {
        assert_eq!(chosen(event, PULL_REQUEST), "Preview / EU", "{event}");
    }
    for event in ["issue_comment", "workflow_run", "schedule", "merge_group", ""] {
        assert_eq!(chosen(event, "{}"), "", "{event}");
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/github");
    for (event, file) in [
        ("issue_comment", "issue_comment_created.payload.json"),
        ("workflow_run", "workflow_run_completed.payload.json"),
        ("pull_request_target", "pull_request_opened.payload.json"),
    ] {
        let payload = std::fs::read_to_string(fixtures.join(file)).expect("is there");
        assert_ne!(chosen(event, &payload), "production", "{event}");
    }
}

#[test]
fn an_environment_without_condition_is_chosen_where_none_before_it_is() {
    let chosen = |environments: Vec<(&str, &str, bool)>| {
        let mut machine = Machine::in_actions("schedule", "{}");
        let environments = environments.into_iter();
        machine.plan.environments = Map(environments
            .map(|(name, condition, protected)| {
                let mut made = environment(condition, protected, &[]);
                made.ttl = None;
                (named(name), made)
            })
            .collect());
        let resolved = machine.resolve(&ResolveRequest::default()).expect("resolves");
        let refused = match resolved.decide(&machine.plan, None) {
            Decision::Refuse(error) => error.to_string(),
            Decision::Go | Decision::LeaveOut(_) | Decision::Note(_) => String::new(),
        };
        resolved.environment.map(|chosen| chosen.name).ok_or(refused)
    };
    let never = "github.event_name == 'push'";
    let is = |name: &str| Ok(name.to_owned());
    let refused = |why: &str| Err(why.to_owned());
    assert_eq!(chosen(vec![("a", never, false), ("b", "", false)]), is("b"));
    assert_eq!(chosen(vec![("b", "", false), ("a", "true", false)]), is("b"));
    let withheld = "`b` is protected, and `schedule` cannot choose it";
    assert_eq!(chosen(vec![("a", never, false), ("b", "", true)]), refused(withheld));
    assert_eq!(chosen(vec![("b", "true", true), ("a", "true", false)]), refused(withheld));
    let none = "no environment matches this run, and its steps push or deploy";
    assert_eq!(chosen(vec![("a", never, false)]), refused(none));
    assert_eq!(chosen(vec![]), refused(""));
}

#[test]
fn a_protected_environment_wants_a_clean_tree() {
    let machine = Machine::new(&[]);
    let mut request =
        ResolveRequest { environment: Some("production".to_owned()), ..ResolveRequest::default() };
    assert!(machine.resolve(&request).is_ok());

    std::fs::write(machine.folder.path().join("b"), "b").expect("can be written");
    let error = machine.resolve(&request).expect_err("is dirty");
    assert_eq!(
        error.to_string(),
        "`production` is protected, and the tree differs from its commit: `b`"
    );
    assert_eq!(
        error.help().as_deref(),
        Some("commit or remove them, or list them in `.gitignore`")
    );
    assert!(!error.is_usage());

    for number in 0..30 {
        std::fs::write(machine.folder.path().join(format!("c{number}")), "b")
            .expect("can be written");
    }
    let error = machine.resolve(&request).expect_err("is dirty");
    assert!(error.to_string().ends_with(" and 11 more"), "{error}");

    request.run.dry_run = true;
    let resolved = machine.resolve(&request).expect("is a rehearsal");
    assert!(
        resolved.notices[0].starts_with("a real run would stop here: `production` is protected")
    );
}

#[test]
fn a_protected_environment_wants_a_commit() {
    let mut machine = Machine::new(&[]);
    let empty = tempfile::tempdir().expect("can be made");
    empty.path().clone_into(&mut machine.host.dir);
    let request =
        ResolveRequest { environment: Some("production".to_owned()), ..ResolveRequest::default() };
    let error = machine.resolve(&request).expect_err("has no commit");
    let expected = format!(
        "`production` is protected, and there is no commit to deploy: `{}` is not in a git repository",
        empty.path().display()
    );
    assert_eq!((error.to_string(), error.is_usage()), (expected, false));
}

#[test]
fn names_on_the_command_line_are_checked() {
    let machine = Machine::new(&[]);
    let said = |request: &ResolveRequest| {
        let error = machine.resolve(request).expect_err("is not known");
        (error.to_string(), error.help().unwrap_or_default(), error.is_usage())
    };
    let request =
        ResolveRequest { environment: Some("prodution".to_owned()), ..ResolveRequest::default() };
    assert_eq!(
        said(&request),
        (
            "there is no environment `prodution`".to_owned(),
            "did you mean `production`?".to_owned(),
            true
        )
    );
    let request = ResolveRequest {
        set: vec![("memory".to_owned(), "1".to_owned())],
        ..ResolveRequest::default()
    };
    assert_eq!(
        said(&request),
        (
            "there is no variable `memory`".to_owned(),
            "its variables are `label`, `cpu`, `days`".to_owned(),
            true
        )
    );
}
