//! What expressions see.

use super::{Machine, PULL_REQUEST, git, rendered, text};
use crate::plan::expr::Value;
use crate::plan::expr::contexts::{CONTEXTS, Members};
use crate::resolve::resolved::Resolved;
use crate::resolve::{
    EventSource, ResolveInputs, ResolveRequest, RunIdentity, Trust, with_secrets,
};

#[test]
fn variables_are_set_over_each_other() {
    let machine = Machine::new(&[]);
    let set = [("cpu", "2"), ("cpu", "3.0"), ("extra", "no")];
    let request = ResolveRequest {
        environment: Some("Preview / EU".to_owned()),
        set: set.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..ResolveRequest::default()
    };
    let resolved = machine.resolve(&request).expect("resolves");
    let scope = resolved.scope(&machine.inputs()).expect("resolves");
    assert_eq!(rendered("${{ vars.cpu }} ${{ vars.extra }} ${{ vars.days }}", &scope), "3.0 no 2");
}

#[test]
fn a_name_made_of_a_missing_pull_request_is_refused_through_a_variable() {
    let machine = Machine::new(&[]);
    let resolved = machine.resolve(&ResolveRequest::default()).expect("resolves");
    assert_eq!(resolved.environment, None);
    let json = serde_json::to_string(&resolved).expect("is JSON");
    let resolved: Resolved = serde_json::from_str(&json).expect("is a record");
    let scope = resolved.scope(&machine.inputs()).expect("resolves");
    let error = text("${{ vars.label }}").render_name(&scope).expect_err("has a hole");
    assert_eq!(error.to_string(), "`vars.label` is made of `pr.slug`, which is empty");
    assert_eq!(
        error.help.as_deref(),
        Some(
            "there is no pull request outside of GitHub Actions, unless `--pr` or `--event` says so; \
             `${{ pr.slug || 'none' }}` has a name for that case"
        )
    );
}

#[test]
fn what_is_recorded_holds_no_secret_and_gives_the_same_again() {
    let mut machine =
        Machine::new(&[("REGION", "eu"), ("OTHER", "x"), ("GITHUB_TOKEN", "ghs_hunter22")]);
    let request = ResolveRequest {
        environment: Some("Preview / EU".to_owned()),
        run: RunIdentity {
            id: "01J".to_owned(),
            started: Some("2026-11-28T23:30:05Z".to_owned()),
            attempt: 1,
            dry_run: false,
        },
        plan_text: "env.REGION env.NPM env.GITHUB_TOKEN".to_owned(),
        ..ResolveRequest::default()
    };
    let resolved = machine.resolve(&request).expect("resolves");
    let json = serde_json::to_string(&resolved).expect("is JSON");
    assert!(!json.contains("hunter22"), "{json}");
    assert_eq!(resolved.env.iter().collect::<Vec<_>>(), [(&"REGION".to_owned(), &"eu".to_owned())]);
    assert_eq!(machine.redactor.redact("ghs_hunter22"), "***");

    let again: Resolved = serde_json::from_str(&json).expect("is a record");
    assert_eq!(again, resolved);
    machine.host.env.insert("REGION".to_owned(), "us".to_owned());
    machine.host.env.insert("NPM".to_owned(), "npm_renewed".to_owned());
    let scope = again.scope(&machine.inputs()).expect("resolves");
    assert_eq!(rendered("${{ env.REGION }} ${{ run.id }} ${{ run.attempt }}", &scope), "eu 01J 1");
    assert_eq!(rendered("${{ date(run.started, '%Y%m%d') }}", &scope), "20261128");
    let extra = text("${{ vars.extra }}").render(&scope).expect("renders");
    assert_eq!((extra.plain(), extra.expose()), (None, "npm_renewed!"));
}

#[test]
fn credentials_and_sources_of_secrets_are_tainted() {
    let machine = Machine::new(&[("GITHUB_TOKEN", "ghs_hunter22"), ("INPUT_PLAN", "shipway.yml")]);
    let resolved = machine.resolve(&ResolveRequest::default()).expect("resolves");
    let scope = resolved.scope(&machine.inputs()).expect("resolves");
    for name in ["GITHUB_TOKEN", "INPUT_PLAN", "NPM"] {
        let source = format!("x${{{{ env.{name} }}}}");
        assert_eq!(rendered(&source, &scope), format!("Secret(Secret(env.{name}))"));
    }
    assert_eq!(rendered("x${{ env.HOME }}", &scope), "x/nonexistent");
    assert_eq!(rendered("x${{ env.home }}${{ env.NOTHING }}", &scope), "x");
}

#[test]
fn secrets_come_in_a_later_phase() {
    let machine = Machine::new(&[]);
    let resolved = machine.resolve(&ResolveRequest::default()).expect("resolves");
    let scope = resolved.scope(&machine.inputs()).expect("resolves");
    assert_eq!(rendered("x${{ env.PASSWORD }}", &scope), "x");
    let secret = machine.redactor.adopt("secrets.npm", "npm_hunter22".to_owned());
    let scope =
        with_secrets(scope, &machine.plan, &[("npm".to_owned(), secret)]).expect("resolves");
    assert_eq!(rendered("${{ secrets.npm }}", &scope), "Secret(Secret(secrets.npm))");
    assert_eq!(rendered("${{ env.PASSWORD }}", &scope), "Secret(Secret(secrets.npm))");
}

