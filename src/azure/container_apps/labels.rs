//! Revisions that have a label: each is reached at a name of its own and gets none of the
//! app's requests (learn.microsoft.com, "Update and deploy changes in Azure Container Apps",
//! labels).
//!
//! Revisions have no tags. What the tags of a resource say is kept in one tag of the app for
//! each label, and so is its lease. Settings that are the app's, such as ingress, are left
//! alone.

use super::app::{App, text};
use super::client::{API_VERSION, ContainerApps};
use super::deploy::Listener;
use super::desired::{AppSecret, DesiredApp, secret_suffix};
use super::error::AppError;
use super::id::{AppId, AppPart, AppTarget};
use super::label_tags::{LABEL_TAG, LEASE, LEASE_TAG, is_of_label, packed, unpacked};
use super::previous::PreviousApp;
use super::revision::{Revision, secrets_of};
use super::staged::{identity_of_both, patch_request};
use super::traffic::MULTIPLE;
use crate::azure::json::set;
use crate::azure::{ArmError, ArmRequest, Verb};
use crate::value::Applied;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The tags of an app that keep those of a label.
fn tags_to_set(app: &App, label: &str, tags: &BTreeMap<String, String>) -> [(String, Value); 2] {
    let lease = tags.get(LEASE).map_or(Value::Null, |lease| lease.as_str().into());
    let value = packed(tags, &app.tags());
    [(format!("{LABEL_TAG}{label}"), value.into()), (format!("{LEASE_TAG}{label}"), lease)]
}

/// The name under which the revision with a label is reached. Azure reports that of the app
/// alone, and puts the label behind its first part.
fn label_host(fqdn: &str, label: &str) -> String {
    match fqdn.split_once('.') {
        Some((app, domain)) => format!("{app}---{label}.{domain}"),
        None => String::new(),
    }
}

impl App {
    /// The labels that Shipway gave to revisions.
    pub fn own_labels(&self) -> Vec<String> {
        let tags = self.document["tags"].as_object().into_iter().flatten();
        let named = tags.filter_map(|(name, _)| {
            let lower = name.to_ascii_lowercase();
            lower.strip_prefix(LABEL_TAG).map(str::to_owned)
        });
        named.filter(|label| self.labelled(label).is_some()).collect()
    }

    /// The tags of a label as those of a resource.
    pub fn tags_of_label(&self, label: &str) -> BTreeMap<String, String> {
        let tag = |prefix: &str| {
            let name = format!("{prefix}{label}");
            let mut all = self.document["tags"].as_object().into_iter().flatten();
            let found = all.find(|(known, _)| known.eq_ignore_ascii_case(&name));
            found.and_then(|(_, value)| value.as_str()).map(str::to_owned)
        };
        let mut tags = match tag(LABEL_TAG) {
            Some(value) => unpacked(&value, &self.tags()),
            None => return BTreeMap::new(),
        };
        tags.extend(tag(LEASE_TAG).map(|lease| (LEASE.to_owned(), lease)));
        tags
    }

    /// Tags of the app as a request has them that replaces all.
    pub fn with_label_tags(&self, tags: &BTreeMap<String, String>) -> Value {
        let mut all = self.label_tags();
        all.extend(tags.clone());
        json!(all)
    }

    fn has_registry(&self, server: &str) -> bool {
        let mut all = self.configuration()["registries"].as_array().into_iter().flatten();
        all.any(|registry| text(&registry["server"]).eq_ignore_ascii_case(server))
    }

    /// The app's tags that are about its labels.
    fn label_tags(&self) -> BTreeMap<String, String> {
        let tags = self.document["tags"].as_object().into_iter().flatten();
        let of_labels = tags.filter(|(name, _)| is_of_label(name));
        of_labels.map(|(name, value)| (name.clone(), text(value).to_owned())).collect()
    }

    /// The app as the revision with a label has it.
    pub fn shown_as_label(self, id: &AppId, label: &str, revision: &Revision) -> Self {
        let tags = self.tags_of_label(label);
        let host = self.fqdn().map(|fqdn| label_host(fqdn, label)).unwrap_or_default();
        let part = AppTarget { app: id.clone(), part: AppPart::Label(label.to_owned()) };
        let name = revision.name().to_owned();
        let mut shown = self.shown_as(&name, revision.template()).at(&part, &host);
        set(&mut shown.document, &["tags"], json!(tags));
        shown
    }
}

impl DesiredApp {
    /// The tags as they are read again where they are those of a label.
    pub fn keep_tags_of_label(&mut self) {
        let inherited = self.tags.clone();
        self.tags = unpacked(&packed(&self.tags, &inherited), &inherited);
    }
}

