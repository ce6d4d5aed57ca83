//! From host to scopes.

use super::Resolved;
use crate::http::Retryable;
use crate::plan::expr::contexts::{CONTEXTS, Members};
use crate::plan::expr::{Scope, Value};
use crate::plan::schema::{
    Condition, Environment, Field, Map, Part, Plan, SecretDeclaration, SecretSource, Text,
};
use crate::plan::span::Spanned;
use crate::resolve::event::Checkout;
use crate::resolve::{
    Decision, EventSource, HostEnvironment, ResolveInputs, ResolveRequest, RunIdentity, Trust,
    with_secrets,
};
use crate::secret::Redactor;
use std::marker::PhantomData;
use std::path::Path;
use std::process::Command;

fn text(source: &str) -> Text {
    let mut parts = Vec::new();
    let mut rest = source;
    while let Some((before, (expression, after))) =
        rest.split_once("${{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
    {
        parts.push(Part::Literal(before.to_owned()));
        parts.push(Part::Expression(Spanned::new(expression.to_owned(), 0..expression.len())));
        rest = after;
    }
    parts.push(Part::Literal(rest.to_owned()));
    Text { source: source.to_owned(), span: 0..source.len(), parts }
}

fn field<T>(source: &str) -> Field<T> {
    Field { text: text(source), reads_as: PhantomData }
}

fn texts(entries: &[(&str, &str)]) -> Map<Text> {
    Map(entries.iter().map(|(name, source)| (named(name), text(source))).collect())
}

fn named(name: &str) -> Spanned<String> {
    Spanned::new(name.to_owned(), 0..0)
}

fn environment(condition: &str, protected: bool, vars: &[(&str, &str)]) -> Environment {
    Environment {
        condition: (!condition.is_empty())
            .then(|| Condition { source: condition.to_owned(), span: 0..condition.len() }),
        protected: field(if protected { "true" } else { "false" }),
        vars: texts(vars),
        ttl: (!protected).then(|| field("${{ vars.days }}d")),
    }
}

/// A plan with everything that is resolved, and no services.
fn plan() -> Plan {
    let token =
        SecretDeclaration { sources: vec![Spanned::new(SecretSource::Env(text("NPM")), 0..0)] };
    let environments = vec![
        (
            named("production"),
            environment(
                "!startsWith(github.event_name, 'pull_request')",
                true,
                &[("label", "shop")],
            ),
        ),
        (
            named("Preview / EU"),
            environment(
                "startsWith(github.event_name, 'pull_request')",
                false,
                &[("extra", "${{ env.NPM }}!")],
            ),
        ),
        (named("manual"), environment("", false, &[])),
    ];
    Plan {
        name: named("shop"),
        env: texts(&[
            ("LOG", "info"),
            ("COMMIT", "${{ git.short-sha }}"),
            ("WHERE", "${{ environment.slug }}"),
            ("PASSWORD", "pw:${{ secrets.npm }}"),
        ]),
        vars: texts(&[("label", "shop-${{ pr.slug }}"), ("cpu", "1.10"), ("days", "2")]),
        secrets: Map(vec![(named("npm"), token)]),
        environments: Map(environments),
        ..Plan::empty()
    }
}

/// A folder with a commit in it.
struct Machine {
    folder: tempfile::TempDir,
    host: HostEnvironment,
    redactor: Redactor,
    plan: Plan,
}

impl Machine {
    fn new(env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("can be made");
        std::fs::write(folder.path().join("a"), "a").expect("can be written");
        for arguments in [
            ["init", "--quiet", "--initial-branch=topic"].as_slice(),
            &["add", "a"],
            &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=one"],
        ] {
            git(folder.path(), arguments);
        }
        let usual = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
            ("NPM", "npm_hunter22"),
        ];
        let env =
            usual.iter().chain(env).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let host = HostEnvironment { env: env.collect(), dir: folder.path().to_owned() };
        Self { folder, host, redactor: Redactor::default(), plan: plan() }
    }

    /// In a workflow, with this event.
    fn in_actions(name: &str, payload: &str) -> Self {
        let mut machine = Self::new(&[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", name)]);
        let path = machine.folder.path().join(".git/event.json");
        std::fs::write(&path, payload).expect("can be written");
        let path = path.to_string_lossy().into_owned();
        machine.host.env.insert("GITHUB_EVENT_PATH".to_owned(), path);
        machine
    }

    fn inputs(&self) -> ResolveInputs<'_> {
        ResolveInputs { plan: &self.plan, host: &self.host, redactor: &self.redactor }
    }

    fn resolve(&self, request: &ResolveRequest) -> Result<Resolved, super::ResolveError> {
        Resolved::resolve(&self.inputs(), request)
    }
}

#[track_caller]
fn git(dir: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .output()
        .expect("git is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn rendered(source: &str, scope: &Scope) -> String {
    match text(source).render(scope) {
        Ok(rendered) => rendered.plain().map_or_else(|| format!("{rendered:?}"), str::to_owned),
        Err(error) => error.to_string(),
    }
}

const PULL_REQUEST: &str = r#"{"pull_request": {"number": 12, "user": {"login": "ada"},
    "head": {"ref": "topic", "sha": "1234567890", "repo": {"full_name": "acme/shop"}},
    "base": {"ref": "main", "repo": {"full_name": "acme/shop"}}}}"#;

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
        run: RunIdentity { id: "01J".to_owned(), attempt: 1, dry_run: false },
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