#[test]
fn a_fork_is_not_trusted() {
    let payload = PULL_REQUEST.replacen("acme/shop", "eve/shop", 1);
    let resolved = Machine::in_actions("pull_request", &payload)
        .resolve(&ResolveRequest::default())
        .expect("resolves");
    let expected = Trust::Fork {
        head: Some("1234567890".to_owned()),
        why: "the pull request comes from a fork".to_owned(),
    };
    assert_eq!(resolved.trust, expected);
}

/// What of the environment a plan sees whose code comes from `repository`.
fn seen(event: &str, payload: &str, allowed: Option<&str>) -> (bool, String) {
    let mut machine = Machine::in_actions(event, payload);
    let plan = "name: a\nsecrets: { npm: { env: HIDDEN } }\nsteps: [{ run: x }]\n";
    machine.plan = crate::plan::read(plan).plan.expect("a plan");
    for name in ["HIDDEN", "PRODKEY", "GITHUB_TOKEN", "PLAIN"] {
        machine.host.env.insert(name.to_owned(), format!("{}-value", name.to_lowercase()));
    }
    let inputs = ResolveInputs { allowed, ..machine.inputs() };
    let plan_text = "HIDDEN PRODKEY PLAIN".to_owned();
    let request = ResolveRequest { plan_text, ..ResolveRequest::default() };
    let resolved = Resolved::resolve(&inputs, &request).expect("resolves");
    let scope = resolved.scope(&inputs).expect("resolves");
    let names = ["HIDDEN", "PRODKEY", "GITHUB_TOKEN", "PLAIN"];
    let env = scope.context("env").expect("there").clone();
    let is_there = |name: &&str| env.members().any(|(known, _)| known == *name);
    let found: Vec<_> = names.into_iter().filter(is_there).collect();
    let recorded = resolved.env.contains_key("PRODKEY");
    assert_eq!(recorded, !resolved.withholds(allowed));
    (resolved.withholds(allowed), found.join(" "))
}

#[test]
fn the_code_of_a_fork_sees_no_credential() {
    let fork = PULL_REQUEST.replacen("acme/shop", "eve/shop", 1);
    let all = "HIDDEN PRODKEY GITHUB_TOKEN PLAIN".to_owned();
    for event in ["pull_request", "pull_request_target"] {
        assert_eq!(seen(event, &fork, None), (true, "PLAIN".to_owned()));
        assert_eq!(seen(event, &fork, Some("1234567")), (true, "PLAIN".to_owned()));
        assert_eq!(seen(event, PULL_REQUEST, None), (false, all.clone()));
    }
    let comment = r#"{ "issue": { "number": 7, "pull_request": {} } }"#;
    assert_eq!(seen("issue_comment", comment, None), (true, "PLAIN".to_owned()), "not asked");
    let on_issue = r#"{ "issue": { "number": 7 } }"#;
    assert_eq!(seen("issue_comment", on_issue, None), (false, all));
}

#[test]
fn actions_know_which_branch_or_tag_is_checked_out() {
    let resolved = |kind: &str, name: &str, sha: Option<&str>| {
        let mut machine = Machine::in_actions("push", "{}");
        git(machine.folder.path(), &["checkout", "--quiet", "--detach"]);
        let head = crate::resolve::Git::read(&machine.host).head.expect("has a commit");
        let env = &mut machine.host.env;
        for (variable, value) in [
            ("GITHUB_REF_TYPE", kind),
            ("GITHUB_REF_NAME", name),
            ("GITHUB_SHA", sha.unwrap_or(&head)),
        ] {
            env.insert(variable.to_owned(), value.to_owned());
        }
        let git = machine.resolve(&ResolveRequest::default()).expect("resolves").git;
        (git.branch, git.tag)
    };
    assert_eq!(resolved("branch", "main", None), (Some("main".to_owned()), None));
    assert_eq!(resolved("tag", "v1", None), (None, Some("v1".to_owned())));
    assert_eq!(resolved("tag", "v1", Some("12ab")), (None, None));
}

/// What the table of contexts says is there is what is there.
#[test]
fn contexts_have_the_members_of_the_table() {
    let machine = Machine::new(&[]);
    let request = ResolveRequest {
        event: EventSource::PullRequest,
        environment: Some("manual".to_owned()),
        ..ResolveRequest::default()
    };
    let resolved = machine.resolve(&request).expect("resolves");
    let scope = resolved.scope(&machine.inputs()).expect("resolves");
    for context in &CONTEXTS {
        let (Some(value), Members::Closed(members)) =
            (scope.context(context.name), context.members)
        else {
            continue;
        };
        let found: Vec<_> = value.members().map(|(name, _)| name).collect();
        for name in &found {
            assert!(members.contains(name), "{}.{name} is not in the table", context.name);
        }
        let whole = context.name == "github" || members.len() == found.len();
        assert!(whole, "{} lacks members of {members:?}: {found:?}", context.name);
    }
    assert_eq!(
        scope.context("pr").map(|pr| format!("{:?}", pr.get("number"))),
        Some("1".to_owned())
    );
    assert!(Value::NULL.members().next().is_none());
}
