//! A container group as it was, to be put back.
//!
//! A GET has properties that a PUT must not have, and lacks every secret that the
//! PUT needs. So the read-only properties are removed, and what Azure withholds is
//! listed: it has to be known from elsewhere to put the group back.

use super::body::encoded;
use super::group::Group;
use super::property::remove_read_only;
use crate::azure::EnvValue;
use crate::azure::json::{entries_mut, set};
use crate::azure::registries::PullLogin;
use crate::secret::Secret;
use crate::value::RestartPolicy;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A group without read-only properties and without secrets.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct PreviousGroup {
    body: Value,
    /// Properties that were left out because they hold a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<String>,
}

/// A value that a GET names and does not have.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Withheld {
    /// A secure environment variable.
    Variable { container: String, name: String },
    /// The password that Azure pulls with.
    Password { server: String, username: String },
    /// The files of a secret volume.
    Files { volume: String },
    /// The key of the storage account of a share.
    StorageKey { volume: String },
    /// The key of the Log Analytics workspace.
    WorkspaceKey,
    /// A value that no plan has.
    Other(String),
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { container, name } => {
                write!(f, "the secure value `{name}` of container `{container}`")
            }
            Self::Password { server, username } => {
                write!(f, "the password of `{username}` for `{server}`")
            }
            Self::Files { volume } => write!(f, "the content of the secret volume `{volume}`"),
            Self::StorageKey { volume } => {
                write!(f, "the key of the storage account of volume `{volume}`")
            }
            Self::WorkspaceKey => f.write_str("the key of the Log Analytics workspace"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// The values that Azure withholds, as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct KnownValues {
    /// By container and name.
    pub variables: BTreeMap<(String, String), Secret>,
    /// By the host of the registry.
    pub logins: BTreeMap<String, PullLogin>,
    /// The files of secret volumes, by volume and name.
    pub files: BTreeMap<String, BTreeMap<String, EnvValue>>,
    /// The keys of storage accounts, by volume.
    pub storage_keys: BTreeMap<String, Secret>,
    pub workspace_key: Option<Secret>,
}

impl KnownValues {
    /// The secret of a variable: of that container, else of any that has one of the
    /// name, because a container may have been renamed.
    fn variable(&self, container: &str, name: &str) -> Option<&Secret> {
        let own = self.variables.get(&(container.to_owned(), name.to_owned()));
        let of_any = || self.variables.iter().find(|((_, known), _)| known == name);
        own.or_else(|| of_any().map(|(_, secret)| secret))
    }
}

impl PreviousGroup {
    /// Of the response to a GET. A text for which `is_secret` holds is left out: a
    /// variable counts as secure then.
    pub fn of(document: &Value, is_secret: impl Fn(&str) -> bool) -> Self {
        let mut body = document.clone();
        remove_read_only(&mut body);
        for kind in ["containers", "initContainers"] {
            for container in entries_mut(&mut body, &format!("/properties/{kind}")) {
                for variable in entries_mut(container, "/properties/environmentVariables") {
                    if variable["value"].as_str().is_some_and(&is_secret) {
                        variable["value"] = Value::Null;
                    }
                }
            }
        }
        let identities = body.pointer_mut("/identity/userAssignedIdentities");
        if let Some(identities) = identities.and_then(Value::as_object_mut) {
            identities.values_mut().for_each(|identity| *identity = json!({}));
        }
        without_nulls(&mut body);
        let mut hidden = Vec::new();
        hide(&mut body, "", &is_secret, &mut hidden);
        Self { body, hidden }
    }

    /// The image of the first container.
    pub fn image(&self) -> Option<&str> {
        self.body["properties"]["containers"][0]["properties"]["image"].as_str()
    }

