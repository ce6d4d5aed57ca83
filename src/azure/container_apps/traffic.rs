//! Which revisions get the requests of an app (Microsoft.App, `TrafficWeight`).
//!
//! In the mode `Single` the newest revision that is ready gets all of them, and the others
//! are deactivated. In the mode `Multiple` the entries of `traffic` decide, and a revision
//! stays active until it is deactivated (learn.microsoft.com, "Update and deploy changes in
//! Azure Container Apps").

use super::app::{App, text};
use serde_json::{Value, json};

/// The mode in which all requests go to the newest revision, and the others end.
pub const SINGLE: &str = "Single";
/// The mode in which revisions stay active beside each other.
pub const MULTIPLE: &str = "Multiple";

impl App {
    /// Whether revisions stay active beside the newest.
    pub fn has_several_revisions(&self) -> bool {
        text(&self.configuration()["activeRevisionsMode"]).eq_ignore_ascii_case(MULTIPLE)
    }

    /// The revision that gets all requests because the traffic names it. `None` where the
    /// newest gets them, or several share them.
    pub fn pinned(&self) -> Option<&str> {
        if !self.has_several_revisions() {
            return None;
        }
        let mut given = self.traffic().iter().filter(|entry| weight(entry) > 0);
        let (Some(only), None) = (given.next(), given.next()) else { return None };
        only["revisionName"].as_str().filter(|name| !name.is_empty())
    }

    /// The revision that gets the requests; empty before one was ready.
    pub fn serving(&self) -> &str {
        self.pinned().unwrap_or_else(|| self.latest_ready_revision())
    }

    /// Whether a revision gets requests, under the app's name or that of a label.
    pub fn uses(&self, revision: &str) -> bool {
        let is_named = |entry: &Value| {
            let is_meant = entry["revisionName"] == revision;
            is_meant && (weight(entry) > 0 || !text(&entry["label"]).is_empty())
        };
        self.serving() == revision || self.traffic().iter().any(is_named)
    }

    /// The traffic as it is, held on the revisions that get it now: a revision that is made
    /// from now on gets none.
    pub fn held_traffic(&self) -> Value {
        let serving = json!([{ "revisionName": self.latest_ready_revision(), "weight": 100 }]);
        if !self.has_several_revisions() || self.traffic().is_empty() {
            return serving;
        }
        let held = |entry: &Value| {
            let named = text(&entry["revisionName"]);
            let revision = if named.is_empty() { self.latest_ready_revision() } else { named };
            let mut held = json!({ "revisionName": revision, "weight": weight(entry) });
            if let Some(label) = entry["label"].as_str() {
                held["label"] = label.into();
            }
            held
        };
        self.traffic().iter().map(held).collect()
    }

    /// All requests to one revision. Labels stay.
    pub fn traffic_to(&self, revision: &str) -> Value {
        let all = json!({ "revisionName": revision, "weight": 100 });
        std::iter::once(all).chain(self.label_entries()).collect()
    }

    /// All requests to the newest revision, once it is ready. Labels stay.
    pub fn traffic_to_newest(&self) -> Value {
        let all = json!({ "latestRevision": true, "weight": 100 });
        std::iter::once(all).chain(self.label_entries()).collect()
    }

    /// The entries that give a label to a revision, without requests of the app.
    fn label_entries(&self) -> impl Iterator<Item = Value> {
        let labelled = self.traffic().iter().filter(|entry| self.has_label(entry));
        labelled.map(|entry| {
            json!({ "revisionName": entry["revisionName"], "weight": 0, "label": entry["label"] })
        })
    }

    fn has_label(&self, entry: &Value) -> bool {
        let is_labelled = !text(&entry["label"]).is_empty();
        self.has_several_revisions() && is_labelled && !text(&entry["revisionName"]).is_empty()
    }

    /// Whether a revision has a label, so that several have to be active.
    pub fn has_labels(&self) -> bool {
        self.traffic().iter().any(|entry| self.has_label(entry))
    }

