//! How a live app differs from a desired one.
//!
//! Both are brought into one form: values by their paths in the plan, without what Azure
//! fills in. What Azure withholds is a value that cannot be compared.

use super::app::{App, text};
use super::desired::DesiredApp;
use super::revision::Revision;
use crate::azure::json::set;
use crate::azure::workload::FINGERPRINT_TAG;
use crate::value::{
    Change, Difference, OutsideChanges, PropertyValue, SecureValue, Verdict, normal_region,
};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Another form must have another version: its fingerprints cannot be compared.
const FINGERPRINT_VERSION: &str = "app1:";

/// Tags whose names begin so are not compared: Shipway's own, which differ with each run, and
/// those of the portal.
const IGNORED_TAGS: [&str; 2] = ["shipway-", "hidden-"];

/// What the paths begin with of what all revisions have from their app.
const OF_THE_APP: [&str; 6] =
    ["environment", "location", "tags.", "identity.", "ingress.", "registries."];

/// Properties that Azure does not change once the app exists.
const FIXED: [&str; 2] = ["environment", "location"];

/// The default of `maxReplicas`.
const DEFAULT_MAX_REPLICAS: u64 = 10;

/// The path of how the requests are shared.
const TRAFFIC: &str = "ingress.traffic";

#[derive(Clone, Debug, Eq, PartialEq)]
enum Setting {
    Plain(Value),
    /// Azure never returns it.
    Secure,
}

type Form = BTreeMap<String, Setting>;

/// Compares property by property.
pub fn difference(live: Option<&App>, desired: &DesiredApp) -> Difference {
    let wanted = form_of(&desired.body(), desired);
    let sources = secret_sources(desired);
    let shown = |path: &String, setting: &Setting| match setting {
        Setting::Plain(value) => PropertyValue::Plain(value.clone()),
        Setting::Secure => PropertyValue::Secure { source: sources.get(path).cloned() },
    };
    let Some(live) = live else {
        let changes = wanted.iter().map(|(path, setting)| Change {
            path: path.clone(),
            before: None,
            after: Some(shown(path, setting)),
            forces_replacement: false,
            outside: false,
        });
        return Difference::creation(changes.collect());
    };
    let found = form_of(&live.document, desired);
    let outside = outside(live, &found, &wanted);
    let all: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
    let differing = all.into_iter().filter(|path| found.get(*path) != wanted.get(*path));
    let changes: Vec<Change> = differing
        .map(|path| Change {
            path: path.clone(),
            before: found.get(path).map(|setting| shown(path, setting)),
            after: wanted.get(path).map(|setting| shown(path, setting)),
            forces_replacement: FIXED.contains(&path.as_str()),
            outside: outside == OutsideChanges::Located,
        })
        .collect();
    let secure: Vec<SecureValue> = wanted
        .iter()
        .filter(|(path, it)| **it == Setting::Secure && found.get(*path) == Some(it))
        .map(|(path, _)| SecureValue { path: path.clone(), source: sources.get(path).cloned() })
        .collect();
    let is_plain = |it: &Setting| matches!(it, Setting::Plain(_));
    let equal = wanted.iter().filter(|(path, it)| is_plain(it) && found.get(*path) == Some(it));
    Difference {
        verdict: verdict(live, &changes, &secure),
        unchanged: equal.count(),
        changes,
        secure,
        outside,
    }
}

/// What a desired app says of a document: a labelled revision says nothing of the app.
fn form_of(document: &Value, desired: &DesiredApp) -> Form {
    let mut form = form(document);
    if desired.label.is_some() {
        form.retain(|path, _| !OF_THE_APP.iter().any(|of| path.starts_with(of)));
    }
    form
}

fn verdict(live: &App, changes: &[Change], secure: &[SecureValue]) -> Verdict {
    match (changes, secure) {
        (changes, _) if changes.iter().any(|it| it.forces_replacement) => Verdict::Refuse,
        ([_, ..], _) => Verdict::Update,
        ([], _) if live.is_stopped() => Verdict::Start,
        ([], [_, ..]) => Verdict::Resend,
        ([], []) => Verdict::Unchanged,
    }
}

/// Whether an app is as its last deploy put it, apart from secrets; `None` where that deploy
/// left no fingerprint that can be compared.
pub fn is_as_deployed(live: &App) -> Option<bool> {
    let put = fingerprint_put(live)?;
    Some(fingerprint_of(&form(&live.document)) == put)
}