    /// Resource Manager compares the names of tags without regard to case.
    pub fn tag(&self, name: &str) -> Option<&str> {
        let tags = self.body["tags"].as_object()?;
        let found = tags.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str())
    }

    pub fn restart_policy(&self) -> RestartPolicy {
        match self.body["properties"]["restartPolicy"].as_str() {
            Some("Never") => RestartPolicy::Never,
            Some("OnFailure") => RestartPolicy::OnFailure,
            _ => RestartPolicy::Always,
        }
    }

    /// The part of its public address that a group which was put back does not have yet.
    pub fn missing_address(&self, group: &Group) -> Option<&'static str> {
        let address = &self.body["properties"]["ipAddress"];
        let wants_name = address["dnsNameLabel"].is_string();
        if address.is_object() { group.missing_address(wants_name) } else { None }
    }

    /// The hosts of registries whose password Azure withholds.
    pub fn servers(&self) -> Vec<String> {
        let withheld = self.withheld().into_iter();
        let server = |withheld| match withheld {
            Withheld::Password { server, .. } => Some(server),
            _ => None,
        };
        withheld.filter_map(server).collect()
    }

    /// The names of the environment variables whose values Azure withholds.
    pub fn secure_variables(&self) -> BTreeSet<String> {
        let names = self.withheld().into_iter().filter_map(|withheld| match withheld {
            Withheld::Variable { name, .. } => Some(name),
            _ => None,
        });
        names.collect()
    }

    /// What has to be known to put the group back, and is not.
    pub fn missing(&self, known: &KnownValues) -> Vec<Withheld> {
        let is_missing = |withheld: &Withheld| match withheld {
            Withheld::Variable { container, name } => known.variable(container, name).is_none(),
            Withheld::Password { server, .. } => !known.logins.contains_key(server),
            Withheld::Files { volume } => !known.files.contains_key(volume),
            Withheld::StorageKey { volume } => !known.storage_keys.contains_key(volume),
            Withheld::WorkspaceKey => known.workspace_key.is_none(),
            Withheld::Other(_) => true,
        };
        self.withheld().into_iter().filter(is_missing).collect()
    }

    fn withheld(&self) -> Vec<Withheld> {
        let properties = &self.body["properties"];
        let mut withheld = Vec::new();
        for container in list(&properties["containers"]).chain(list(&properties["initContainers"]))
        {
            let secure = list(&container["properties"]["environmentVariables"])
                .filter(|variable| is_secure(variable));
            withheld.extend(secure.map(|variable| Withheld::Variable {
                container: text(&container["name"]),
                name: text(&variable["name"]),
            }));
        }
        let passwords = list(&properties["imageRegistryCredentials"])
            .filter(|login| login["identity"].is_null() && login["passwordReference"].is_null());
        withheld.extend(passwords.map(|login| Withheld::Password {
            server: text(&login["server"]),
            username: text(&login["username"]),
        }));
        for volume in list(&properties["volumes"]) {
            let name = text(&volume["name"]);
            if volume["secret"].is_object() {
                withheld.push(Withheld::Files { volume: name.clone() });
            }
            let share = &volume["azureFile"];
            if share.is_object() && share["storageAccountKeyReference"].is_null() {
                withheld.push(Withheld::StorageKey { volume: name });
            }
        }
        if properties["diagnostics"]["logAnalytics"].is_object() {
            withheld.push(Withheld::WorkspaceKey);
        }
        withheld.extend(self.hidden.iter().map(|path| {
            Withheld::Other(format!("`{path}`, which is not recorded because it holds a secret"))
        }));
        withheld
    }

    /// The body of the PUT request, with the values that are known. It contains secrets
    /// and must not be logged.
    pub fn body(&self, known: &KnownValues) -> Value {
        let mut body = self.body.clone();
        for kind in ["containers", "initContainers"] {
            for container in entries_mut(&mut body, &format!("/properties/{kind}")) {
                let name = text(&container["name"]);
                for variable in entries_mut(container, "/properties/environmentVariables") {
                    let secret = known.variable(&name, &text(&variable["name"]));
                    if let Some(secret) = secret.filter(|_| is_secure(variable)) {
                        set(variable, &["secureValue"], secret.expose());
                    }
                }
            }
        }
        let mut identities = Vec::new();
        for login in entries_mut(&mut body, "/properties/imageRegistryCredentials") {
            let server = text(&login["server"]);
            if !login["identity"].is_null() {
                continue;
            }
            match known.logins.get(&server) {
                Some(PullLogin::User { username, password }) => {
                    set(login, &["username"], username.as_str());
                    set(login, &["password"], password.expose());
                }
                Some(PullLogin::Identity(identity)) => {
                    *login = json!({ "server": server, "identity": identity });
                    identities.push(identity);
                }
                None => {}
            }
        }
        add_volume_secrets(&mut body, known);
        if let (Some(key), true) =
            (&known.workspace_key, body["properties"]["diagnostics"]["logAnalytics"].is_object())
        {
            body["properties"]["diagnostics"]["logAnalytics"]["workspaceKey"] = key.expose().into();
        }
        assign(&mut body, &identities);
        without_nulls(&mut body);
        body
    }
}

