//! The plan for programs. `docs/plan-output.md` documents the keys, which do not change.

use super::planned::Planned;
use super::summary::Summary;
use crate::run::perform::{Comparison, Forecast, StepForecast, TagForecast, TagState, Trial};
use crate::value::{Change, OutsideChanges, PropertyValue, REPLACEMENT_SECS, SecureValue, Verdict};
use serde_json::{Value, json};

/// Another meaning of a key is another major version.
const FORMAT: &str = "1.0";

pub fn show(planned: &Planned<'_>, summary: &Summary) -> String {
    let session = planned.session;
    let environment = session.resolved.environment.as_ref().map(|chosen| chosen.name.clone());
    let document = json!({
        "format": FORMAT,
        "plan": session.plan.name.value,
        "environment": environment,
        "offline": planned.offline,
        "steps": planned.steps.iter().map(step).collect::<Vec<_>>(),
        "changes": planned.steps.iter().filter_map(target).collect::<Vec<_>>(),
        "summary": counts(summary),
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

pub fn step(step: &StepForecast) -> Value {
    let mut shown = json!({
        "step": step.id.to_string(), "service": step.service, "action": step.action,
    });
    let (state, members) = match &step.forecast {
        Forecast::Build { from, digest, changed, .. } => {
            let changed =
                changed.as_ref().map(|it| json!({ "since": it.since, "files": it.files }));
            ("planned", json!({ "from": from, "digest": digest, "changed": changed }))
        }
        Forecast::Tag { references } => ("planned", json!({ "references": references })),
        Forecast::Push { tags, signed_with } => {
            let tags: Vec<Value> = tags.iter().map(tag).collect();
            ("planned", json!({ "tags": tags, "signed-with": signed_with }))
        }
        Forecast::Deploy { target, requires } => {
            ("planned", json!({ "target": target.name, "requires": requires }))
        }
        Forecast::Verify { endpoint, requires } => {
            ("planned", json!({ "endpoint": endpoint, "requires": requires }))
        }
        Forecast::Run { command } => ("not-predicted", json!({ "command": command })),
        Forecast::Skipped => ("skipped", json!({})),
        Forecast::DependsOn { step } => ("depends", json!({ "on": step })),
        Forecast::Failed(failure) => {
            ("failed", json!({ "error": failure.chain, "help": failure.help }))
        }
    };
    shown["state"] = state.into();
    for (name, value) in members.as_object().into_iter().flatten() {
        shown[name.as_str()] = value.clone();
    }
    shown
}

fn tag(tag: &TagForecast) -> Value {
    let (action, before) = match (&tag.state, &tag.next) {
        (TagState::NotCompared, _) => ("not-compared", None),
        (TagState::Missing, _) => ("create", None),
        (TagState::At(now), Some(next)) if now == next => ("no-op", Some(now)),
        (TagState::At(now), Some(_)) => ("move", Some(now)),
        (TagState::At(now), None) => ("unknown", Some(now)),
    };
    json!({ "reference": tag.reference, "action": action, "before": before, "after": tag.next })
}

/// What changes of the target of a deploy. `None` for other steps.
pub fn target(step: &StepForecast) -> Option<Value> {
    let Forecast::Deploy { target: deploy, .. } = &step.forecast else { return None };
    let compared = deploy.compared.as_ref()?;
    let Comparison { target, kind, difference, deployed_commit, commit, tried, .. } = compared;
    let obstacles =
        compared.rollback_obstacles.iter().map(|obstacle| format!("a rollback {obstacle}"));
    let (actions, reason) = actions(difference.verdict);
    let replaces = difference.verdict == Verdict::Replace;
    let changes = difference.changes.iter().map(property);
    let secure = difference.secure.iter().map(resent);
    Some(json!({
        "service": step.service,
        "step": step.id.to_string(),
        "target": { "kind": kind.name.replace(' ', "-"), "id": target.as_str() },
        "actions": actions,
        "reason": reason,
        "verified-first-as": match tried {
            Some(Trial::Beside(name) | Trial::Within(name)) => Some(name),
            Some(Trial::Existing(_)) | None => None,
        },
        "existing-version": match tried {
            Some(Trial::Existing(name)) => Some(name),
            Some(Trial::Beside(_) | Trial::Within(_)) | None => None,
        },
        "downtime": replaces.then_some(REPLACEMENT_SECS),
        "rollback-obstacles": obstacles.collect::<Vec<_>>(),
        "commit": { "before": deployed_commit, "after": commit },
        "outside": match difference.outside {
            OutsideChanges::Unknown => "unknown",
            OutsideChanges::None => "none",
            OutsideChanges::Located => "located",
            OutsideChanges::Unlocated => "unlocated",
        },
        "properties": changes.chain(secure).collect::<Vec<_>>(),
        "unchanged": difference.unchanged,
    }))
}

fn actions(verdict: Verdict) -> (&'static [&'static str], &'static str) {
    match verdict {
        Verdict::Create => (&["create"], "missing"),
        Verdict::Update => (&["update"], "changed"),
        Verdict::Replace => (&["delete", "create"], "replacement"),
        Verdict::Refuse => (&[], "replacement-forbidden"),
        Verdict::Older => (&[], "newer-commit-deployed"),
        Verdict::Start => (&["update"], "not-running"),
        Verdict::Resend => (&["update"], "secrets"),
        Verdict::Undecided => (&[], "known-after-build"),
        Verdict::Unchanged => (&["no-op"], "unchanged"),
    }
}

fn property(change: &Change) -> Value {
    // Also what is plain beside a secret: it is likely to be the same value.
    let shown = |side: &Option<PropertyValue>| {
        side.as_ref().filter(|_| !change.is_sensitive()).map_or(Value::Null, value)
    };
    json!({
        "path": change.path,
        "before": shown(&change.before),
        "after": shown(&change.after),
        "unknown": change.after == Some(PropertyValue::Unknown),
        "sensitive": change.is_sensitive(),
        "forces-replacement": change.forces_replacement,
        "outside": change.outside,
    })
}

fn resent(secure: &SecureValue) -> Value {
    json!({
        "path": secure.path, "before": null, "after": null, "unknown": false, "sensitive": true,
        "forces-replacement": false, "outside": false, "secret": secure.source,
    })
}

/// A value that may be shown. A secret has none.
fn value(value: &PropertyValue) -> Value {
    match value {
        PropertyValue::Plain(value) => value.clone(),
        PropertyValue::Secure { .. } | PropertyValue::Unknown => Value::Null,
    }
}

fn counts(summary: &Summary) -> Value {
    json!({
        "changes": summary.changes(),
        "create": summary.create,
        "update": summary.update,
        "replace": summary.replace,
        "refuse": summary.refuse,
        "start": summary.start,
        "resend": summary.resend,
        "undecided": summary.undecided,
        "unchanged": summary.unchanged,
        "not-compared": summary.not_compared,
        "new-tags": summary.new_tags,
        "moved-tags": summary.moved_tags,
        "outside": summary.outside,
    })
}
