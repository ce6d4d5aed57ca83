//! Brings a version up as a revision that gets no requests yet, and moves the requests from
//! one revision to another (learn.microsoft.com, "Blue-Green Deployment in Azure Container
//! Apps").
//!
//! What is no part of a revision (secrets, registries, identities) is the app's. While two
//! versions are active the app has what either needs; with the requests it gets what the
//! remaining one needs.

use super::app::{App, text};
use super::client::{API_VERSION, ContainerApps, tags_patch};
use super::deploy::{AppEvent, Listener, put_request};
use super::desired::{AppSecret, DesiredApp, secret_suffix};
use super::error::AppError;
use super::id::AppId;
use super::previous::PreviousApp;
use super::revision::{Revision, secrets_of};
use super::traffic::{MULTIPLE, SINGLE, to_newest};
use crate::azure::{ArmRequest, Verb};
use crate::value::Applied;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The tags of an app before and after a change.
#[derive(Clone, Copy, Debug)]
pub struct TagChange<'a> {
    pub before: &'a BTreeMap<String, String>,
    pub after: &'a BTreeMap<String, String>,
}

impl DesiredApp {
    /// Whether it is up in the app, as a revision without requests.
    pub fn is_held_in(&self, app: &App) -> bool {
        let name = self.revision_name();
        let is_up = self.existing_revision.is_some()
            || (app.has_several_revisions() && app.latest_revision() == name);
        is_up && app.serving() != name
    }
}

impl ContainerApps {
    /// Brings the desired app up as a revision of `live` that gets no requests. The tags
    /// stay those of what gets them, but for the change.
    pub async fn hold(
        &self,
        desired: &DesiredApp,
        live: &App,
        tags: TagChange<'_>,
        events: Listener<'_>,
    ) -> Result<Applied, AppError> {
        let mut configuration = desired.routing(MULTIPLE, &live.held_traffic());
        configuration["secrets"] = self.secrets_of_both(desired, live).await?;
        configuration["registries"] = registries_of_both(desired, live);
        let path = desired.id.to_string();
        let identity = identity_of_both(desired.identity_json(), &live.document["identity"]);
        if desired.existing_revision.is_some() {
            let mut body = json!({
                "tags": tags_patch(tags.before, tags.after),
                "properties": { "configuration": configuration },
            });
            if let Some(identity) = identity {
                body["identity"] = identity;
            }
            return self.change(&patch_request(&path, &body), &desired.id, events).await;
        }
        let mut body = desired.body();
        body["tags"] = live.with_label_tags(tags.after);
        body["properties"]["configuration"] = configuration;
        if let Some(identity) = identity {
            body["identity"] = identity;
        }
        self.change(&put_request(&path, &body), &desired.id, events).await
    }

    /// Moves all requests to the desired version, which is up. The newest revision goes on
    /// alone; an earlier one is named, since Azure would activate the newest.
    pub async fn give_requests(
        &self,
        desired: &DesiredApp,
        live: &App,
        events: Listener<'_>,
    ) -> Result<Applied, AppError> {
        let name = desired.revision_name();
        let mut configuration = if desired.existing_revision.is_some() || live.has_labels() {
            desired.routing(MULTIPLE, &live.traffic_to(&name))
        } else {
            desired.routing(SINGLE, &to_newest())
        };
        configuration["registries"] = desired.registries_json();
        let mut body = json!({
            "tags": tags_patch(&live.tags(), &desired.tags),
            "properties": { "configuration": configuration },
        });
        add_identity(&mut body, desired.identity_json().as_ref(), &live.document["identity"]);
        events(AppEvent::Moved(name));
        let path = desired.id.to_string();
        self.change(&patch_request(&path, &body), &desired.id, events).await
    }

    /// Ends a revision that gets no requests. With `before` the app gets back what it had
    /// before that revision came up.
    pub async fn withdraw(
        &self,
        id: &AppId,
        revision: &str,
        tags: TagChange<'_>,
        before: Option<(&App, &App)>,
    ) -> Result<(), AppError> {
        self.set_active(id, revision, false).await?;
        let mut body = json!({ "tags": tags_patch(tags.before, tags.after) });
        if let Some((before, live)) = before {
            let had = PreviousApp::of(before, |_| false);
            let registries = had.registries();
            let registries = if registries.is_null() { json!([]) } else { registries.clone() };
            body["properties"] = json!({ "configuration": { "registries": registries } });
            let identity = Some(had.identity()).filter(|identity| identity.is_object());
            add_identity(&mut body, identity, &live.document["identity"]);
        }
        self.patch("put back", id, &body).await
    }

