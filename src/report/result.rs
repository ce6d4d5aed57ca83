//! The result of a run for its caller: URLs on standard output, the outputs of the
//! GitHub action, and the complete result as JSON.

use super::log::ends;
use super::reporter::Reporter;
use super::sink::Sink;
use super::view::View;
use crate::event::{Channel, Event, EventKind, OutputName, RunFinished, ServiceResult, Status};
use serde_json::{Value, json};
use std::io;

/// Prints all URLs of the services that succeeded, one per line, and nothing else,
/// so that `url=$(shipway run)` works. So does a service whose verify the command line
/// leaves out.
#[derive(Debug)]
pub struct Urls {
    sink: Sink,
}

impl Urls {
    pub fn new(sink: Sink) -> Self {
        Self { sink }
    }
}

impl Reporter for Urls {
    fn on(&mut self, _: &View, event: &Event) -> io::Result<()> {
        let EventKind::RunFinished(finished) = &event.kind else { return Ok(()) };
        let services = &finished.services;
        let up = services.iter().filter(|service| match service.status {
            Status::Succeeded => true,
            Status::Skipped => finished.status == Status::Skipped,
            Status::Failed | Status::Cancelled => false,
        });
        let urls: Vec<String> = up.flat_map(urls).collect();
        self.sink.lines(urls.iter().map(String::as_str))
    }
}

fn output(service: &ServiceResult, name: OutputName) -> Option<&str> {
    service.outputs.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// The outputs of the GitHub action, in the order of `action.yml`. A missing output
/// is empty. `result` is the path of the file with the complete result.
///
/// If several services have an output, that of the first in the plan's order is
/// used; `urls` lists the URLs of all.
pub fn action_outputs(view: &View, finished: &RunFinished, result: &str) -> Vec<(String, String)> {
    let first = |name: OutputName| {
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
        Status::Skipped => "skipped",
        Status::Cancelled => "cancelled",
    };
    let outputs = [
        ("status", status.to_owned()),
        ("url", first(OutputName::Url)),
        ("urls", Value::from(all_urls(finished)).to_string()),
        ("fqdn", first(OutputName::Fqdn)),
        ("image", first(OutputName::Image)),
        ("digest", first(OutputName::Digest)),
        ("tags", first(OutputName::Tags)),
        ("comment-id", id(Channel::Comment)),
        ("deployment-id", id(Channel::Deployment)),
        ("services", ends(view, finished).to_string()),
        ("result", result.to_owned()),
    ];
    outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// How each service ended, by its name.
fn ends(view: &View, finished: &RunFinished) -> Value {
    let end = |service| (ends::name_of(view, service), ends::end_of(service).into());
    finished.services.iter().map(end).collect::<serde_json::Map<_, _>>().into()
}

/// The URLs of all services, without duplicates.
fn all_urls(finished: &RunFinished) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    for url in finished.services.iter().flat_map(urls) {
        if !all.contains(&url) {
            all.push(url);
        }
    }
    all
}

/// All URLs of a service: the first one is its `url`. The output `urls` of a deploy
/// is a JSON array; one that a `run` step or an older journal gave may have lines.
pub(super) fn urls(service: &ServiceResult) -> Vec<String> {
    let text = output(service, OutputName::Urls).unwrap_or_default();
    let listed = serde_json::from_str::<Vec<String>>(text)
        .unwrap_or_else(|_| text.lines().map(str::to_owned).collect());
    let first = output(service, OutputName::Url).map(str::to_owned);
    let mut urls: Vec<String> = Vec::new();
    for url in first.into_iter().chain(listed) {
        // `verify` and `deploy` may write the same URL with and without its slash.
        if !urls.iter().any(|known| known.trim_end_matches('/') == url.trim_end_matches('/')) {
            urls.push(url);
        }
    }
    urls
}

/// The complete result, for the file named by the output `result`.
pub fn result(view: &View, finished: &RunFinished) -> Value {
    let started = view.started.as_ref();
    json!({
        "run": started.map(|started| &started.run),
        "plan": started.map(|started| &started.plan),
        "environment": started.and_then(|started| started.environment.as_ref()),
        "dry-run": started.is_some_and(|started| started.dry_run),
        "from": started.and_then(|started| started.from.as_ref()),
        "started": started.map(|started| &started.started),
        "origin": started.map(|started| &started.origin),
        "status": finished.status,
        "exit-code": finished.exit_code,
        "urls": all_urls(finished),
        "services": finished.services,
        "refusals": finished.refusals,
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
    fn only_urls_of_succeeded_services_are_printed() {
        assert_eq!(printed(good_end()), "http://storefront.westeurope.azurecontainer.io/\n");
        let failed = ServiceResult { outputs: outputs(&[("url", "http://no/")]), ..broken() };
        let ended = RunFinished { services: vec![failed], ..bad_end() };
        assert_eq!(printed(ended), "");
        let not_verified = ServiceResult { status: Status::Skipped, ..web() };
        let ended = RunFinished {
            status: Status::Skipped,
            services: vec![not_verified.clone()],
            ..good_end()
        };
        assert_eq!(printed(ended), "http://storefront.westeurope.azurecontainer.io/\n");
        let ended = RunFinished { services: vec![not_verified], ..bad_end() };
        assert_eq!(printed(ended), "");
        let two = [("url", "http://a"), ("urls", r#"["http://a","http://a:8080"]"#)];
        let two = ServiceResult { outputs: outputs(&two), ..web() };
        let ended = RunFinished { services: vec![two], ..good_end() };
        assert_eq!(printed(ended), "http://a\nhttp://a:8080\n");
    }

    #[test]
    fn action_outputs_are_those_of_the_first_service() {
        let second = ServiceResult {
            name: "api".into(),
            outputs: outputs(&[
                ("url", "http://api/"),
                ("urls", r#"["http://api","https://api"]"#),
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
                    "[\"http://storefront.westeurope.azurecontainer.io/\",\"http://api/\",\"https://api\"]"
                ),
                ("fqdn", "storefront.westeurope.azurecontainer.io"),
                ("image", &format!("storefront.azurecr.io/web@{DIGEST}")),
                ("digest", DIGEST),
                ("tags", "v1\nlatest"),
                ("comment-id", "41"),
                ("deployment-id", ""),
                ("services", r#"{"migrations":"failed","web":"succeeded","api":"succeeded"}"#),
                ("result", "/tmp/result.json"),
            ]
        );
    }

    #[test]
    fn missing_action_outputs_are_empty() {
        let ended = RunFinished {
            status: Status::Cancelled,
            exit_code: 130,
            services: vec![],
            refusals: vec![],
            is_resumed: false,
            notes: vec![],
        };
        let given = action_outputs(&View::default(), &ended, "");
        let values: Vec<&str> = given.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["cancelled", "", "[]", "", "", "", "", "", "", "{}", ""]);
    }

    #[test]
    fn the_result_is_complete() {
        let result = result(&view(), &bad_end());
        assert_eq!(result["status"], "failed");
        assert_eq!(result["exit-code"], 4);
        assert_eq!(result["services"][1]["failure"]["step"]["step"], "run");
        assert_eq!(result["services"][0]["took"], 12.34);
        assert_eq!(result["reported"][0]["id"], 41);
        assert_eq!(result["urls"][0], "http://storefront.westeurope.azurecontainer.io/");
    }
}
