//! The tags that docker/metadata-action v6 makes, row by row as its own bundle prints them,
//! beside what the expressions of a plan give for the same event. Where both differ, the
//! reason stands beside it.

use crate::support::Program;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

/// An event: `heads/main`, `tags/v1.2.3`, `pull/15/merge`, and its name.
type Event = (&'static str, &'static str);

struct Row {
    /// The entry of the action's `tags`.
    entry: &'static str,
    /// The expressions of a plan's `tags` in its place. An empty one is left out.
    ours: &'static [&'static str],
    /// The event, the tags of the action, and ours where they differ.
    cases: &'static [(Event, &'static str, Option<&'static str>)],
}

const SEMVER: &[&str] =
    &["git.version", "git.version-minor", "git.version-major", "git.version-latest"];
const PEP440: &[&str] = &[
    "pep440(git.tag, 'version')",
    "pep440(git.tag, 'minor')",
    "pep440(git.tag, 'minor') && 'latest' || ''",
];
const DEFAULT: &[&str] = &[
    "github.event_name == 'schedule' && 'nightly' || ''",
    "git.tag",
    "pr.tag",
    "!pr.tag && !git.tag && git.branch-slug || ''",
];
const IS_DEFAULT_BRANCH: &str =
    "github.ref == format('refs/heads/{0}', github.event.repository.default_branch)";

/// Ours, where `latest` is never implied: the plan names it.
const NOT_LATEST: &str = "the tag alone";

