//! An app, as Azure reports it.
//!
//! Every member that is not set is an explicit `null`, so that what is needed is taken from
//! the document and not deserialized.

use super::id::AppTarget;
use super::label_tags::is_of_label;
use crate::azure::json::set;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// An app, as Azure reports it, or as one of its revisions has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct App {
    pub document: Value,
    /// The revision that it is shown as; empty for the newest.
    #[serde(skip)]
    revision: String,
}

impl App {
    pub fn of(document: Value) -> Self {
        Self { document, revision: String::new() }
    }

    /// The logins that its images are pulled with, without their passwords.
    pub fn pull_logins(&self) -> &Value {
        &self.document["properties"]["configuration"]["registries"]
    }

    /// The same with another document.
    #[must_use]
    pub fn with(self, document: Value) -> Self {
        Self { document, ..self }
    }

    /// The app as a revision has it: Azure reports what the newest one runs, whichever gets
    /// the requests.
    #[must_use]
    pub fn shown_as(mut self, name: &str, template: &Value) -> Self {
        set(&mut self.document, &["properties", "template"], template.clone());
        Self { revision: name.to_owned(), ..self }
    }

    /// The app with the id and the address of a part of it.
    #[must_use]
    pub fn at(mut self, target: &AppTarget, fqdn: &str) -> Self {
        set(&mut self.document, &["id"], target.to_string());
        if self.fqdn().is_some() {
            set(&mut self.document, &["properties", "configuration", "ingress", "fqdn"], fqdn);
        }
        self
    }

    /// The revision that it is shown as: the one that gets the requests, else the newest.
    pub fn revision(&self) -> &str {
        if self.revision.is_empty() { self.latest_revision() } else { &self.revision }
    }

    /// Whether the revision that it is shown as is ready.
    pub fn is_ready(&self) -> bool {
        let latest = self.latest_revision();
        let is_latest_ready = !latest.is_empty() && latest == self.latest_ready_revision();
        is_latest_ready || self.revision() != latest
    }

    pub fn id(&self) -> &str {
        text(&self.document["id"])
    }

    pub fn name(&self) -> &str {
        text(&self.document["name"])
    }

    /// Its tags, without those that are about its labels.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let tags = self.document["tags"].as_object().into_iter().flatten();
        let own = tags.filter(|(name, _)| !is_of_label(name));
        own.map(|(name, value)| (name.clone(), text(value).to_owned())).collect()
    }

    /// The resource id of the environment that it is in.
    pub fn environment(&self) -> Option<&str> {
        let properties = self.properties();
        let named = ["environmentId", "managedEnvironmentId"];
        named.iter().find_map(|name| properties[*name].as_str())
    }

    /// The state of its last change, such as `InProgress`.
    pub fn provisioning_state(&self) -> &str {
        text(&self.properties()["provisioningState"])
    }

    /// Such as `Running` or `Stopped`; empty in old versions of the API.
    pub fn running_status(&self) -> &str {
        text(&self.properties()["runningStatus"])
    }

    /// The newest revision, whether or not it is ready; empty before there is one.
    pub fn latest_revision(&self) -> &str {
        text(&self.properties()["latestRevisionName"])
    }

    /// The newest revision that is ready, which gets the requests.
    pub fn latest_ready_revision(&self) -> &str {
        text(&self.properties()["latestReadyRevisionName"])
    }

    /// The name under which requests reach it. `None` without ingress.
    pub fn fqdn(&self) -> Option<&str> {
        self.properties()["configuration"]["ingress"]["fqdn"].as_str().filter(|it| !it.is_empty())
    }

    /// Ingress speaks TLS, with a certificate of Azure.
    pub fn url(&self) -> Option<String> {
        self.fqdn().map(|fqdn| format!("https://{fqdn}"))
    }

    /// The URL of its system log, whose host has its logs and terminals too.
    pub fn event_stream(&self) -> &str {
        text(&self.properties()["eventStreamEndpoint"])
    }

    /// Its containers, as the newest revision is to have them.
    pub fn containers(&self) -> impl Iterator<Item = &Value> {
        self.properties()["template"]["containers"].as_array().into_iter().flatten()
    }

    /// The image of each container.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.containers().map(|container| text(&container["image"]))
    }

    /// Whether it was stopped, so that nothing of it runs.
    pub fn is_stopped(&self) -> bool {
        matches!(self.running_status(), "Stopped" | "Suspended")
    }

    pub fn properties(&self) -> &Value {
        &self.document["properties"]
    }
}

/// The text of a member; empty where it is missing or `null`.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