    /// The names of the labels.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let labelled = self.traffic().iter().filter(|entry| self.has_label(entry));
        labelled.map(|entry| text(&entry["label"]))
    }

    /// The revision that has a label.
    pub fn labelled(&self, label: &str) -> Option<&str> {
        let mut labelled = self.traffic().iter().filter(|entry| self.has_label(entry));
        let found = labelled.find(|entry| text(&entry["label"]).eq_ignore_ascii_case(label));
        found.map(|entry| text(&entry["revisionName"]))
    }

    /// The traffic as it is, held on the revisions that get it now, without a label. A
    /// revision that also gets requests keeps these.
    pub fn traffic_without_label(&self, label: &str) -> Vec<Value> {
        let held = self.held_traffic();
        let mut entries = held.as_array().cloned().unwrap_or_default();
        for entry in &mut entries {
            if text(&entry["label"]).eq_ignore_ascii_case(label)
                && let Some(members) = entry.as_object_mut()
            {
                members.remove("label");
            }
        }
        entries.retain(|entry| weight(entry) > 0 || !text(&entry["label"]).is_empty());
        entries
    }

    fn traffic(&self) -> &[Value] {
        self.configuration()["ingress"]["traffic"].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn configuration(&self) -> &Value {
        &self.properties()["configuration"]
    }
}

/// All requests to the newest revision, once it is ready.
pub fn to_newest() -> Value {
    json!([{ "latestRevision": true, "weight": 100 }])
}

fn weight(entry: &Value) -> u64 {
    entry["weight"].as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::App;
    use serde_json::{Value, json};

    fn app(mode: &str, traffic: &Value) -> App {
        App::of(json!({ "properties": {
            "latestRevisionName": "web--3", "latestReadyRevisionName": "web--2",
            "configuration": { "activeRevisionsMode": mode, "ingress": { "traffic": traffic } },
        } }))
    }

    #[test]
    fn newest_ready_revision_serves_unless_another_is_named() {
        let newest = json!([{ "latestRevision": true, "weight": 100 }]);
        let named = json!([{ "revisionName": "web--1", "weight": 100 },
                           { "latestRevision": true, "weight": 0 }]);
        let shared = json!([{ "revisionName": "web--1", "weight": 20 },
                            { "latestRevision": true, "weight": 80 }]);
        let of = |mode, traffic| {
            let app = app(mode, traffic);
            (app.pinned().map(str::to_owned), app.serving().to_owned())
        };
        assert_eq!(of("Single", &named), (None, "web--2".to_owned()));
        assert_eq!(of("Multiple", &newest), (None, "web--2".to_owned()));
        assert_eq!(of("multiple", &named), (Some("web--1".to_owned()), "web--1".to_owned()));
        assert_eq!(of("Multiple", &shared), (None, "web--2".to_owned()));
        assert_eq!(of("Multiple", &Value::Null), (None, "web--2".to_owned()));
    }

    #[test]
    fn traffic_is_held_on_what_gets_it() {
        let newest = json!([{ "latestRevision": true, "weight": 100 }]);
        let all = json!([{ "revisionName": "web--2", "weight": 100 }]);
        assert_eq!(app("Single", &newest).held_traffic(), all);
        assert_eq!(app("Multiple", &newest).held_traffic(), all);
        let shared = json!([{ "revisionName": "web--1", "weight": 20, "label": "old" },
                            { "latestRevision": true, "weight": 80 }]);
        assert_eq!(
            app("Multiple", &shared).held_traffic(),
            json!([{ "revisionName": "web--1", "weight": 20, "label": "old" },
                   { "revisionName": "web--2", "weight": 80 }])
        );
    }

    #[test]
    fn labelled_revision_is_in_use() {
        let app = app(
            "Multiple",
            &json!([{ "revisionName": "web--1", "weight": 100 },
                    { "revisionName": "web--2", "weight": 0, "label": "next" },
                    { "revisionName": "web--3", "weight": 0 }]),
        );
        let used: Vec<bool> = ["web--1", "web--2", "web--3"].map(|name| app.uses(name)).to_vec();
        assert_eq!(used, [true, true, false]);
    }
}
