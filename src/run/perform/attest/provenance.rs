//! The provenance statement: in-toto's statement v1 with a predicate of SLSA v1.
//! It holds names and never values: no variable, no argument, no secret.
//!
//! Outside of GitHub Actions it holds no time either, so that the same source
//! gives the same statement.

use crate::oci::Digest;
use crate::plan::expr::{Scope, Value as Expression};
use crate::run::perform::performer::{Job, Performer};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// Names the schema of `externalParameters`, which `docs/reference.md` describes.
const BUILD_TYPE: &str = "urn:shipway:build:1";
/// The builder's id outside of GitHub Actions.
const LOCAL_BUILDER: &str = "urn:shipway:local";

/// How an image was made.
#[derive(Clone, Debug, Default)]
pub struct ProvenanceFacts {
    plan: String,
    service: String,
    step: String,
    environment: Option<String>,
    git: Git,
    /// Base images, and images that were taken as they are, as `name@digest`.
    bases: BTreeSet<String>,
    actions: Option<Actions>,
}

#[derive(Clone, Debug, Default)]
struct Git {
    /// The commit that was built.
    sha: String,
    remote: String,
    /// Such as `refs/heads/main`; empty where unknown.
    reference: String,
    /// The head of the pull request that it was built for.
    pull_request_head: Option<String>,
    dirty: bool,
}

/// A workflow run of GitHub Actions.
#[derive(Clone, Debug)]
struct Actions {
    server: String,
    repository: String,
    workflow: String,
    run: String,
    attempt: String,
    started: Option<String>,
}

impl ProvenanceFacts {
    /// The facts about the images with these digests, which the step pushed.
    pub fn new(performer: &Performer, job: &Job, digests: &[&Digest]) -> Self {
        let Performer { services, facts, plan: run_plan } = performer;
        let file = Path::new(run_plan.source.file());
        // An absolute path would tell about this machine and nothing else.
        let plan = if file.is_absolute() { file.file_name().map(Path::new) } else { Some(file) };
        let member = |context: &str, name: &str| member(&job.scope, context, name);
        let actions = Actions {
            server: member("github", "server_url"),
            repository: member("github", "repository"),
            workflow: member("github", "workflow_ref"),
            run: member("github", "run_id"),
            attempt: member("github", "run_attempt"),
            started: started(&facts.id),
        };
        let is_real = !actions.run.is_empty() && !actions.workflow.is_empty();
        Self {
            plan: plan.unwrap_or(file).display().to_string(),
            service: run_plan.service_name(job.service),
            step: job.id.step.clone(),
            environment: facts.environment_name.clone(),
            git: Git {
                sha: facts.source.commit.clone().unwrap_or_default(),
                remote: member("git", "remote"),
                reference: facts.source.reference.clone().unwrap_or_default(),
                pull_request_head: facts.source.pull_request_head.clone(),
                dirty: member("git", "dirty") == "true",
            },
            bases: digests.iter().filter_map(|digest| services.images.origin(digest)).collect(),
            actions: is_real.then_some(actions),
        }
    }

    pub fn commit(&self) -> Option<String> {
        Some(self.git.sha.clone()).filter(|sha| !sha.is_empty())
    }

    /// When the run began, RFC 3339. `None` outside of GitHub Actions.
    pub fn started(&self) -> Option<String> {
        self.actions.as_ref()?.started.clone()
    }

    /// The statement about the image with `digest` in the repositories `names`.
    pub fn statement(&self, names: &[String], targets: &[String], digest: &Digest) -> Value {
        let hash = json!({ digest.algorithm(): digest.hex() });
        let subjects: Vec<Value> =
            names.iter().map(|name| json!({ "name": name, "digest": hash })).collect();
        let mut parameters = json!({
            "plan": self.plan, "service": self.service, "step": self.step, "targets": targets,
        });
        if let Some(environment) = &self.environment {
            parameters["environment"] = json!(environment);
        }
        let dependencies: Vec<Value> = self.source().into_iter().chain(self.bases()).collect();
        json!({
            "_type": STATEMENT,
            "subject": subjects,
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": parameters,
                    "resolvedDependencies": dependencies,
                },
                "runDetails": self.run(),
            },
        })
    }

    /// The commit, annotated as dirty where files differ from it, and with the head
    /// of the pull request: GitHub checks out a merge of it.
    fn source(&self) -> Option<Value> {
        let Git { sha, remote, reference, pull_request_head, dirty } = &self.git;
        if sha.is_empty() {
            return None;
        }
        let place = match (remote.as_str(), remote.split_once(':')) {
            ("", _) => "git+file:.".to_owned(),
            (remote, _) if remote.contains("://") => format!("git+{remote}"),
            // The short form of an ssh URL: `git@host:owner/name`.
            (_, Some((host, path))) => format!("git+ssh://{host}/{path}"),
            (remote, None) => format!("git+file:{remote}"),
        };
        let at = if reference.is_empty() { String::new() } else { format!("@{reference}") };
        let mut source = json!({ "uri": format!("{place}{at}"), "digest": { "gitCommit": sha } });
        if let Some(head) = pull_request_head {
            source["annotations"]["pullRequestHead"] = json!(head);
        }
        if *dirty {
            source["annotations"]["dirty"] = json!(true);
        }
        Some(source)
    }

    fn bases(&self) -> impl Iterator<Item = Value> {
        self.bases.iter().filter_map(|base| {
            let (name, digest) = base.split_once('@')?;
            let digest: Digest = digest.parse().ok()?;
            Some(json!({
                "name": "base image",
                "uri": format!("oci://{name}"),
                "digest": { digest.algorithm(): digest.hex() },
            }))
        })
    }

    fn run(&self) -> Value {
        let version = json!({ "shipway": env!("CARGO_PKG_VERSION") });
        let Some(actions) = &self.actions else {
            return json!({ "builder": { "id": LOCAL_BUILDER, "version": version } });
        };
        let Actions { server, repository, workflow, run, attempt, started } = actions;
        let mut metadata = json!({
            "invocationId": format!("{server}/{repository}/actions/runs/{run}/attempts/{attempt}"),
        });
        if let Some(started) = started {
            metadata["startedOn"] = json!(started);
        }
        json!({
            "builder": { "id": format!("{server}/{workflow}"), "version": version },
            "metadata": metadata,
        })
    }
}