    /// Gives the requests back to the revision that ran an earlier version. `None` if it
    /// cannot run any more: it is gone, or a secret of it is.
    pub async fn return_requests(
        &self,
        id: &AppId,
        previous: &PreviousApp,
        live: &App,
        events: Listener<'_>,
    ) -> Result<Option<App>, AppError> {
        let name = previous.revision();
        if name.is_empty() {
            return Ok(None);
        }
        let Some(revision) = self.revision(id, name).await? else { return Ok(None) };
        if !has_secrets_of(live, &revision, previous) {
            return Ok(None);
        }
        events(AppEvent::Moved(name.to_owned()));
        if !revision.is_active() {
            // In the mode `Single` Azure has one active revision: the newest.
            if !live.has_several_revisions() {
                let mut configuration = json!({ "activeRevisionsMode": MULTIPLE });
                configuration["ingress"] = json!({ "traffic": live.held_traffic() });
                let body = json!({ "properties": { "configuration": configuration } });
                self.patch("put back", id, &body).await?;
            }
            self.watch_revision(id, name, events).await?;
        }
        let mut configuration = json!({ "activeRevisionsMode": MULTIPLE });
        if previous.ingress().is_object() {
            configuration["ingress"] = previous.ingress().clone();
            configuration["ingress"]["traffic"] = live.traffic_to(name);
        }
        if previous.registries().is_array() {
            configuration["registries"] = previous.registries().clone();
        }
        let mut body = json!({
            "tags": tags_patch(&live.tags(), &previous.tags()),
            "properties": { "configuration": configuration },
        });
        let identity = Some(previous.identity()).filter(|identity| identity.is_object());
        add_identity(&mut body, identity, &live.document["identity"]);
        self.patch("put back", id, &body).await?;
        self.watch(id, events).await.map(Some)
    }

    /// A revision that runs what is desired, and does not get the requests; the newest of
    /// several.
    pub async fn revision_of(
        &self,
        desired: &DesiredApp,
        live: &App,
    ) -> Result<Option<String>, AppError> {
        let all = self.revisions(&desired.id).await?;
        let same = all.iter().filter(|revision| {
            let has_failed = revision.provisioning_state().eq_ignore_ascii_case("Failed");
            !has_failed && revision.name() != live.serving() && desired.is_run_by(revision)
        });
        Ok(same.max_by_key(|revision| revision.created()).map(|it| it.name().to_owned()))
    }

    /// Ends the revisions that stayed active beside the one that gets the requests.
    pub async fn end_unused(&self, id: &AppId, app: &App) -> Result<(), AppError> {
        if !app.has_several_revisions() {
            return Ok(());
        }
        for revision in self.revisions(id).await? {
            if revision.is_active() && !app.uses(revision.name()) {
                self.set_active(id, revision.name(), false).await?;
            }
        }
        Ok(())
    }

    /// Starts or ends a revision. One that does not exist is as good as ended. The service
    /// answers with a bare JSON string (recorded by azure-powershell).
    pub async fn set_active(
        &self,
        id: &AppId,
        revision: &str,
        active: bool,
    ) -> Result<(), AppError> {
        let (action, doing) = if active {
            ("activate", "activate a revision of")
        } else {
            ("deactivate", "deactivate a revision of")
        };
        let path = format!("{id}/revisions/{revision}/{action}");
        let request =
            ArmRequest { verb: Verb::Post, path: &path, api_version: API_VERSION, body: None };
        match self.send_when_settled(&request).await {
            Err(error) if !active && error.is_not_found() => Ok(()),
            other => other.map(drop).map_err(|source| AppError::of(doing, id, source)),
        }
    }

    pub async fn patch(
        &self,
        doing: &'static str,
        id: &AppId,
        body: &Value,
    ) -> Result<(), AppError> {
        let failed = |source| AppError::of(doing, id, source);
        let path = id.to_string();
        let response = self.send_when_settled(&patch_request(&path, body)).await.map_err(failed)?;
        self.arm.finish(&response, |_| {}).await.map(drop).map_err(failed)
    }

