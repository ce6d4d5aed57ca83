//! The plan for people.

use super::planned::Planned;
use super::summary::Summary;
use crate::oci::Digest;
use crate::run::perform::{
    ChangedSources, Comparison, DeployForecast, Forecast, StepForecast, TagForecast, TagState,
    Trial,
};
use crate::value::{
    Change, Difference, OutsideChanges, PropertyValue, REPLACEMENT_SECS, SecureValue, Verdict,
};
use serde_json::Value;
use std::io::{self, IsTerminal as _};

/// The steps of each service in order, and one line that sums up.
pub fn show(planned: &Planned<'_>, summary: &Summary) -> String {
    let mut lines = steps(planned);
    lines.push(summary.line());
    lines.join("\n")
}

/// The steps of each service in order, one or more lines each.
pub fn steps(planned: &Planned<'_>) -> Vec<String> {
    let shown = Shown { is_short: io::stdout().is_terminal() };
    let mut lines = Vec::new();
    let mut service = None;
    let width = planned.steps.iter().map(|step| step.id.step.len()).max().unwrap_or_default();
    for step in &planned.steps {
        if service != Some(&step.service) {
            lines.push(step.service.clone());
            service = Some(&step.service);
        }
        let label = &step.id.step;
        let mut step_lines = shown.step(step).into_iter();
        let first = step_lines.next().unwrap_or_default();
        lines.push(format!("  {label:width$}  {first}"));
        lines.extend(step_lines.map(|line| format!("    {line}")));
    }
    lines
}

/// How values are shown.
struct Shown {
    /// Whether digests are cut.
    is_short: bool,
}

impl Shown {
    fn step(&self, step: &StepForecast) -> Vec<String> {
        match &step.forecast {
            Forecast::Build { from, digest, changed, .. } => vec![match (digest, changed) {
                (Some(digest), _) => format!("{}, built from {from}", self.digest(digest)),
                (None, None) => format!("built from {from}"),
                (None, Some(changed)) => format!("built from {from}, {}", sources(changed)),
            }],
            Forecast::Tag { references } => vec![references.join(", ")],
            Forecast::Push { tags, signed_with } => {
                let signed = signed_with.iter().map(|key| format!("signed with `{key}`"));
                self.tags(tags).into_iter().chain(signed).collect()
            }
            Forecast::Deploy { target, requires } => {
                let mut lines = self.deploy(target);
                let first = 1.min(lines.len());
                lines.splice(first..first, requirements(requires));
                lines
            }
            Forecast::Verify { endpoint, requires } => {
                let endpoint = endpoint.clone();
                let endpoint = endpoint.unwrap_or_else(|| "(known after deploy)".to_owned());
                std::iter::once(endpoint).chain(requirements(requires)).collect()
            }
            Forecast::Run { command } => vec![format!("`{command}`, not predicted")],
            Forecast::Skipped => vec!["skipped: its `if` is false".to_owned()],
            Forecast::DependsOn { step } => vec![format!("(known after `{step}`)")],
            Forecast::Failed(failure) => {
                let why = failure.chain.first().cloned().unwrap_or_default();
                vec![format!("not known: {why}")]
            }
        }
    }

    /// The first tag beside the step, each further one on a line of its own.
    fn tags(&self, tags: &[TagForecast]) -> Vec<String> {
        tags.iter().map(|tag| format!("{}  {}", tag.reference, self.tag(tag))).collect()
    }

    fn tag(&self, tag: &TagForecast) -> String {
        match (&tag.state, &tag.next) {
            (TagState::NotCompared, _) => "not compared".to_owned(),
            (TagState::Missing, _) => "+ new".to_owned(),
            (TagState::At(now), Some(next)) if now == next => "= no change".to_owned(),
            (TagState::At(now), Some(next)) => {
                format!("~ moves from {} to {}", self.digest(now), self.digest(next))
            }
            (TagState::At(now), None) => {
                format!("~ moves from {} to (known after build)", self.digest(now))
            }
        }
    }

    fn deploy(&self, deploy: &DeployForecast) -> Vec<String> {
        let name = &deploy.name;
        let Some(compared) = &deploy.compared else { return vec![format!("{name}  not compared")] };
        let difference = &compared.difference;
        let mut lines = vec![format!("{name}  {}", verdict(compared))];
        if compared.is_of_other_tool {
            lines.push("! it was not deployed by Shipway, and will be overwritten".to_owned());
        }
        lines.extend(compared.tried.as_ref().map(|trial| match trial {
            Trial::Beside(name) => format!("verified first as {name}, which is then removed"),
            Trial::Within(name) => format!("verified first as {name}, which then gets them"),
            Trial::Existing(name) => format!("{name} runs it, and gets the requests again"),
        }));
        lines.extend(self.properties(compared));
        if difference.outside == OutsideChanges::Unlocated {
            lines.push("! it was changed outside Shipway since its last deploy".to_owned());
        }
        let obstacles = compared.rollback_obstacles.iter();
        lines.extend(obstacles.map(|obstacle| format!("! a rollback {obstacle}")));
        let hides = !matches!(difference.verdict, Verdict::Create | Verdict::Unchanged);
        match difference.unchanged {
            count if !hides || count == 0 => {}
            1 => lines.push("(1 unchanged property hidden)".to_owned()),
            count => lines.push(format!("({count} unchanged properties hidden)")),
        }
        lines
    }