/// A member of a context as text; empty where it is missing.
fn member(scope: &Scope, context: &str, name: &str) -> String {
    let value: Option<Expression> = scope.context(context).map(|context| context.get(name));
    value.map(|value| value.text()).unwrap_or_default()
}

/// When a run began, from the timestamp in its ULID.
fn started(run: &str) -> Option<String> {
    let id: ulid::Ulid = run.to_uppercase().parse().ok()?;
    let seconds = i64::try_from(id.timestamp_ms() / 1_000).ok()?;
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Actions, Git, ProvenanceFacts, started};
    use crate::oci::Digest;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn facts() -> ProvenanceFacts {
        ProvenanceFacts {
            plan: "shipway.yml".into(),
            service: "web".into(),
            step: "push".into(),
            environment: None,
            git: Git {
                sha: "4f53cda".into(),
                remote: "https://github.com/octo/demo".into(),
                reference: "refs/heads/main".into(),
                pull_request_head: None,
                dirty: false,
            },
            bases: BTreeSet::from([format!("docker.io/library/alpine@{}", Digest::of(b"base"))]),
            actions: None,
        }
    }

    #[test]
    fn a_local_build_names_source_and_base_images() {
        let digest = Digest::of(b"image");
        let names = ["demo.azurecr.io/web".to_owned()];
        let targets = ["demo.azurecr.io/web:v1".to_owned()];

        let statement = facts().statement(&names, &targets, &digest);

        assert_eq!(
            statement,
            json!({
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{ "name": "demo.azurecr.io/web", "digest": { "sha256": digest.hex() } }],
                "predicateType": "https://slsa.dev/provenance/v1",
                "predicate": {
                    "buildDefinition": {
                        "buildType": "urn:shipway:build:1",
                        "externalParameters": {
                            "plan": "shipway.yml", "service": "web", "step": "push",
                            "targets": ["demo.azurecr.io/web:v1"],
                        },
                        "resolvedDependencies": [
                            {
                                "uri": "git+https://github.com/octo/demo@refs/heads/main",
                                "digest": { "gitCommit": "4f53cda" },
                            },
                            {
                                "name": "base image",
                                "uri": "oci://docker.io/library/alpine",
                                "digest": { "sha256": Digest::of(b"base").hex() },
                            },
                        ],
                    },
                    "runDetails": { "builder": {
                        "id": "urn:shipway:local",
                        "version": { "shipway": env!("CARGO_PKG_VERSION") },
                    }},
                },
            })
        );
    }

    #[test]
    fn in_github_actions_the_workflow_is_the_builder() {
        let actions = Actions {
            server: "https://github.com".into(),
            repository: "octo/demo".into(),
            workflow: "octo/demo/.github/workflows/ship.yml@refs/heads/main".into(),
            run: "7".into(),
            attempt: "2".into(),
            started: Some("2026-11-21T10:00:00Z".into()),
        };
        let facts = ProvenanceFacts { actions: Some(actions), ..facts() };

        let run = &facts.statement(&[], &[], &Digest::of(b""))["predicate"]["runDetails"];

        assert_eq!(
            run["builder"]["id"],
            "https://github.com/octo/demo/.github/workflows/ship.yml@refs/heads/main"
        );
        assert_eq!(
            run["metadata"],
            json!({
                "invocationId": "https://github.com/octo/demo/actions/runs/7/attempts/2",
                "startedOn": "2026-11-21T10:00:00Z",
            })
        );
    }

    #[test]
    fn the_source_uri_follows_from_the_remote() {
        let uri = |remote: &str| {
            let git = Git { remote: remote.into(), reference: String::new(), ..facts().git };
            let source = ProvenanceFacts { git, ..facts() }.source().expect("a commit");
            source["uri"].as_str().map(str::to_owned).expect("text")
        };
        assert_eq!(uri("https://github.com/a/b.git"), "git+https://github.com/a/b.git");
        assert_eq!(uri("git@github.com:a/b.git"), "git+ssh://git@github.com/a/b.git");
        assert_eq!(uri(""), "git+file:.");
        let git = Git { sha: String::new(), ..facts().git };
        assert_eq!(ProvenanceFacts { git, ..facts() }.source(), None);
        let git = Git { dirty: true, ..facts().git };
        let dirty = ProvenanceFacts { git, ..facts() }.source().expect("a commit");
        assert_eq!(dirty["annotations"], json!({ "dirty": true }));
        let head = Some("1234567".to_owned());
        let git = Git { pull_request_head: head, dirty: true, ..facts().git };
        let merge = ProvenanceFacts { git, ..facts() }.source().expect("a commit");
        assert_eq!(merge["digest"], json!({ "gitCommit": "4f53cda" }));
        assert_eq!(merge["annotations"], json!({ "pullRequestHead": "1234567", "dirty": true }));
    }

    #[test]
    fn the_start_is_read_from_the_run_id() {
        assert_eq!(started("01m809j6hva2p4rqap4yzdns59").as_deref(), Some("2026-11-22T00:12:43Z"));
        assert_eq!(started("no id"), None);
    }
}