    /// The secrets of the desired app, and those of the live one that its revision uses, or
    /// one with a label.
    async fn secrets_of_both(&self, desired: &DesiredApp, live: &App) -> Result<Value, AppError> {
        let own = desired.secrets();
        let is_own = |name: &str| own.iter().any(|secret| secret.name == name);
        let used = secrets_used_by(live);
        let suffixes: Vec<String> = live.labels().map(secret_suffix).collect();
        let is_kept = |secret: &Value| {
            let name = text(&secret["name"]);
            let is_used =
                used.contains(name) || suffixes.iter().any(|suffix| name.ends_with(suffix));
            is_used && !is_own(name)
        };
        let mut all: Vec<Value> = own.iter().map(AppSecret::json).collect();
        all.extend(self.secrets_where(&desired.id, live, is_kept).await?);
        Ok(all.into())
    }
}

pub fn patch_request<'a>(path: &'a str, body: &'a Value) -> ArmRequest<'a> {
    ArmRequest { verb: Verb::Patch, path, api_version: API_VERSION, body: Some(body) }
}

/// The secrets that a live app uses as the revision has it that it is shown as.
fn secrets_used_by(live: &App) -> BTreeSet<&str> {
    let registries = list(&live.configuration()["registries"]).iter();
    let passwords = registries.map(|registry| text(&registry["passwordSecretRef"]));
    secrets_of(&live.properties()["template"]).chain(passwords).collect()
}

/// Whether the app still has the secrets that an earlier revision needs.
fn has_secrets_of(live: &App, revision: &Revision, previous: &PreviousApp) -> bool {
    let had: BTreeSet<&str> =
        list(&live.configuration()["secrets"]).iter().map(|it| text(&it["name"])).collect();
    let passwords =
        list(previous.registries()).iter().map(|registry| text(&registry["passwordSecretRef"]));
    revision.secrets().chain(passwords.filter(|it| !it.is_empty())).all(|name| had.contains(name))
}

fn registries_of_both(desired: &DesiredApp, live: &App) -> Value {
    let mut all = desired.registries_json().as_array().cloned().unwrap_or_default();
    for registry in list(&live.configuration()["registries"]) {
        let server = text(&registry["server"]);
        if !all.iter().any(|it| text(&it["server"]).eq_ignore_ascii_case(server)) {
            all.push(registry.clone());
        }
    }
    all.into()
}

/// The identities of both; `None` where neither has one.
pub fn identity_of_both(wanted: Option<Value>, live: &Value) -> Option<Value> {
    let none = json!({ "type": "None" });
    let wanted = wanted.unwrap_or(none);
    let has = |kind: &str| [&wanted, live].iter().any(|it| text(&it["type"]).contains(kind));
    let mut assigned = Map::new();
    for id in ids(&wanted).chain(ids(live)) {
        if !assigned.keys().any(|known: &String| known.eq_ignore_ascii_case(id)) {
            assigned.insert(id.to_owned(), json!({}));
        }
    }
    let kind = match (has("SystemAssigned"), has("UserAssigned")) {
        (false, false) => return None,
        (true, false) => return Some(json!({ "type": "SystemAssigned" })),
        (true, true) => "SystemAssigned,UserAssigned",
        (false, true) => "UserAssigned",
    };
    Some(json!({ "type": kind, "userAssignedIdentities": assigned }))
}

/// Adds to a merge patch that the app has `wanted` and no other identity, unless it is so.
fn add_identity(body: &mut Value, wanted: Option<&Value>, live: &Value) {
    let kind = |identity: &Value| text(&identity["type"]).replace(' ', "");
    let none = json!({ "type": "None" });
    let wanted = wanted.unwrap_or(&none);
    let is_wanted = |id: &str| ids(wanted).any(|it| it.eq_ignore_ascii_case(id));
    let removed: Vec<&str> = ids(live).filter(|id| !is_wanted(id)).collect();
    let is_there = |id: &str| ids(live).any(|it| it.eq_ignore_ascii_case(id));
    let has_none = |identity: &Value| matches!(kind(identity).as_str(), "" | "None");
    let is_same_kind = kind(wanted) == kind(live) || (has_none(wanted) && has_none(live));
    if removed.is_empty() && is_same_kind && ids(wanted).all(is_there) {
        return;
    }
    let mut identity = json!({ "type": kind(wanted) });
    if !has_none(wanted) {
        let kept = ids(wanted).map(|id| (id.to_owned(), json!({})));
        let gone = removed.into_iter().map(|id| (id.to_owned(), Value::Null));
        identity["userAssignedIdentities"] = kept.chain(gone).collect::<Map<_, _>>().into();
    }
    body["identity"] = identity;
}

fn ids(identity: &Value) -> impl Iterator<Item = &str> {
    let assigned = identity["userAssignedIdentities"].as_object().into_iter().flatten();
    assigned.map(|(id, _)| id.as_str())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