    fn properties(&self, compared: &Comparison) -> Vec<String> {
        let Difference { verdict, changes, secure, .. } = &compared.difference;
        let resends = *verdict != Verdict::Unchanged;
        let secure: &[SecureValue] = if resends { secure } else { &[] };
        let paths =
            changes.iter().map(|it| it.path.len()).chain(secure.iter().map(|it| it.path.len()));
        let width = paths.max().unwrap_or_default();
        let changed = changes.iter().map(|change| {
            let path = &change.path;
            (path, format!("{} {path:width$}  {}", sign(change), self.change(change, compared)))
        });
        let resent = secure.iter().map(|it| {
            let source = secret(it.source.as_deref());
            (&it.path, format!("~ {:width$}  ({source}, sent again)", it.path))
        });
        let mut lines: Vec<(&String, String)> = changed.chain(resent).collect();
        lines.sort_by_key(|(path, _)| *path);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn change(&self, change: &Change, compared: &Comparison) -> String {
        let path = &change.path;
        let mut text = match (&change.before, &change.after) {
            // It is likely to be the value of the secret.
            (Some(PropertyValue::Plain(_)), Some(after @ PropertyValue::Secure { .. })) => {
                format!("(a plain value) -> {}", self.value(path, after))
            }
            (Some(before), Some(after)) => {
                format!("{} -> {}", self.value(path, before), self.value(path, after))
            }
            (None, Some(value)) | (Some(value), None) => self.value(path, value),
            (None, None) => String::new(),
        };
        let is_image = path.rsplit('.').next() == Some("image");
        if is_image && let Some(commits) = commits(compared) {
            text.extend(["   (commit ", commits.as_str(), ")"]);
        }
        match (change.outside, change.after.is_none()) {
            (true, true) => text.push_str("   not in the plan: changed outside Shipway"),
            (true, false) => text.push_str("   changed outside Shipway"),
            (false, true) => text.push_str("   not in the plan"),
            (false, false) => {}
        }
        let replaces = matches!(compared.difference.verdict, Verdict::Replace | Verdict::Refuse);
        if change.forces_replacement && replaces {
            text.push_str("   # forces replacement");
        }
        text
    }

    fn value(&self, path: &str, value: &PropertyValue) -> String {
        let names = ["env.", "tags."];
        let is_text = names.iter().any(|name| path.starts_with(name)) || path.contains(".env.");
        match value {
            PropertyValue::Secure { source } => format!("({})", secret(source.as_deref())),
            PropertyValue::Plain(Value::String(text)) if !is_text => match text.split_once('@') {
                Some((name, digest)) => match digest.parse::<Digest>() {
                    Ok(digest) => format!("{name}@{}", self.digest(&digest)),
                    Err(_) => text.clone(),
                },
                None => text.clone(),
            },
            PropertyValue::Plain(Value::String(text)) => Value::from(text.as_str()).to_string(),
            other => other.to_string(),
        }
    }

    fn digest(&self, digest: &Digest) -> String {
        if self.is_short { digest.short().to_owned() } else { digest.to_string() }
    }
}

/// One line for each thing that is required of images.
fn requirements(all: &[String]) -> impl Iterator<Item = String> {
    all.iter().map(|what| format!("requires {what}"))
}

fn sign(change: &Change) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "+",
        (_, None) => "-",
        _ => "~",
    }
}

/// Where a secret comes from: `secret NAME` for one of the plan.
fn secret(source: Option<&str>) -> String {
    match source {
        None => "secret".to_owned(),
        Some(source) => match source.strip_prefix("secrets.") {
            Some(name) => format!("secret {name}"),
            None => source.to_owned(),
        },
    }
}

/// The commits that a deploy goes from and to, if both are known and differ.
fn commits(compared: &Comparison) -> Option<String> {
    let (from, to) = (compared.deployed_commit.as_ref()?, compared.commit.as_ref()?);
    (from != to).then(|| format!("{} -> {}", short(from), short(to)))
}

fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

/// Whether the files that an image is built from have changed.
fn sources(changed: &ChangedSources) -> String {
    let since = short(&changed.since);
    match changed.files {
        0 => format!("none of its files has changed since commit {since}"),
        1 => format!("1 of its files has changed since commit {since}"),
        count => format!("{count} of its files have changed since commit {since}"),
    }
}

fn verdict(compared: &Comparison) -> String {
    let words = match compared.difference.verdict {
        Verdict::Create => "+ create",
        Verdict::Update if matches!(compared.tried, Some(Trial::Within(_))) => {
            "~ update, as a new revision"
        }
        Verdict::Update if matches!(compared.tried, Some(Trial::Existing(_))) => "~ update",
        Verdict::Update => "~ update, restarts in place",
        Verdict::Replace => {
            return format!("-/+ replace, about {REPLACEMENT_SECS} s without service");
        }
        Verdict::Refuse => {
            return format!("-/+ {}", compared.refusal.as_deref().unwrap_or_default());
        }
        Verdict::Older => "refused: a newer commit is deployed, and `--allow-older` is not given",
        Verdict::Start => "~ start again: it does not run",
        Verdict::Resend => "~ send secrets again, restarts in place",
        Verdict::Undecided => {
            "~ update if the image differs, which is built again from the same commit"
        }
        Verdict::Unchanged => "= no change",
    };
    words.to_owned()
}