impl ContainerApps {
    /// Deploys the desired app as the revision with a label, beside what gets the requests
    /// of `app`. The revision that had the label ends.
    pub async fn apply_label(
        &self,
        desired: &DesiredApp,
        app: &App,
        label: &str,
        events: Listener<'_>,
    ) -> Result<Applied, AppError> {
        let mut desired = desired.clone();
        // How the app pulls from a registry is the app's.
        desired.registries.retain(|registry| !app.has_registry(&registry.server));
        let name = desired.revision_name();
        let before = app.labelled(label).map(str::to_owned);
        // An earlier attempt has sent it: the label of another may have a newer one.
        if before.as_deref() == Some(&name) {
            return Ok(Applied::Accepted);
        }
        let mut traffic = app.traffic_without_label(label);
        traffic.push(json!({ "revisionName": name, "weight": 0, "label": label }));
        let mut configuration =
            json!({ "activeRevisionsMode": MULTIPLE, "ingress": { "traffic": traffic } });
        if !desired.secrets().is_empty() {
            configuration["secrets"] = self.secrets_with(&desired, app).await?;
        }
        if !desired.registries.is_empty() {
            let known = app.configuration()["registries"].as_array();
            let mut all: Vec<Value> = known.into_iter().flatten().cloned().collect();
            all.extend(desired.registries_json().as_array().into_iter().flatten().cloned());
            configuration["registries"] = all.into();
        }
        let mut template = desired.body()["properties"]["template"].take();
        // A merge patch keeps what is not named of the newest revision, whosever it is.
        for path in [&["initContainers"][..], &["volumes"], &["scale", "rules"]] {
            if template.pointer(&format!("/{}", path.join("/"))).is_none() {
                set(&mut template, path, Value::Null);
            }
        }
        let mut body = json!({
            "tags": tags_to_set(app, label, &desired.tags).into_iter().collect::<Map<_, _>>(),
            "properties": { "configuration": configuration, "template": template },
        });
        let live = &app.document["identity"];
        if let Some(identity) = identity_of_both(desired.identity_json(), live) {
            body["identity"] = identity;
        }
        let path = desired.id.to_string();
        let applied = self.change(&patch_request(&path, &body), &desired.id, events).await?;
        if applied == Applied::Accepted
            && let Some(before) = before.filter(|before| app.serving() != before)
        {
            self.set_active(&desired.id, &before, false).await?;
        }
        Ok(applied)
    }

    /// An app as the revision with a label has it; `None` where no revision has it.
    pub async fn with_label(
        &self,
        id: &AppId,
        app: &App,
        label: &str,
    ) -> Result<Option<App>, AppError> {
        let Some(name) = app.labelled(label) else { return Ok(None) };
        let revision = self.revision(id, name).await?;
        Ok(revision.map(|revision| app.clone().shown_as_label(id, label, &revision)))
    }

    /// Gives a label back to a revision. `None` if that is gone.
    pub async fn return_label(
        &self,
        id: &AppId,
        label: &str,
        previous: &PreviousApp,
        events: Listener<'_>,
    ) -> Result<Option<App>, AppError> {
        let (name, tags) = (previous.revision(), previous.tags());
        let Some(app) = self.read(id).await? else { return Ok(None) };
        if self.revision(id, name).await?.is_none() {
            return Ok(None);
        }
        let now = app.labelled(label).map(str::to_owned);
        self.watch_revision(id, name, events).await?;
        let mut traffic = app.traffic_without_label(label);
        traffic.push(json!({ "revisionName": name, "weight": 0, "label": label }));
        let body = json!({
            "tags": tags_to_set(&app, label, &tags).into_iter().collect::<Map<_, _>>(),
            "properties": { "configuration": { "ingress": { "traffic": traffic } } },
        });
        self.patch("put back", id, &body).await?;
        if let Some(now) = now.filter(|now| now != name && app.serving() != now) {
            self.set_active(id, &now, false).await?;
        }
        let part = AppTarget { app: id.clone(), part: AppPart::Label(label.to_owned()) };
        self.find_part(&part).await
    }

