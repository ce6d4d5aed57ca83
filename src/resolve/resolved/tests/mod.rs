//! From host to scopes.

mod contexts;
mod environments;

use crate::plan::expr::Scope;
use crate::plan::schema::{
    Condition, Environment, Field, Map, Part, Plan, Registries, SecretDeclaration, SecretSource,
    Text,
};
use crate::plan::span::Spanned;
use crate::resolve::resolved::Resolved;
use crate::resolve::{HostEnvironment, ResolveInputs, ResolveRequest};
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
    Text { source: source.to_owned().into(), span: 0..source.len(), parts }
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
            .then(|| Condition::new(condition.to_owned(), 0..condition.len())),
        protected: field(if protected { "true" } else { "false" }),
        vars: texts(vars),
        azure: None,
        registries: Registries::default(),
        secrets: Map::default(),
        ttl: (!protected).then(|| field("${{ vars.days }}d")),
        max_previews: (!protected).then(|| field("20")),
    }
}

/// A plan with everything that is resolved, and no services.
fn plan() -> Plan {
    let token = SecretDeclaration {
        sources: vec![Spanned::new(SecretSource::Env(text("NPM")), 0..0)],
        is_optional: false,
    };
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
        let host = HostEnvironment {
            env: env.collect(),
            dir: folder.path().to_owned(),
            cloud_repository: None,
        };
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
        let Self { plan, host, redactor, .. } = self;
        ResolveInputs { plan, host, redactor, allowed: None }
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
