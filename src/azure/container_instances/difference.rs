//! How a live group differs from a desired one, and what Azure will do about it.

use super::desired::Desired;
use super::group::Group;
use super::normal::{NormalForm, Property, Setting};
use crate::azure::workload::FINGERPRINT_TAG;
use crate::value::{
    Change, Difference, OutsideChanges, PropertyValue, Replace, SecureValue, Verdict,
};
use std::collections::{BTreeMap, BTreeSet};

/// With more changes than this, which of them were made outside is not searched for:
/// there are two to the power of their number.
const MAX_SEARCHED_CHANGES: usize = 12;

/// Compares property by property, in the normal form of both.
pub fn difference(live: Option<&Group>, desired: &Desired) -> Difference {
    let wanted = NormalForm::of(&desired.body());
    let sources = secret_sources(desired);
    let Some(live) = live else {
        let names = Names::of(&[&wanted]);
        let changes = wanted.0.iter().map(|(path, property)| Change {
            path: names.short(path),
            before: None,
            after: Some(shown(property, sources.get(path))),
            forces_replacement: false,
            outside: false,
        });
        return Difference::creation(without_repetition(changes.collect()));
    };
    let found = NormalForm::of(&live.document);
    let names = Names::of(&[&found, &wanted]);
    let differing = differing(&found, &wanted);
    let (outside, located) = outside(live, &found, &wanted, &differing);
    let changes = differing.iter().map(|path| {
        let (before, after) = (found.0.get(*path), wanted.0.get(*path));
        let default = || NormalForm::default_of(path).map(PropertyValue::Plain);
        Change {
            path: names.short(path),
            before: before.map(|it| shown(it, None)).or_else(default),
            after: after.map(|it| shown(it, sources.get(*path))).or_else(default),
            forces_replacement: before.or(after).is_some_and(|it| it.is_fixed),
            outside: located.contains(path),
        }
    });
    let changes = without_repetition(changes.collect());
    let secure: Vec<SecureValue> = (wanted.0.iter())
        .filter(|(path, it)| it.setting == Setting::Secure && found.0.get(*path) == Some(it))
        .map(|(path, _)| SecureValue {
            path: names.short(path),
            source: sources.get(path).cloned(),
        })
        .collect();
    let equal = wanted.0.iter().filter(|(path, it)| found.0.get(*path) == Some(it));
    let plain = equal.filter(|(_, it)| it.setting != Setting::Secure);
    let unchanged: BTreeSet<String> = plain.map(|(path, _)| names.short(path)).collect();
    Difference {
        verdict: verdict(live, desired, &changes, &secure),
        unchanged: unchanged.len(),
        changes,
        secure,
        outside,
    }
}

fn verdict(live: &Group, desired: &Desired, changes: &[Change], secure: &[SecureValue]) -> Verdict {
    if desired.replace == Replace::Always {
        return Verdict::Replace;
    }
    let has_ended = live.has_ended();
    // Azure deploys a group that has ended like a new one.
    if changes.iter().any(|change| change.forces_replacement) && !has_ended {
        return if desired.replace == Replace::Never { Verdict::Refuse } else { Verdict::Replace };
    }
    match (changes, secure) {
        ([_, ..], _) => Verdict::Update,
        ([], _) if has_ended => Verdict::Start,
        ([], [_, ..]) => Verdict::Resend,
        ([], []) => Verdict::Unchanged,
    }
}

/// The paths whose values differ.
fn differing<'a>(found: &'a NormalForm, wanted: &'a NormalForm) -> Vec<&'a String> {
    let all: BTreeSet<&String> = found.0.keys().chain(wanted.0.keys()).collect();
    all.into_iter().filter(|path| found.0.get(*path) != wanted.0.get(*path)).collect()
}

/// Whether a group is as its last deploy put it, apart from secrets; `None` where that
/// deploy left no fingerprint that can be compared.
pub fn is_as_deployed(live: &Group) -> Option<bool> {
    let put = fingerprint_put(live)?;
    Some(NormalForm::of(&live.document).fingerprint() == *put)
}

