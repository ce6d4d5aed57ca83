//! A version of an app that can be put back.

use super::app::{App, text};
use super::desired::secret_name;
use super::revision::secrets_of;
use super::traffic::{SINGLE, to_newest};
use crate::azure::json::{entries_mut, set};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Members of `ingress` that are no property of a version: what Azure fills in, and which
/// revision gets the requests.
const NOT_OF_A_VERSION: [&str; 2] = ["fqdn", "traffic"];

/// The member that says whether revisions stay active beside the newest.
const MODE: &str = "activeRevisionsMode";

/// The member that has the name of the version's revision, and is no part of a request.
const REVISION: &str = "revision";

/// A version of an app, without its secrets and without what Azure fills in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct PreviousApp {
    document: Value,
}

impl PreviousApp {
    /// What can be put back of an app, as the revision has it that it is shown as. A variable
    /// whose text `is_secret`, although it was sent in plain text, becomes a secret of the app.
    pub fn of(app: &App, is_secret: impl Fn(&str) -> bool) -> Self {
        let document = &app.document;
        let properties = app.properties();
        let environment = match &properties["environmentId"] {
            Value::Null => &properties["managedEnvironmentId"],
            id => id,
        };
        let mut configuration = without_nulls(&properties["configuration"]);
        if let Some(ingress) = configuration.get_mut("ingress").and_then(Value::as_object_mut) {
            ingress.retain(|name, _| !NOT_OF_A_VERSION.contains(&name.as_str()));
        }
        if let Some(configuration) = configuration.as_object_mut() {
            configuration.remove(MODE);
        }
        let mut template = without_nulls(&properties["template"]);
        if let Some(template) = template.as_object_mut() {
            // Each change has a revision of its own.
            template.remove("revisionSuffix");
        }
        let mut hidden = BTreeSet::new();
        for container in entries_mut(&mut template, "/containers") {
            for variable in entries_mut(container, "/env") {
                if is_secret(text(&variable["value"])) {
                    let secret = secret_name(text(&variable["name"]));
                    *variable = json!({ "name": variable["name"], "secretRef": secret });
                    hidden.insert(secret);
                }
            }
        }
        if !hidden.is_empty() {
            let secrets = hidden.iter().map(|name| json!({ "name": name }));
            let known = configuration["secrets"].as_array().cloned().unwrap_or_default();
            let secrets: Vec<Value> = known.into_iter().chain(secrets).collect();
            set(&mut configuration, &["secrets"], secrets);
        }
        keep_used_secrets(&mut configuration, &template);
        let mut back = json!({
            REVISION: app.revision(),
            "location": document["location"],
            "tags": app.tags(),
            "properties": {
                "environmentId": environment,
                "configuration": configuration,
                "template": template,
            },
        });
        if let Some(identity) = identity(&document["identity"]) {
            back["identity"] = identity;
        }
        Self { document: back }
    }

    /// The revision that ran it; empty where that was not recorded.
    pub fn revision(&self) -> &str {
        text(&self.document[REVISION])
    }

    /// Whether both are the same version, by whichever revisions.
    pub fn is_same_version(&self, other: &Self) -> bool {
        let without_revision = |of: &Self| {
            let mut document = of.document.clone();
            set(&mut document, &[REVISION], Value::Null);
            document
        };
        without_revision(self) == without_revision(other)
    }

    pub fn tags(&self) -> BTreeMap<String, String> {
        let tags = self.document["tags"].as_object().into_iter().flatten();
        tags.map(|(name, value)| (name.clone(), text(value).to_owned())).collect()
    }

    /// How requests reach it; `Null` without ingress.
    pub fn ingress(&self) -> &Value {
        &self.document["properties"]["configuration"]["ingress"]
    }

    pub fn registries(&self) -> &Value {
        &self.document["properties"]["configuration"]["registries"]
    }

    pub fn identity(&self) -> &Value {
        &self.document["identity"]
    }

    /// The image of the first container.
    pub fn image(&self) -> Option<&str> {
        self.document["properties"]["template"]["containers"][0]["image"].as_str()
    }