/// Whether the app was changed since its last deploy.
fn outside(live: &App, found: &Form, wanted: &Form) -> OutsideChanges {
    match fingerprint_put(live) {
        None => OutsideChanges::Unknown,
        Some(put) if put == fingerprint_of(found) => OutsideChanges::None,
        Some(put) if put == fingerprint_of(wanted) => OutsideChanges::Located,
        Some(_) => OutsideChanges::Unlocated,
    }
}

/// The fingerprint of what the last deploy put.
fn fingerprint_put(live: &App) -> Option<String> {
    let tags = live.tags();
    let tag = tags.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(FINGERPRINT_TAG));
    tag.map(|(_, put)| put).filter(|put| put.starts_with(FINGERPRINT_VERSION))
}

impl DesiredApp {
    /// Adds a tag with a hash of the app without its secrets, by which later changes that are
    /// not Shipway's are found.
    pub fn add_fingerprint(&mut self) {
        let fingerprint = fingerprint_of(&form(&self.body()));
        self.tags.insert(FINGERPRINT_TAG.to_owned(), fingerprint);
    }
}

fn fingerprint_of(form: &Form) -> String {
    let mut text = String::new();
    for (path, setting) in form {
        // Writing to a string does not fail.
        match setting {
            Setting::Plain(value) => writeln!(text, "{path}={value}").ok(),
            Setting::Secure => writeln!(text, "{path}").ok(),
        };
    }
    format!("{FINGERPRINT_VERSION}{}", hex::encode(digest(&SHA256, text.as_bytes()).as_ref()))
}

impl DesiredApp {
    /// Whether a revision runs what is desired.
    pub fn is_run_by(&self, revision: &Revision) -> bool {
        let own = self.body();
        let mut other = own.clone();
        set(&mut other, &["properties", "template"], revision.template().clone());
        form(&other) == form(&own)
    }

    /// Whether requests reach the live app as they are to reach this one. What says so is
    /// the app's, and holds for all of its revisions.
    pub fn has_ingress_of(&self, live: &App) -> bool {
        let ingress = |document: &Value| {
            let is_of_ingress = |path: &String| path.starts_with("ingress.") && path != TRAFFIC;
            let mut form = form(document);
            form.retain(|path, _| is_of_ingress(path));
            form
        };
        ingress(&self.body()) == ingress(&live.document)
    }
}

/// Where the secure values come from, by path.
fn secret_sources(desired: &DesiredApp) -> BTreeMap<String, String> {
    let env = desired.env.iter().filter_map(|(name, value)| {
        Some((format!("env.{name}"), value.secret()?.source().to_owned()))
    });
    env.collect()
}

/// The values of an app by their paths in the plan.
fn form(document: &Value) -> Form {
    let mut form = Form::new();
    let mut set = |path: String, value: Value| {
        if !value.is_null() {
            form.insert(path, Setting::Plain(value));
        }
    };
    let properties = &document["properties"];
    let environment = match &properties["environmentId"] {
        Value::Null => &properties["managedEnvironmentId"],
        id => id,
    };
    set("environment".to_owned(), text(environment).to_ascii_lowercase().into());
    set("location".to_owned(), normal_region(text(&document["location"])).into());
    for (name, value) in document["tags"].as_object().into_iter().flatten() {
        let lower = name.to_ascii_lowercase();
        if !IGNORED_TAGS.iter().any(|prefix| lower.starts_with(prefix)) {
            set(format!("tags.{name}"), value.clone());
        }
    }
    let identity = &document["identity"];
    if text(&identity["type"]).contains("SystemAssigned") {
        set("identity.system".to_owned(), true.into());
    }
    let ids = identity["userAssignedIdentities"].as_object().into_iter().flatten();
    let mut ids: Vec<String> = ids.map(|(id, _)| id.to_ascii_lowercase()).collect();
    ids.sort_unstable();
    if !ids.is_empty() {
        set("identity.user-assigned".to_owned(), json!(ids));
    }
    let ingress = &properties["configuration"]["ingress"];
    if ingress.is_object() {
        set("ingress.external".to_owned(), (ingress["external"] == true).into());
        set("ingress.target-port".to_owned(), ingress["targetPort"].clone());
        let transport = text(&ingress["transport"]).to_ascii_lowercase();
        set("ingress.transport".to_owned(), transport.into());
        set(TRAFFIC.to_owned(), other_traffic(&ingress["traffic"]));
    }
    scale(&properties["template"]["scale"], &mut set);
    registries(&properties["configuration"], &mut form);
    containers(properties, &mut form);
    form
}