/// The fingerprint of what the last deploy put.
fn fingerprint_put(live: &Group) -> Option<&String> {
    let tag = live.tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(FINGERPRINT_TAG));
    tag.map(|(_, put)| put).filter(|put| NormalForm::is_comparable(put))
}

/// Whether the group was changed since its last deploy, and the paths of those changes.
///
/// Only a hash of what was put then is known. What was changed is found by trying
/// which of the differences have to be undone for the live group to have that hash.
fn outside<'a>(
    live: &Group,
    found: &NormalForm,
    wanted: &NormalForm,
    differing: &[&'a String],
) -> (OutsideChanges, BTreeSet<&'a String>) {
    let nothing = BTreeSet::new();
    let Some(put) = fingerprint_put(live) else {
        return (OutsideChanges::Unknown, nothing);
    };
    if found.fingerprint() == *put {
        return (OutsideChanges::None, nothing);
    }
    if wanted.fingerprint() == *put {
        return (OutsideChanges::Located, differing.iter().copied().collect());
    }
    if differing.len() > MAX_SEARCHED_CHANGES {
        return (OutsideChanges::Unlocated, nothing);
    }
    for undone in 1..1_u32 << differing.len() {
        let chosen = differing.iter().enumerate().filter(|(bit, _)| undone & (1 << bit) != 0);
        let chosen: BTreeSet<&String> = chosen.map(|(_, path)| *path).collect();
        let mut before = found.clone();
        for path in &chosen {
            match wanted.0.get(*path) {
                Some(property) => before.0.insert((*path).clone(), property.clone()),
                None => before.0.remove(*path),
            };
        }
        if before.fingerprint() == *put {
            return (OutsideChanges::Located, chosen);
        }
    }
    (OutsideChanges::Unlocated, nothing)
}

/// Where the secure values of a group come from, by path.
fn secret_sources(desired: &Desired) -> BTreeMap<String, String> {
    let secrets = desired.secrets().into_iter();
    secrets.map(|(path, secret)| (path, secret.source().to_owned())).collect()
}

fn shown(property: &Property, source: Option<&String>) -> PropertyValue {
    match &property.setting {
        Setting::Plain(value) => PropertyValue::Plain(value.clone()),
        Setting::Secure => PropertyValue::Secure { source: source.cloned() },
    }
}

/// The container's name is left out of paths where there is only one: the plan's keys
/// of the first container have none.
struct Names {
    only: Option<String>,
}

impl Names {
    fn of(forms: &[&NormalForm]) -> Self {
        let containers: BTreeSet<&str> = forms
            .iter()
            .flat_map(|form| form.0.keys())
            // Names of containers have no dot.
            .filter_map(|path| path.strip_prefix("containers.")?.split('.').next())
            .collect();
        let only = (containers.len() == 1).then(|| containers.first().copied()).flatten();
        Self { only: only.map(|name| format!("containers.{name}.")) }
    }

    fn short(&self, path: &str) -> String {
        let only = self.only.as_deref().and_then(|prefix| path.strip_prefix(prefix));
        only.unwrap_or(path).to_owned()
    }
}

