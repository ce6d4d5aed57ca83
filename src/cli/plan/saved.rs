//! A plan that was saved, and whether a run would still do the same.
//!
//! The file holds what was seen of the sources and of the world: the hash of the plan, the
//! commit, the digests of images and tags, and a hash of each live target. It holds no
//! secret value and no hash of one, so that it may be handed from one job to another.

use super::json;
use super::planned::Planned;
use crate::bounded_file;
use crate::journal::RunOptions;
use crate::plan::read_bytes;
use crate::run::perform::{Comparison, Forecast, StepForecast};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::Path;

/// Far above the size of a saved plan with thousands of steps.
const MAX_BYTES: u64 = 256 << 20;

/// Another meaning of a key is another version.
const FORMAT: &str = "1";

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SavedPlan {
    format: String,
    /// The version of Shipway that saved it.
    shipway: String,
    plan: String,
    /// Whether it was saved for a local cloud.
    #[serde(default)]
    pub is_local: bool,
    pub options: RunOptions,
    pub facts: Facts,
}

/// What a run depends on.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// The hash of the plan's text, with that of all files that it includes.
    plan_hash: String,
    /// By name, the hash of the plan's file and of each that it includes.
    #[serde(default)]
    files: BTreeMap<String, String>,
    environment: Option<String>,
    commit: Option<String>,
    /// By step, as `plan --output json` shows it.
    steps: BTreeMap<String, Value>,
    /// By step, the target that it deploys to.
    targets: BTreeMap<String, TargetFacts>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct TargetFacts {
    id: String,
    /// A hash of the live target.
    live: Option<String>,
    /// The commit that the live target was deployed from.
    commit: Option<String>,
    /// As `plan --output json` shows it.
    changes: Value,
}

/// Why a file is no saved plan that can be run.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is no plan that `shipway plan --save` wrote: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is a plan that is run, and none that `shipway plan --save` wrote")]
    Unsaved,
    #[error("it has format {found}, and this version of Shipway reads {FORMAT}")]
    Format { found: String },
}

impl SavedPlan {
    pub fn new(planned: &Planned<'_>) -> Self {
        let session = planned.session;
        Self {
            format: FORMAT.to_owned(),
            shipway: env!("CARGO_PKG_VERSION").to_owned(),
            plan: session.plan.name.value.clone(),
            is_local: session.options.cloud.is_some(),
            options: RunOptions { cloud: None, ..session.options.clone() },
            facts: Facts::of(planned),
        }
    }

    /// Writes the file, readable by its owner alone. A file that is no saved plan is not
    /// overwritten.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let is_taken = path.metadata().is_ok_and(|found| found.is_file() && found.len() > 0);
        if is_taken && Self::read(path).is_err() {
            let why = "it is there and is no saved plan; it would be overwritten";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Temporary files are created with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let bytes = bounded_file::read(path, MAX_BYTES)?;
        Self::from_bytes(&bytes).map_err(|error| match error {
            ReadError::Json(_) if is_plan(path, &bytes) => ReadError::Unsaved,
            other => other,
        })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        let document: Value = serde_json::from_slice(bytes)?;
        let found = document["format"].as_str().unwrap_or_default();
        if found != FORMAT && !found.is_empty() {
            return Err(ReadError::Format { found: found.to_owned() });
        }
        Ok(serde_json::from_value(document)?)
    }
}

/// Whether a file is that of a plan, perhaps with mistakes.
fn is_plan(path: &Path, bytes: &[u8]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yml" | "yaml")) || read_bytes(bytes).1.plan.is_some()
}