const ROWS: &[Row] = &[
    Row {
        entry: "none",
        ours: DEFAULT,
        cases: &[
            (("heads/master", "push"), "master", None),
            (("heads/my/feature#1245", "push"), "my-feature-1245", None),
            (("pull/15/merge", "pull_request"), "pr-15", None),
            (("pull/15/merge", "pull_request_target"), "pr-15", None),
            (("tags/v1.2.3", "push"), "v1.2.3 latest", Some(NOT_LATEST)),
            (("tags/v1.2.3", "release"), "v1.2.3 latest", Some(NOT_LATEST)),
            (("heads/master", "schedule"), "nightly master", None),
            (
                ("heads/gh-readonly-queue/main/pr-1-abc", "merge_group"),
                "gh-readonly-queue-main-pr-1-abc",
                None,
            ),
            // It does not see that this is a pre-release.
            (("tags/v2.0.8-beta.67", "push"), "v2.0.8-beta.67 latest", Some(NOT_LATEST)),
        ],
    },
    Row {
        entry: "type=semver with {{version}}, {{major}}.{{minor}} and {{major}}",
        ours: SEMVER,
        cases: &[
            (("tags/v1.2.3", "push"), "1.2.3 1.2 1 latest", None),
            (("tags/v0.1.2", "push"), "0.1.2 0.1 0 latest", None),
            (("tags/v1.2.3+build.5", "push"), "1.2.3 1.2 1 latest", None),
            (("tags/v2.0.8-beta.67", "push"), "2.0.8-beta.67", None),
            (("tags/v1.2.3-alpine", "push"), "1.2.3-alpine", None),
            (("tags/v1.2", "push"), "", None),
            (("tags/1.2.3.4", "push"), "", None),
            (("tags/V1.2.3", "push"), "", None),
            (("tags/v01.2.3", "push"), "", None),
            (("tags/p1/v1.2.3", "push"), "", None),
            (("heads/main", "push"), "", None),
        ],
    },
    Row {
        entry: "type=semver,pattern={{raw}}",
        ours: &["git.version && git.tag || ''"],
        cases: &[(("tags/v2.0.8-beta.67", "push"), "v2.0.8-beta.67", None)],
    },
    Row {
        // Only exactly `{{raw}}` is the tag as it is.
        entry: "type=semver,pattern={{raw}}-x",
        ours: &["git.version"],
        cases: &[(("tags/v2.0.8-beta.67", "push"), "2.0.8-beta.67", None)],
    },
    Row {
        entry: "type=semver,pattern={{version}},value=v1.0.0",
        ours: &["'1.0.0'", "'latest'"],
        cases: &[(("heads/main", "push"), "1.0.0 latest", None)],
    },
    Row {
        entry: "type=semver,pattern={{version}},match=v(\\d.\\d.\\d)$",
        ours: &[
            "match(git.tag, 'v([0-9]+[.][0-9]+[.][0-9]+)$')",
            "match(git.tag, 'v[0-9]+[.][0-9]+[.][0-9]+$') && 'latest' || ''",
        ],
        cases: &[
            (("tags/p1/v1.2.3", "push"), "1.2.3 latest", None),
            // Their pattern does not match, and they go on with the whole tag.
            (("tags/v10.20.30", "push"), "10.20.30 latest", None),
        ],
    },
    Row {
        entry: "type=pep440 with {{version}} and {{major}}.{{minor}}",
        ours: PEP440,
        cases: &[
            (("tags/1.2.3", "push"), "1.2.3 1.2 latest", None),
            (("tags/2024.1", "push"), "2024.1 latest", None),
            (("tags/v1.2.3rc2", "push"), "1.2.3rc2", None),
            (("tags/1.2.3post1", "push"), "1.2.3.post1", None),
            (("tags/1.2.3beta2", "push"), "1.2.3b2", None),
            (("tags/1.0dev4", "push"), "1.0.dev4", None),
            (("tags/1!2.0", "push"), "1-2.0 2.0 latest", None),
            // PEP 440 separates the parts of a local version by dots.
            (
                ("tags/1.2+local.1", "push"),
                "1.2-local-1 1.2 latest",
                Some("1.2-local.1 1.2 latest"),
            ),
        ],
    },
    Row {
        entry: "type=match,pattern=v(.*),group=1",
        ours: &["match(git.tag, 'v(.*)')"],
        cases: &[
            (("tags/v2.0.8-beta.67", "push"), "2.0.8-beta.67 latest", Some("2.0.8-beta.67")),
            (("tags/20200110-RC2", "push"), "", None),
        ],
    },
    Row {
        entry: "type=match,pattern=\\d+",
        ours: &["match(git.tag, '[0-9]+')"],
        cases: &[(("tags/20200110-RC2", "push"), "20200110 latest", Some("20200110"))],
    },
    Row {
        entry: "type=match,pattern=/V(\\d+)/i,group=1",
        ours: &["match(git.tag, '(?i)V([0-9]+)')"],
        cases: &[(("tags/v1.2.3", "push"), "1 latest", Some("1"))],
    },
    Row {
        entry: "type=edge",
        ours: &["DEFAULT_BRANCH && 'edge' || ''"],
        cases: &[
            (("heads/main", "push"), "edge", None),
            (("heads/dev", "push"), "", None),
            (("tags/v1.2.3", "push"), "", None),
        ],
    },
    Row {
        entry: "type=edge,branch=dev",
        ours: &["github.ref == 'refs/heads/dev' && 'edge' || ''"],
        cases: &[(("heads/dev", "push"), "edge", None), (("heads/main", "push"), "", None)],
    },
    Row {
        entry: "type=sha",
        ours: &["format('sha-{0}', git.short-sha)"],
        cases: &[
            (("heads/main", "push"), "sha-SHORT", None),
            (("tags/v1.2.3", "push"), "sha-SHORT", None),
        ],
    },
    Row {
        entry: "type=sha,format=long",
        ours: &["format('sha-{0}', git.sha)"],
        cases: &[(("heads/main", "push"), "sha-LONG", None)],
    },
    Row {
        entry: "type=sha,prefix=",
        ours: &["git.short-sha"],
        cases: &[(("heads/main", "push"), "SHORT", None)],
    },
    Row {
        entry: "type=sha,prefix={{branch}}-",
        ours: &["git.branch-slug && format('{0}-{1}', git.branch-slug, git.short-sha) || ''"],
        cases: &[
            (("heads/my/branch", "push"), "my-branch-SHORT", None),
            // No registry takes a tag that begins with `-`.
            (("pull/15/merge", "pull_request"), "-SHORT", Some("topic-SHORT")),
            (("tags/v1.2.3", "push"), "-SHORT", Some("")),
        ],
    },
    Row {
        entry: "type=schedule",
        ours: &["github.event_name == 'schedule' && 'nightly' || ''"],
        cases: &[(("heads/main", "schedule"), "nightly", None), (("heads/main", "push"), "", None)],
    },
    Row {
        entry: "type=schedule,pattern={{date 'YYYYMMDD'}}",
        ours: &["github.event_name == 'schedule' && date(run.started, '%Y%m%d') || ''"],
        cases: &[(("heads/main", "schedule"), "TODAY", None), (("heads/main", "push"), "", None)],
    },
    Row {
        entry: "type=raw,value=foo",
        ours: &["'foo'"],
        cases: &[(("heads/main", "push"), "foo", None), (("tags/v1.2.3", "push"), "foo", None)],
    },
    Row {
        entry: "type=raw,value=bar,suffix=-x",
        ours: &["'bar-x'"],
        cases: &[(("heads/main", "push"), "bar-x", None)],
    },
    Row {
        entry: "type=raw,value=a b:c/d",
        ours: &["slug('a b:c/d')"],
        cases: &[(("heads/main", "push"), "a-b-c-d", None)],
    },
    Row { entry: "type=raw,value=", ours: &["''"], cases: &[(("heads/main", "push"), "", None)] },
    Row {
        entry: "type=raw,value=latest,enable={{is_default_branch}}",
        ours: &["DEFAULT_BRANCH && 'latest' || ''"],
        cases: &[
            (("heads/main", "push"), "latest", None),
            (("heads/dev", "push"), "", None),
            (("tags/v1.2.3", "push"), "", None),
            // A schedule runs on the default branch alone; theirs says so of any branch.
            (("heads/dev", "schedule"), "latest", Some("")),
            (("heads/dev", "create"), "latest", Some("")),
        ],
    },
];