/// Sorted by path. The ports of a single container are those of the group too.
fn without_repetition(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes.dedup_by(|other, one| {
        let is_same = one.path == other.path && one.before == other.before;
        let is_same = is_same && one.after == other.after;
        if is_same {
            one.forces_replacement |= other.forces_replacement;
            one.outside |= other.outside;
        }
        is_same
    });
    changes
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::azure::container_instances::testing::{container, group_of};
    use crate::azure::container_instances::{Desired, EnvValue, Group};
    use crate::azure::registries::{PullLogin, RegistryLogin};
    use crate::azure::workload::FINGERPRINT_TAG;
    use crate::secret::Redactor;
    use crate::value::{
        Difference, OutsideChanges, Port, PropertyValue, Protocol, Replace, RestartPolicy, Verdict,
    };
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn desired() -> Desired {
        let mut web = container("web", "demo.azurecr.io/web:v1");
        web.env = vec![("LOG".into(), EnvValue::Plain("info".into()))];
        let mut desired = group_of(web);
        desired.tags = BTreeMap::from([("shipway-run".to_owned(), "01".to_owned())]);
        desired.add_fingerprint();
        desired
    }

    /// The group as Azure shows it after it was put.
    fn put(desired: &Desired) -> Value {
        let mut document = desired.body();
        document["id"] = "/subscriptions/s/…/g".into();
        document["properties"]["instanceView"] = json!({ "state": "Running" });
        document["properties"]["provisioningState"] = "Succeeded".into();
        for container in document["properties"]["containers"].as_array_mut().expect("a list") {
            for variable in
                container["properties"]["environmentVariables"].as_array_mut().expect("a list")
            {
                variable.as_object_mut().expect("an object").remove("secureValue");
            }
        }
        document
    }

    fn compare(document: &Value, desired: &Desired) -> Difference {
        let group: Group = serde_json::from_value(document.clone()).expect("a group");
        difference(Some(&group), desired)
    }

    fn lines(difference: &Difference) -> Vec<String> {
        let side = |value: &Option<PropertyValue>| {
            value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
        };
        let line = |change: &crate::value::Change| {
            let mut line =
                format!("{}: {} -> {}", change.path, side(&change.before), side(&change.after));
            if change.forces_replacement {
                line.push_str(" (forces replacement)");
            }
            if change.outside {
                line.push_str(" (outside)");
            }
            line
        };
        difference.changes.iter().map(line).collect()
    }

    #[test]
    fn group_that_is_as_desired_needs_no_request() {
        let mut again = desired();
        again.tags.insert("shipway-run".into(), "02".into());
        let found = compare(&put(&desired()), &again);

        assert_eq!(found.verdict, Verdict::Unchanged);
        assert_eq!(lines(&found), Vec::<String>::new());
        assert_eq!(found.unchanged, 9);
        assert_eq!(found.outside, OutsideChanges::None);
        assert!(!found.needs_request());
    }

    #[test]
    fn missing_group_is_created_with_every_property() {
        let found = difference(None, &desired());

        assert_eq!(found.verdict, Verdict::Create);
        assert_eq!(
            lines(&found),
            [
                "cpu: none -> 1",
                "dns-label: none -> demo-label",
                "env.LOG: none -> info",
                "image: none -> demo.azurecr.io/web:v1",
                "ip: none -> Public",
                "location: none -> westeurope",
                "memory: none -> 1.5",
                "os-type: none -> Linux",
                "ports: none -> 80",
            ]
        );
    }

    #[test]
    fn changes_in_place_and_those_that_force_a_replacement_are_told_apart() {
        let live = put(&desired());
        let mut next = desired();
        next.containers[0].env = vec![
            ("LOG".into(), EnvValue::Plain("debug".into())),
            ("NEW".into(), EnvValue::Plain("1".into())),
        ];
        let found = compare(&live, &next);
        assert_eq!(found.verdict, Verdict::Update);
        assert_eq!(lines(&found), ["env.LOG: info -> debug", "env.NEW: none -> 1"]);

        next.containers[0].cpu = 2.0;
        next.restart_policy = RestartPolicy::Never;
        next.containers[0].ports[0].number = 8080;
        let found = compare(&live, &next);
        assert_eq!(found.verdict, Verdict::Replace);
        let never = Desired { replace: Replace::Never, ..next };
        assert_eq!(compare(&live, &never).verdict, Verdict::Refuse);
        assert_eq!(
            found.replacement_reasons(),
            [
                "`cpu` from 1 to 2",
                "`ports` from 80 to 8080",
                "`restart-policy` from Always to Never"
            ]
        );
    }

    #[test]
    fn group_that_has_ended_is_changed_like_a_new_one() {
        let mut live = put(&desired());
        live["properties"]["instanceView"]["state"] = "Stopped".into();
        assert_eq!(compare(&live, &desired()).verdict, Verdict::Start);

        let mut next = desired();
        next.containers[0].cpu = 2.0;
        assert_eq!(compare(&live, &next).verdict, Verdict::Update);
    }

    #[test]
    fn replacement_on_every_deploy_needs_no_change() {
        let next = Desired { replace: Replace::Always, ..desired() };
        assert_eq!(compare(&put(&desired()), &next).verdict, Verdict::Replace);
    }

    #[test]
    fn secure_values_are_sent_again_and_never_compared() {
        let redactor = Redactor::default();
        let secret = |source: &str, value: &str| redactor.adopt(source, value.to_owned());
        let mut next = desired();
        next.containers[0]
            .env
            .push(("TOKEN".into(), EnvValue::Secret(secret("secrets.token", "t0ken-value"))));
        next.registries = vec![RegistryLogin {
            server: "demo.azurecr.io".into(),
            login: PullLogin::User {
                username: "me".into(),
                password: secret("secrets.pull", "pa55word"),
            },
        }];
        next.add_fingerprint();
        let found = compare(&put(&next), &next);

        assert_eq!(found.verdict, Verdict::Resend);
        assert_eq!(lines(&found), Vec::<String>::new());
        let secure: Vec<_> = found
            .secure
            .iter()
            .map(|it| format!("{} {}", it.path, it.source.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(
            secure,
            ["env.TOKEN secrets.token", "registries.demo.azurecr.io.password secrets.pull"]
        );
        assert!(!format!("{found:?}").contains("t0ken-value"));

        let mut plain = put(&next);
        plain["properties"]["containers"][0]["properties"]["environmentVariables"][1]["value"] =
            "visible".into();
        let found = compare(&plain, &next);
        assert_eq!(lines(&found), ["env.TOKEN: visible -> a secret (outside)"]);
        assert!(found.changes[0].is_sensitive());
    }

    #[test]
    fn changes_made_outside_are_told_from_those_of_the_plan() {
        let mut live = put(&desired());
        let variables =
            &mut live["properties"]["containers"][0]["properties"]["environmentVariables"];
        variables.as_array_mut().expect("a list").push(json!({ "name": "EXTRA", "value": "1" }));
        let found = compare(&live, &desired());
        assert_eq!(found.outside, OutsideChanges::Located);
        assert_eq!(lines(&found), ["env.EXTRA: 1 -> none (outside)"]);

        // The plan has changed too.
        let mut next = desired();
        next.containers[0].image = "demo.azurecr.io/web:v2".into();
        next.add_fingerprint();
        let found = compare(&live, &next);
        assert_eq!(found.outside, OutsideChanges::Located);
        assert_eq!(
            lines(&found),
            [
                "env.EXTRA: 1 -> none (outside)",
                "image: demo.azurecr.io/web:v1 -> demo.azurecr.io/web:v2",
            ]
        );

        // The same property was changed by both.
        live["properties"]["containers"][0]["properties"]["image"] = "other".into();
        let found = compare(&live, &next);
        assert_eq!(found.outside, OutsideChanges::Unlocated);
        assert!(found.changes.iter().all(|change| !change.outside));

        live["tags"].as_object_mut().expect("an object").remove(FINGERPRINT_TAG);
        assert_eq!(compare(&live, &next).outside, OutsideChanges::Unknown);
    }

    #[test]
    fn containers_are_named_where_there_are_several() {
        let mut next = desired();
        let mut proxy = next.containers[0].clone();
        proxy.name = "proxy".into();
        proxy.ports = vec![Port { number: 443, protocol: Protocol::Tcp }];
        next.containers.push(proxy);
        let found = compare(&put(&desired()), &next);

        assert_eq!(found.verdict, Verdict::Replace);
        assert_eq!(
            lines(&found),
            [
                "containers.proxy.cpu: none -> 1 (forces replacement)",
                "containers.proxy.env.LOG: none -> info",
                "containers.proxy.image: none -> demo.azurecr.io/web:v1",
                "containers.proxy.memory: none -> 1.5 (forces replacement)",
                "containers.proxy.ports: none -> 443",
                "ports: 80 -> 80, 443 (forces replacement)",
            ]
        );
    }
}