impl Facts {
    pub fn of(planned: &Planned<'_>) -> Self {
        let session = planned.session;
        let redacted = |value: Value| {
            let text = session.redactor.redact(&value.to_string());
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        let git = session.scope.context("git").map(|git| git.get("sha").text());
        let environment = session.resolved.environment.as_ref();
        let steps = planned.steps.iter().map(|it| (it.id.to_string(), redacted(json::step(it))));
        let targets = planned.steps.iter().filter_map(|step| {
            let facts = TargetFacts::of(step)?;
            let changes = redacted(facts.changes);
            Some((step.id.to_string(), TargetFacts { changes, ..facts }))
        });
        Self {
            plan_hash: session.file.digest(),
            files: session.file.digests(),
            environment: environment.map(|chosen| chosen.name.clone()),
            commit: git.filter(|commit| !commit.is_empty()),
            steps: steps.collect(),
            targets: targets.collect(),
        }
    }

    /// What is not as it was when `self` was saved, a line each. Empty if a run does what
    /// was shown then.
    pub fn changes_to(&self, now: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.plan_hash != now.plan_hash {
            lines.extend(self.changed_files(now));
        }
        let name = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        if self.environment != now.environment {
            let (before, after) = (name(&self.environment), name(&now.environment));
            lines.push(format!("the environment is {after}, and was {before}"));
        }
        if self.commit != now.commit {
            let (before, after) = (name(&self.commit), name(&now.commit));
            lines.push(format!("the commit that is checked out is {after}, and was {before}"));
        }
        for (step, target) in &now.targets {
            if let Some(before) = self.targets.get(step) {
                lines.extend(before.changes_to(target, step));
            }
        }
        let all: BTreeSet<&String> = self.steps.keys().chain(now.steps.keys()).collect();
        for step in all {
            lines.extend(step_change(step, self.steps.get(step), now.steps.get(step)));
        }
        lines
    }
}

impl Facts {
    /// The files of the plan that differ, a line each. The same files may have other names, seen
    /// from another folder.
    fn changed_files(&self, now: &Self) -> Vec<String> {
        let changed =
            now.files.iter().filter(|(name, digest)| self.files.get(*name) != Some(digest));
        let changed: Vec<String> =
            changed.map(|(name, _)| format!("`{name}` was changed")).collect();
        if self.files.keys().eq(now.files.keys()) && !changed.is_empty() {
            return changed;
        }
        vec!["the plan's file, or a file that it includes, was changed".to_owned()]
    }
}

impl TargetFacts {
    fn of(step: &StepForecast) -> Option<Self> {
        let Forecast::Deploy { target: deploy, .. } = &step.forecast else { return None };
        let Comparison { target, live, deployed_commit, .. } = deploy.compared.as_ref()?;
        Some(Self {
            id: target.as_str().to_owned(),
            live: live.as_ref().map(ToString::to_string),
            commit: deployed_commit.clone(),
            changes: json::target(step).unwrap_or_default(),
        })
    }

    fn changes_to(&self, now: &Self, step: &str) -> Option<String> {
        let name = now.id.rsplit('/').next().unwrap_or_default();
        if self.id != now.id {
            return Some(format!(
                "`{step}` deploys to `{}`, and was to deploy to `{}`",
                now.id, self.id
            ));
        }
        let from = match &now.commit {
            Some(commit) => format!(" (now from commit {commit})"),
            None => String::new(),
        };
        match (&self.live, &now.live) {
            (before, after) if before == after => (self.changes != now.changes)
                .then(|| format!("`{step}` would change other properties of `{name}`")),
            (None, Some(_)) => Some(format!("`{name}` exists meanwhile{from}")),
            (Some(_), None) => Some(format!("`{name}` does not exist any more")),
            (_, _) => Some(format!("`{name}` was changed or deployed meanwhile{from}")),
        }
    }
}

/// What differs in a step that is no deploy.
fn step_change(id: &str, before: Option<&Value>, now: Option<&Value>) -> Option<String> {
    let (before, now) = match (before, now) {
        (before, now) if before == now => return None,
        (Some(before), Some(now)) => (before, now),
        (None, _) => return Some(format!("`{id}` would run, and was not planned")),
        (_, None) => return Some(format!("`{id}` was planned, and would not run")),
    };
    let digest = |step: &Value| step["digest"].as_str().unwrap_or("not known").to_owned();
    if before["digest"] != now["digest"] {
        let (before, now) = (digest(before), digest(now));
        return Some(format!("the image of `{id}` is {now}, and was {before}"));
    }
    let moved = moved_tag(before, now);
    Some(moved.unwrap_or_else(|| format!("`{id}` would do something else")))
}

/// The first tag that names another image than when the plan was saved.
fn moved_tag(before: &Value, now: &Value) -> Option<String> {
    let tags = |step: &Value| step["tags"].as_array().cloned().unwrap_or_default();
    let before = tags(before);
    tags(now).into_iter().find_map(|tag| {
        let old = before.iter().find(|old| old["reference"] == tag["reference"])?;
        let name = |tag: &Value| tag["before"].as_str().unwrap_or("no image").to_owned();
        let reference = tag["reference"].as_str().unwrap_or_default();
        (old["before"] != tag["before"])
            .then(|| format!("`{reference}` names {}, and named {}", name(&tag), name(old)))
    })
}

#[cfg(test)]
mod tests {
    use super::{Facts, TargetFacts};
    use serde_json::{Value, json};