    pub fn tag(&self, name: &str) -> Option<&str> {
        let tags = self.document["tags"].as_object()?;
        let found = tags.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str())
    }

    /// The variables whose values are secrets of the app.
    pub fn secure_variables(&self) -> BTreeSet<String> {
        let env = &self.document["properties"]["template"]["containers"][0]["env"];
        let is_kept = |variable: &&Value| {
            let name = text(&variable["secretRef"]);
            self.kept().any(|secret| text(&secret["name"]) == name)
        };
        let env = env.as_array().into_iter().flatten().filter(is_kept);
        env.map(|variable| text(&variable["name"]).to_owned()).collect()
    }

    /// The registries to which it signs in with a password.
    pub fn servers(&self) -> Vec<String> {
        let registries = &self.document["properties"]["configuration"]["registries"];
        let all = registries.as_array().into_iter().flatten();
        let with_password = all.filter(|it| !text(&it["passwordSecretRef"]).is_empty());
        with_password.map(|registry| text(&registry["server"]).to_owned()).collect()
    }

    /// The names of the secrets of the app whose values are not among `known`.
    pub fn missing(&self, known: &BTreeMap<String, Secret>) -> Vec<String> {
        let names = self.kept().map(|secret| text(&secret["name"]));
        names.filter(|name| !known.contains_key(*name)).map(str::to_owned).collect()
    }

    /// The body of the PUT that puts it back, as a revision whose name ends with `suffix`. It
    /// contains secrets and must not be logged.
    pub fn body(&self, known: &BTreeMap<String, Secret>, suffix: &str) -> Value {
        let mut body = self.document.clone();
        if let Some(members) = body.as_object_mut() {
            members.remove(REVISION);
        }
        set(&mut body, &["properties", "template", "revisionSuffix"], suffix);
        set(&mut body, &["properties", "configuration", MODE], SINGLE);
        if self.ingress().is_object() {
            let path = ["properties", "configuration", "ingress", "traffic"];
            set(&mut body, &path, to_newest());
        }
        for secret in entries_mut(&mut body, "/properties/configuration/secrets") {
            if let Some(value) = known.get(text(&secret["name"])) {
                set(secret, &["value"], value.expose());
            }
        }
        body
    }

    /// The secrets of which Azure has the value, and not a vault.
    fn kept(&self) -> impl Iterator<Item = &Value> {
        let secrets = &self.document["properties"]["configuration"]["secrets"];
        let all = secrets.as_array().into_iter().flatten();
        all.filter(|secret| text(&secret["keyVaultUrl"]).is_empty())
    }
}

/// Leaves the secrets that the version uses: the app may have those of other revisions too.
fn keep_used_secrets(configuration: &mut Value, template: &Value) {
    let mut used: BTreeSet<String> = secrets_of(template).map(str::to_owned).collect();
    for registry in entries_mut(configuration, "/registries") {
        used.insert(text(&registry["passwordSecretRef"]).to_owned());
    }
    if let Some(secrets) = configuration.pointer_mut("/secrets").and_then(Value::as_array_mut) {
        secrets.retain(|secret| used.contains(text(&secret["name"])));
    }
}

/// A value without the members that are not set.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let set = members.iter().filter(|(_, value)| !value.is_null());
            let set: Map<String, Value> =
                set.map(|(name, value)| (name.clone(), without_nulls(value))).collect();
            set.into()
        }
        Value::Array(entries) => entries.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// The identities, without the ids that Azure adds; `None` where there are none.
fn identity(identity: &Value) -> Option<Value> {
    let kind = identity["type"].as_str().filter(|kind| *kind != "None")?;
    let mut back = json!({ "type": kind });
    if let Some(assigned) = identity["userAssignedIdentities"].as_object() {
        let ids: Map<String, Value> = assigned.keys().map(|id| (id.clone(), json!({}))).collect();
        back["userAssignedIdentities"] = ids.into();
    }
    Some(back)
}