/// Which revisions get the requests, unless one gets all of them: what that one runs is
/// compared.
fn other_traffic(traffic: &Value) -> Value {
    let gets_any = |entry: &&Value| entry["weight"].as_u64().unwrap_or(0) > 0;
    let entries: Vec<&Value> = list(traffic).iter().filter(gets_any).collect();
    if entries.len() < 2 || entries.iter().all(|entry| entry["latestRevision"] == true) {
        return Value::Null;
    }
    let share = |entry: &Value| match entry["revisionName"].as_str() {
        Some(revision) => format!("{revision}: {}%", entry["weight"]),
        None => format!("the newest: {}%", entry["weight"]),
    };
    entries.into_iter().map(share).collect::<Vec<_>>().into()
}

fn scale(scale: &Value, set: &mut impl FnMut(String, Value)) {
    set("scale.min".to_owned(), scale["minReplicas"].as_u64().unwrap_or(0).into());
    let max = scale["maxReplicas"].as_u64().unwrap_or(DEFAULT_MAX_REPLICAS);
    set("scale.max".to_owned(), max.into());
    for rule in list(&scale["rules"]) {
        let count = text(&rule["http"]["metadata"]["concurrentRequests"]);
        match count.parse::<u64>() {
            Ok(count) => set("scale.concurrent-requests".to_owned(), count.into()),
            Err(_) => set(format!("scale.rules.{}", text(&rule["name"])), rule.clone()),
        }
    }
}

fn registries(configuration: &Value, form: &mut Form) {
    for registry in list(&configuration["registries"]) {
        let path = format!("registries.{}", text(&registry["server"]).to_ascii_lowercase());
        let identity = text(&registry["identity"]).to_ascii_lowercase();
        if identity.is_empty() {
            // The password counts only when an image is pulled, and is sent with a new one.
            let username = registry["username"].clone();
            form.insert(format!("{path}.username"), Setting::Plain(username));
        } else {
            form.insert(format!("{path}.identity"), Setting::Plain(identity.into()));
        }
    }
}

fn containers(properties: &Value, form: &mut Form) {
    let secrets = list(&properties["configuration"]["secrets"]);
    for (place, container) in list(&properties["template"]["containers"]).iter().enumerate() {
        // The plan describes one. Another one is named whole.
        if place > 0 {
            let path = format!("containers.{}", text(&container["name"]));
            form.insert(path, Setting::Plain(container["image"].clone()));
            continue;
        }
        let resources = &container["resources"];
        let cpu = resources["cpu"].as_f64().map_or(Value::Null, Value::from);
        let probes = list(&container["probes"]).iter().map(|probe| {
            let kind = text(&probe["type"]).to_ascii_lowercase();
            (format!("probes.{kind}"), filled_probe(probe))
        });
        let plain = [
            ("image", container["image"].clone()),
            ("cpu", cpu),
            ("memory", resources["memory"].clone()),
            ("command", container["command"].clone()),
            ("args", container["args"].clone()),
        ];
        let plain = plain.into_iter().map(|(path, value)| (path.to_owned(), value));
        for (path, value) in plain.chain(probes) {
            let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if !is_empty {
                form.insert(path, Setting::Plain(value));
            }
        }
        form.extend(
            list(&container["env"]).iter().map(|variable| self::variable(variable, secrets)),
        );
    }
}

/// A variable: its text, a secret in Key Vault, or a secret of the app.
fn variable(variable: &Value, secrets: &[Value]) -> (String, Setting) {
    let name = text(&variable["name"]);
    let reference = text(&variable["secretRef"]);
    if reference.is_empty() {
        return (format!("env.{name}"), Setting::Plain(text(&variable["value"]).into()));
    }
    let secret = secrets.iter().find(|secret| text(&secret["name"]) == reference);
    match secret.map(|secret| text(&secret["keyVaultUrl"])).filter(|url| !url.is_empty()) {
        Some(url) => (format!("secrets.{name}"), Setting::Plain(url.into())),
        None => (format!("env.{name}"), Setting::Secure),
    }
}

/// A probe with the defaults of what it leaves out.
fn filled_probe(probe: &Value) -> Value {
    let number = |name: &str, default: u64| probe[name].as_u64().unwrap_or(default);
    let request = match &probe["httpGet"] {
        Value::Null => json!({ "tcp": probe["tcpSocket"]["port"] }),
        http => json!({ "http": http["path"], "port": http["port"] }),
    };
    json!({
        "asks": request,
        "initial-delay": number("initialDelaySeconds", 0),
        "period": number("periodSeconds", 10),
        "timeout": number("timeoutSeconds", 1),
        "failure-threshold": number("failureThreshold", 3),
        "success-threshold": number("successThreshold", 1),
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
