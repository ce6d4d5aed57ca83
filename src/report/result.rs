//! What a run leaves for whoever called it: URLs on standard output, the
//! outputs of the action, and the whole result as JSON.

use super::Reporter;
use super::sink::Sink;
use super::view::View;
use crate::event::{Channel, Event, EventKind, RunFinished, ServiceResult, Status};
use serde_json::{Value, json};
use std::io;

/// Prints the URLs of the services that are up, one a line, and nothing else,
/// so that `url=$(shipway run)` works.
#[derive(Debug)]
pub struct Urls {
    sink: Sink,
}

impl Urls {
    /// Writes to the sink.
    pub fn new(sink: Sink) -> Self {
        Self { sink }
    }
}

impl Reporter for Urls {
    fn on(&mut self, _: &View, event: &Event) -> io::Result<()> {
        let EventKind::RunFinished(finished) = &event.kind else { return Ok(()) };
        let up = finished.services.iter().filter(|service| service.status == Status::Succeeded);
        let urls: Vec<&str> = up.filter_map(|service| output(service, "url")).collect();
        self.sink.lines(urls)
    }
}

fn output<'a>(service: &'a ServiceResult, name: &str) -> Option<&'a str> {
    service.outputs.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// The outputs of the action, in the order of its description; one that the
/// run does not have is empty. `result` is the path of the result's file.
///
/// Of several services the first in the plan's order that has an output gives
/// it; `urls` are those of all.
pub fn action_outputs(view: &View, finished: &RunFinished, result: &str) -> Vec<(String, String)> {
    let first = |name: &str| {
        let found = finished.services.iter().find_map(|service| output(service, name));
        found.unwrap_or_default().to_owned()
    };
    let id = |to: Channel| {
        let reported = view.reported.iter().rev().find(|reported| reported.to == to);
        reported.and_then(|reported| reported.id).map_or_else(String::new, |id| id.to_string())
    };
    let status = match finished.status {
        Status::Succeeded => "succeeded",
        Status::Failed => "failed",
        Status::Cancelled => "cancelled",
    };
    let outputs = [
        ("status", status.to_owned()),
        ("url", first("url")),
        ("urls", Value::from(all_urls(finished)).to_string()),
        ("fqdn", first("fqdn")),
        ("image", first("image")),
        ("digest", first("digest")),
        ("tags", first("tags")),
        ("comment-id", id(Channel::Comment)),
        ("deployment-id", id(Channel::Deployment)),
        ("result", result.to_owned()),
    ];
    outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Every URL of every service, each once.
fn all_urls(finished: &RunFinished) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    for service in &finished.services {
        let several = output(service, "urls").and_then(|urls| serde_json::from_str(urls).ok());
        let several: Vec<String> = several.unwrap_or_default();
        let one = output(service, "url").map(str::to_owned);
        for url in several.into_iter().chain(one) {
            if !all.contains(&url) {
                all.push(url);
            }
        }
    }
    all
}

/// The whole result, for the file that the output `result` names.
pub fn result(view: &View, finished: &RunFinished) -> Value {
    let started = view.started.as_ref();
    json!({
        "run": started.map(|started| &started.run),
        "plan": started.map(|started| &started.plan),
        "environment": started.and_then(|started| started.environment.as_ref()),
        "dry-run": started.is_some_and(|started| started.dry_run),
        "started": started.map(|started| &started.started),
        "origin": started.map(|started| &started.origin),
        "status": finished.status,
        "exit-code": finished.exit_code,
        "urls": all_urls(finished),
        "services": finished.services,
        "reported": view.reported,
        "warnings": view.warnings.iter().map(|warning| &warning.message).collect::<Vec<_>>(),
        "notes": finished.notes,
    })
}

#[cfg(test)]
mod tests {
    use super::{Urls, action_outputs, result};
    use crate::event::{EventKind, RunFinished, ServiceResult, Status};
    use crate::report::testing::Captured;
    use crate::report::testing::sample::{
        DIGEST, at, bad_end, broken, good_end, outputs, reported, started, web,
    };
    use crate::report::{Reporters, View};
    use crate::secret::Redactor;

    fn view() -> View {
        let mut view = View::default();
        view.apply(&started());
        view.apply(&reported(false));
        view
    }

    fn printed(finished: RunFinished) -> String {
        let captured = Captured::default();
        let mut reporters = Reporters::new(Redactor::default());
        reporters.add(Urls::new(captured.sink()));
        reporters.on(&started());
        reporters.on(&at(1, EventKind::RunFinished(finished)));
        captured.text()
    }

    #[test]
    fn urls_stand_alone() {
        assert_eq!(printed(good_end()), "http://storefront.westeurope.azurecontainer.io/\n");
        let failed = ServiceResult { outputs: outputs(&[("url", "http://no/")]), ..broken() };
        let ended = RunFinished { services: vec![failed], ..bad_end() };
        assert_eq!(printed(ended), "");
    }

    #[test]
    fn the_actions_outputs_are_the_first_services() {
        let second = ServiceResult {
            name: "api".into(),
            outputs: outputs(&[
                ("url", "http://api/"),
                ("urls", "[\"http://api/\",\"https://api/\"]"),
            ]),
            ..web()
        };
        let without = ServiceResult { outputs: outputs(&[("url", "")]), ..broken() };
        let ended = RunFinished { services: vec![without, web(), second], ..good_end() };
        let given = action_outputs(&view(), &ended, "/tmp/result.json");
        let given: Vec<(&str, &str)> =
            given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            given,
            [
                ("status", "succeeded"),
                ("url", "http://storefront.westeurope.azurecontainer.io/"),
                (
                    "urls",
                    "[\"http://storefront.westeurope.azurecontainer.io/\",\"http://api/\",\"https://api/\"]"
                ),
                ("fqdn", "storefront.westeurope.azurecontainer.io"),
                ("image", &format!("storefront.azurecr.io/web@{DIGEST}")),
                ("digest", DIGEST),
                ("tags", "v1\nlatest"),
                ("comment-id", "41"),
                ("deployment-id", ""),
                ("result", "/tmp/result.json"),
            ]
        );
    }

    #[test]
    fn a_run_without_anything_has_empty_outputs() {
        let ended = RunFinished {
            status: Status::Cancelled,
            exit_code: 130,
            services: vec![],
            notes: vec![],
        };
        let given = action_outputs(&View::default(), &ended, "");
        let values: Vec<&str> = given.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["cancelled", "", "[]", "", "", "", "", "", "", ""]);
    }

    #[test]
    fn the_result_holds_all_of_it() {
        let result = result(&view(), &bad_end());
        assert_eq!(result["status"], "failed");
        assert_eq!(result["exit-code"], 4);
        assert_eq!(result["services"][1]["failure"]["step"]["step"], "run");
        assert_eq!(result["services"][0]["took"], 12.34);
        assert_eq!(result["reported"][0]["id"], 41);
        assert_eq!(result["urls"][0], "http://storefront.westeurope.azurecontainer.io/");
    }
}