    fn facts() -> Facts {
        let target = TargetFacts {
            id: "/subscriptions/s/containerGroups/shop".into(),
            live: Some("sha256:aa".into()),
            commit: Some("4e1d2aa".into()),
            changes: Value::Null,
        };
        let push = json!({ "tags": [{ "reference": "demo.azurecr.io/web:v1", "before": null }] });
        Facts {
            plan_hash: "sha256:01".into(),
            files: [("shipway.yml", "sha256:01"), ("web.yml", "sha256:02")]
                .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
                .into(),
            environment: Some("production".into()),
            commit: Some("7c09f31".into()),
            steps: [
                ("web.build".to_owned(), json!({ "digest": "sha256:bb" })),
                ("web.push".to_owned(), push),
            ]
            .into(),
            targets: [("web.live".to_owned(), target)].into(),
        }
    }

    fn step<'f>(facts: &'f mut Facts, id: &str) -> &'f mut Value {
        facts.steps.get_mut(id).expect("a step")
    }

    #[track_caller]
    fn case(change: impl FnOnce(&mut Facts), expected: &[&str]) {
        let mut now = facts();
        change(&mut now);
        assert_eq!(facts().changes_to(&now), expected);
    }

    #[test]
    fn each_change_of_sources_or_world_is_named() {
        case(|_| {}, &[]);
        let changed = |now: &mut Facts, file: &str| {
            now.plan_hash.clear();
            now.files.insert(file.to_owned(), "sha256:03".to_owned());
        };
        case(|now| changed(now, "web.yml"), &["`web.yml` was changed"]);
        let words = "the plan's file, or a file that it includes, was changed";
        case(|now| changed(now, "api.yml"), &[words]);
        case(|now| now.plan_hash.clear(), &[words]);
        case(|now| now.environment = None, &["the environment is none, and was production"]);
        case(
            |now| now.commit = Some("90ab12c".into()),
            &["the commit that is checked out is 90ab12c, and was 7c09f31"],
        );
        case(
            |now| step(now, "web.build")["digest"] = json!("sha256:cc"),
            &["the image of `web.build` is sha256:cc, and was sha256:bb"],
        );
        case(
            |now| step(now, "web.push")["tags"][0]["before"] = json!("sha256:dd"),
            &["`demo.azurecr.io/web:v1` names sha256:dd, and named no image"],
        );
        case(
            |now| drop(now.steps.remove("web.build")),
            &["`web.build` was planned, and would not run"],
        );
        let target = |change: fn(&mut TargetFacts)| {
            move |now: &mut Facts| change(now.targets.get_mut("web.live").expect("a target"))
        };
        case(
            target(|now| now.live = Some("sha256:ee".into())),
            &["`shop` was changed or deployed meanwhile (now from commit 4e1d2aa)"],
        );
        case(target(|now| now.live = None), &["`shop` does not exist any more"]);
        case(
            target(|now| now.changes = json!({})),
            &["`web.live` would change other properties of `shop`"],
        );
    }
}