    /// Sets the tags of a label.
    pub async fn set_tags_of_label(
        &self,
        id: &AppId,
        label: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AppError> {
        let Some(app) = self.read(id).await? else { return Ok(()) };
        let tags = tags_to_set(&app, label, tags).into_iter().collect::<Map<_, _>>();
        self.patch("set the tags of", id, &json!({ "tags": tags })).await
    }

    /// Takes a label off its revision, ends that, and removes its secrets. `false` if there
    /// is no such label. All else of the app stays. Where the newest revision needs a secret,
    /// be it the one that ends, Azure refuses to remove it (`ContainerAppSecretRefNotFound`):
    /// the next deploy of the app leaves it out.
    pub async fn remove_label(&self, id: &AppId, label: &str) -> Result<bool, AppError> {
        let Some(app) = self.read(id).await? else { return Ok(false) };
        let has_tags = !app.tags_of_label(label).is_empty();
        let revision = app.labelled(label).map(str::to_owned);
        if revision.is_none() && !has_tags {
            return Ok(false);
        }
        if revision.is_some() {
            let traffic = app.traffic_without_label(label);
            let body =
                json!({ "properties": { "configuration": { "ingress": { "traffic": traffic } } } });
            self.patch("take a label off", id, &body).await?;
        }
        let mut own = Vec::new();
        if let Some(name) = revision.as_deref().filter(|name| app.serving() != *name) {
            let found = self.revision(id, name).await?.unwrap_or_default();
            let suffix = secret_suffix(label);
            let newest: Vec<&str> = secrets_of(&app.properties()["template"]).collect();
            let secrets = secrets_of(found.template())
                .filter(|secret| secret.ends_with(&suffix) && !newest.contains(secret));
            own.extend(secrets.map(str::to_owned));
            self.set_active(id, name, false).await?;
        }
        // The tags go last: until then the removal can be found and repeated.
        let tags = [LABEL_TAG, LEASE_TAG].map(|prefix| (format!("{prefix}{label}"), Value::Null));
        let mut body = json!({ "tags": tags.into_iter().collect::<Map<_, _>>() });
        if !own.is_empty() {
            let is_own = |secret: &Value| own.iter().any(|name| secret["name"] == name.as_str());
            let kept = self.secrets_where(id, &app, |secret| !is_own(secret)).await?;
            set(&mut body, &["properties", "configuration", "secrets"], kept);
        }
        self.patch("take a label off", id, &body).await?;
        Ok(true)
    }

    /// The labelled revisions of an app that Shipway deployed.
    pub async fn labels_of(&self, id: &AppId, app: &App) -> Result<Vec<App>, ArmError> {
        let labels = app.own_labels();
        if labels.is_empty() {
            return Ok(Vec::new());
        }
        let all: Vec<Revision> = self.arm.list(&format!("{id}/revisions"), API_VERSION).await?;
        let shown = labels.iter().filter_map(|label| {
            let revision = all.iter().find(|it| Some(it.name()) == app.labelled(label))?;
            Some(app.clone().shown_as_label(id, label, revision))
        });
        Ok(shown.collect())
    }

    /// Adds to the body of a PUT, which replaces all, what keeps the labels of an app: their
    /// revisions, tags and secrets.
    pub async fn keep_labels(&self, body: &mut Value, app: &App) -> Result<(), AppError> {
        let Some(id) = AppId::parse(app.id()) else { return Ok(()) };
        let tags: BTreeMap<String, String> =
            serde_json::from_value(body["tags"].clone()).unwrap_or_default();
        set(body, &["tags"], app.with_label_tags(&tags));
        set(body, &["properties", "configuration", "activeRevisionsMode"], MULTIPLE);
        let ingress = body.pointer_mut("/properties/configuration/ingress");
        if let Some(ingress) = ingress.filter(|ingress| ingress.is_object()) {
            set(ingress, &["traffic"], app.traffic_to_newest());
        }
        let suffixes: Vec<String> = app.labels().map(secret_suffix).collect();
        let is_of_label =
            |secret: &Value| suffixes.iter().any(|suffix| text(&secret["name"]).ends_with(suffix));
        let kept = self.secrets_where(&id, app, is_of_label).await?;
        let own = body["properties"]["configuration"]["secrets"].as_array().cloned();
        let mut all = own.unwrap_or_default();
        let is_new = |kept: &Value| !all.iter().any(|secret| secret["name"] == kept["name"]);
        let kept: Vec<Value> = kept.into_iter().filter(is_new).collect();
        all.extend(kept);
        set(body, &["properties", "configuration", "secrets"], all);
        Ok(())
    }

    /// The secrets of the app, and those of the desired labelled revision.
    async fn secrets_with(&self, desired: &DesiredApp, app: &App) -> Result<Value, AppError> {
        let own = desired.secrets();
        let is_own = |secret: &Value| own.iter().any(|it| secret["name"] == it.name.as_str());
        let mut all = self.secrets_where(&desired.id, app, |secret| !is_own(secret)).await?;
        all.extend(own.iter().map(AppSecret::json));
        Ok(all.into())
    }

    /// The secrets of an app that are chosen, with their values: Azure removes those that a
    /// request leaves out, and tells values by `listSecrets` alone.
    pub async fn secrets_where(
        &self,
        id: &AppId,
        app: &App,
        is_chosen: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>, AppError> {
        let all = app.configuration()["secrets"].as_array();
        let chosen = all.into_iter().flatten().filter(|secret| is_chosen(secret));
        let chosen: Vec<&Value> = chosen.collect();
        let is_in_vault = |secret: &Value| !text(&secret["keyVaultUrl"]).is_empty();
        let mut values = Value::Null;
        if chosen.iter().any(|secret| !is_in_vault(secret)) {
            let path = format!("{id}/listSecrets");
            let request =
                ArmRequest { verb: Verb::Post, path: &path, api_version: API_VERSION, body: None };
            let read = self.arm.call(&request).await;
            let failed = |source| AppError::of("read the secrets of", id, source);
            values = read.map_err(failed)?.body["value"].take();
        }
        let with_value = |secret: &Value| {
            let mut known = values.as_array().into_iter().flatten();
            let known = known.find(|it| it["name"] == secret["name"]);
            known.filter(|_| !is_in_vault(secret)).unwrap_or(secret).clone()
        };
        Ok(chosen.into_iter().map(with_value).collect())
    }
}