fn add_volume_secrets(body: &mut Value, known: &KnownValues) {
    for volume in entries_mut(body, "/properties/volumes") {
        let name = text(&volume["name"]);
        if let (Some(files), true) = (known.files.get(&name), volume["secret"].is_object()) {
            volume["secret"] = encoded(files);
        }
        if let (Some(key), true) = (known.storage_keys.get(&name), volume["azureFile"].is_object())
        {
            volume["azureFile"]["storageAccountKey"] = key.expose().into();
        }
    }
}

/// Assigns identities to the group: Azure pulls with none that it does not have.
fn assign(body: &mut Value, identities: &[&String]) {
    if identities.is_empty() {
        return;
    }
    let kind = match body["identity"]["type"].as_str() {
        Some(kind) if kind.contains("SystemAssigned") => "SystemAssigned, UserAssigned",
        _ => "UserAssigned",
    };
    set(body, &["identity", "type"], kind);
    for identity in identities {
        set(body, &["identity", "userAssignedIdentities", identity], json!({}));
    }
}

/// Whether a GET leaves out the value of a variable.
fn is_secure(variable: &Value) -> bool {
    variable["value"].is_null() && variable["secureValueReference"].is_null()
}

/// Leaves out every text that is secret, and notes where it was.
fn hide(value: &mut Value, path: &str, is_secret: &dyn Fn(&str) -> bool, hidden: &mut Vec<String>) {
    match value {
        Value::String(text) if is_secret(text) => {
            hidden.push(path.to_owned());
            *value = Value::Null;
        }
        Value::Array(values) => {
            for (place, value) in values.iter_mut().enumerate() {
                hide(value, &format!("{path}[{place}]"), is_secret, hidden);
            }
        }
        Value::Object(members) => {
            let secret: Vec<String> =
                members.keys().filter(|name| is_secret(name)).cloned().collect();
            for name in secret {
                hidden.push(format!("a member of {path}"));
                members.remove(&name);
            }
            for (name, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                hide(value, &format!("{path}{dot}{name}"), is_secret, hidden);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Removes members that are `null`: what Azure writes for an empty value, and what
/// indexing a value leaves.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(without_nulls),
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{EnvValue, KnownValues, PreviousGroup};
    use crate::azure::registries::PullLogin;
    use crate::secret::Redactor;
    use serde_json::{Value, json};

    /// As Azure answers a GET.
    fn document() -> Value {
        json!({
            "id": "/subscriptions/s/…/g", "name": "g",
            "type": "Microsoft.ContainerInstance/containerGroups",
            "location": "westeurope",
            "tags": { "Shipway-Commit": "4e1d2aa" },
            "identity": {
                "type": "UserAssigned", "principalId": "p", "tenantId": "t",
                "userAssignedIdentities": { "/ids/app": { "principalId": "p", "clientId": "c" } },
            },
            "properties": {
                "sku": "Standard", "provisioningState": "Succeeded",
                "provisioningTimeoutInSeconds": 1800, "isCustomProvisioningTimeout": false,
                "containers": [{ "name": "web", "properties": {
                    "image": "demo.azurecr.io/web@sha256:00", "command": null,
                    "environmentVariables": [
                        { "name": "LOG", "value": "info" },
                        { "name": "EMPTY", "value": "" },
                        { "name": "TOKEN" },
                        { "name": "COPY", "value": "key=hunter22" },
                    ],
                    "instanceView": { "restartCount": 0 },
                    "resources": { "requests": { "cpu": 1.0, "memoryInGB": 1.5 } },
                } }],
                "initContainers": [],
                "imageRegistryCredentials": [
                    { "server": "demo.azurecr.io", "username": "demo" },
                    { "server": "other.azurecr.io", "identity": "/ids/app" },
                ],
                "restartPolicy": "OnFailure", "osType": "Linux",
                "ipAddress": {
                    "type": "Public", "ip": "20.0.0.1", "fqdn": "g.x.azurecontainer.io",
                    "ports": [{ "protocol": "TCP", "port": 80 }],
                },
                "instanceView": { "events": [], "state": "Running" },
            },
        })
    }

    fn previous() -> PreviousGroup {
        PreviousGroup::of(&document(), |text| text.contains("hunter22"))
    }

    fn known() -> KnownValues {
        let redactor = Redactor::default();
        let secret = |value: &str| redactor.adopt("test", value.to_owned());
        let variable = |name: &str| (("web".to_owned(), name.to_owned()), secret("a new t0ken"));
        let user = PullLogin::User { username: "puller".into(), password: secret("pa55word") };
        KnownValues {
            variables: [variable("TOKEN"), variable("COPY")].into(),
            logins: [("demo.azurecr.io".to_owned(), user)].into(),
            ..KnownValues::default()
        }
    }

    #[test]
    fn documents_of_any_shape_are_read() {
        for document in [
            json!(["/id", "g"]),
            json!({ "properties": ["Succeeded"] }),
            json!({ "properties": { "containers": ["web"], "volumes": [1, { "azureFile": "a" }] } }),
            json!({ "identity": "a", "properties": { "imageRegistryCredentials": ["a", {}] } }),
        ] {
            let previous = PreviousGroup::of(&document, |_| false);
            assert!(previous.body(&known()).is_object() || document.is_array());
        }
    }

    #[test]
    fn the_body_that_puts_a_group_back() {
        let body = previous().body(&known());
        assert_eq!(
            body,
            json!({
                "location": "westeurope",
                "tags": { "Shipway-Commit": "4e1d2aa" },
                "identity": {
                    "type": "UserAssigned", "userAssignedIdentities": { "/ids/app": {} },
                },
                "properties": {
                    "sku": "Standard",
                    "containers": [{ "name": "web", "properties": {
                        "image": "demo.azurecr.io/web@sha256:00",
                        "environmentVariables": [
                            { "name": "LOG", "value": "info" },
                            { "name": "EMPTY", "value": "" },
                            { "name": "TOKEN", "secureValue": "a new t0ken" },
                            { "name": "COPY", "secureValue": "a new t0ken" },
                        ],
                        "resources": { "requests": { "cpu": 1.0, "memoryInGB": 1.5 } },
                    } }],
                    "initContainers": [],
                    "imageRegistryCredentials": [
                        {
                            "server": "demo.azurecr.io", "username": "puller",
                            "password": "pa55word",
                        },
                        { "server": "other.azurecr.io", "identity": "/ids/app" },
                    ],
                    "restartPolicy": "OnFailure", "osType": "Linux",
                    "ipAddress": {
                        "type": "Public", "ports": [{ "protocol": "TCP", "port": 80 }],
                    },
                },
            })
        );
        assert_eq!(previous().missing(&known()), []);
    }

    #[test]
    fn what_is_recorded_holds_no_secret_and_is_read_back() {
        let record = serde_json::to_value(previous()).expect("JSON");
        assert!(!record.to_string().contains("hunter22"), "{record}");
        assert_eq!(serde_json::from_value::<PreviousGroup>(record).expect("the same"), previous());
        assert_eq!(previous().tag("shipway-commit"), Some("4e1d2aa"));
    }

    #[track_caller]
    fn misses(document: &Value, expected: &[&str]) {
        let previous = PreviousGroup::of(document, |text| text.contains("hunter22"));
        let missing = previous.missing(&KnownValues::default());
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        assert_eq!(missing, expected);
    }

    #[test]
    fn every_value_that_azure_withholds_is_listed() {
        misses(
            &document(),
            &[
                "the secure value `TOKEN` of container `web`",
                "the secure value `COPY` of container `web`",
                "the password of `demo` for `demo.azurecr.io`",
            ],
        );
        misses(
            &json!({ "properties": {
                "containers": [{ "name": "web", "properties": { "command": ["/x", "hunter22"] } }],
                "initContainers": [{ "name": "early", "properties": {
                    "environmentVariables": [{ "name": "KEY" }],
                } }],
                "volumes": [
                    { "name": "keys", "secret": {} },
                    { "name": "data", "azureFile": { "shareName": "data" } },
                    { "name": "tmp", "emptyDir": {} },
                ],
                "diagnostics": { "logAnalytics": { "workspaceId": "w" } },
            } }),
            &[
                "the secure value `KEY` of container `early`",
                "the content of the secret volume `keys`",
                "the key of the storage account of volume `data`",
                "the key of the Log Analytics workspace",
                "`properties.containers[0].properties.command[1]`, which is not recorded because it holds a secret",
            ],
        );
    }

    #[test]
    fn a_login_by_identity_replaces_one_by_password() {
        let identity = "/ids/pull";
        let login = PullLogin::Identity(identity.into());
        let logins = [("demo.azurecr.io".to_owned(), login)].into();
        let body = previous().body(&KnownValues { logins, ..known() });
        let logins = &body["properties"]["imageRegistryCredentials"];
        assert_eq!(logins[0], json!({ "server": "demo.azurecr.io", "identity": identity }));
        assert_eq!(body["identity"]["type"], "UserAssigned");
        assert_eq!(body["identity"]["userAssignedIdentities"][identity], json!({}));
    }

    #[test]
    fn the_secret_of_a_renamed_container_is_found_by_the_name_of_the_variable() {
        let mut renamed = document();
        renamed["properties"]["containers"][0]["name"] = "server".into();
        let previous = PreviousGroup::of(&renamed, |_| false);
        assert_eq!(previous.missing(&known()), []);
    }

    #[test]
    fn keys_and_files_of_volumes_are_put_back_from_the_plan() {
        let live = json!({ "properties": {
            "volumes": [
                { "name": "keys", "secret": {} },
                { "name": "data", "azureFile": {
                    "shareName": "data", "storageAccountName": "shop",
                } },
            ],
            "diagnostics": { "logAnalytics": { "workspaceId": "w" } },
        } });
        let previous = PreviousGroup::of(&live, |_| false);
        let redactor = Redactor::default();
        let secret = |value: &str| redactor.adopt("test", value.to_owned());
        let file = ("a.pem".to_owned(), EnvValue::Secret(secret("certificate")));
        let known = KnownValues {
            files: [("keys".to_owned(), [file].into())].into(),
            storage_keys: [("data".to_owned(), secret("st0rage-key"))].into(),
            workspace_key: Some(secret("w0rkspace-key")),
            ..KnownValues::default()
        };
        assert_eq!(previous.missing(&known), []);
        let properties = &previous.body(&known)["properties"];
        assert_eq!(properties["volumes"][0]["secret"], json!({ "a.pem": "Y2VydGlmaWNhdGU=" }));
        assert_eq!(properties["volumes"][1]["azureFile"]["storageAccountKey"], "st0rage-key");
        assert_eq!(properties["diagnostics"]["logAnalytics"]["workspaceKey"], "w0rkspace-key");
    }
}