fn payload(head: &str, event: &str) -> Value {
    let repository = json!({ "full_name": "octo/demo", "default_branch": "main" });
    if !event.starts_with("pull_request") {
        return json!({ "repository": repository });
    }
    json!({
        "action": "opened", "number": 15, "repository": repository,
        "pull_request": {
            "number": 15, "user": { "login": "ada" },
            "head": { "ref": "topic", "sha": head, "repo": repository },
            "base": { "ref": "main", "sha": head, "repo": repository },
        },
    })
}

/// In a workflow that was started by an event.
fn on(program: Program, head: &str, (reference, event): Event) -> Program {
    let (kind, name) = match reference.split_once('/') {
        Some(("tags", name)) => ("tag", name),
        Some(("heads", name)) => ("branch", name),
        _ => ("branch", "15/merge"),
    };
    program
        .in_actions(event, &payload(head, event))
        .env("GITHUB_SHA", head)
        .env("GITHUB_REF", &format!("refs/{reference}"))
        .env("GITHUB_REF_NAME", name)
        .env("GITHUB_REF_TYPE", kind)
}

/// The tags that the expressions give, each once.
fn tags(program: &Program, expressions: &[&str]) -> String {
    let places: Vec<String> = (0..expressions.len()).map(|at| format!("{{{at}}}")).collect();
    let all = expressions.join(", ").replace("DEFAULT_BRANCH", IS_DEFAULT_BRANCH);
    let expression = format!("format('{}', {all})", places.join(" "));
    let finished = program.run(&["eval", &expression]).exits(0);
    let mut tags: Vec<&str> = Vec::new();
    for tag in finished.stdout.split_whitespace() {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.join(" ")
}

#[test]
fn tags_are_those_of_the_metadata_action_except_where_a_reason_is_given() {
    let mut program = Program::with_plan("name: x\nsteps: [{ run: 'true' }]\n").committed();
    // As actions/checkout leaves it for a tag or a pull request.
    program.git(&["checkout", "--quiet", "--detach"]);
    let head = program.git(&["rev-parse", "HEAD"]);
    for Row { entry, ours, cases } in ROWS {
        for (event, theirs, differs) in *cases {
            program = on(program, &head, *event);
            let expected = match *differs {
                Some(NOT_LATEST) => theirs.trim_end_matches(" latest"),
                Some(text) => text,
                None => theirs,
            };
            let expected = expected.replace("SHORT", &head[..7]).replace("LONG", &head);
            let found = tags(&program, ours);
            // The day may have changed since the program read the clock.
            let days = [0, 1].map(|minutes| Timestamp::now() - minutes.minutes());
            let days = days.map(|time| time.strftime("%Y%m%d").to_string());
            let day = days.iter().find(|day| found == **day).unwrap_or(&days[0]);
            assert_eq!(found, expected.replace("TODAY", day), "{entry} on {event:?}");
        }
    }
}
