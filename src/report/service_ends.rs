//! Every way in which a service ends, as each report shows it.

use crate::event::{EventKind, RunFinished, ServiceResult, Status};
use crate::report::log::{ActionsLog, Live, Plain};
use crate::report::ndjson::Ndjson;
use crate::report::reporter::Reporter;
use crate::report::testing::sample::{
    at, broken, cancelled, forked, not_applicable, not_deployed, not_started, not_verified,
    started, timed_out, web,
};
use crate::report::testing::{Captured, Screen};
use crate::report::{Card, Reporters, Style, View, action_outputs};
use crate::secret::Redactor;
use indicatif::ProgressDrawTarget;

/// What a reporter shows of the end of a run, without the opening line.
fn shown<R: Reporter + 'static>(
    end: &RunFinished,
    reporter: impl FnOnce(crate::report::Sink) -> R,
) -> String {
    let captured = Captured::default();
    let mut reporters = Reporters::new(Redactor::default());
    reporters.add(reporter(captured.sink()));
    reporters.on(&started());
    let before = captured.text().len();
    reporters.on(&at(75_000, EventKind::RunFinished(end.clone())));
    captured.text()[before..].to_owned()
}

fn in_terminal(end: &RunFinished) -> String {
    let screen = Screen::new(120);
    let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
    let mut reporters = Reporters::new(Redactor::default());
    reporters.add(Live::on_target(target, Style::default(), Redactor::default(), false));
    reporters.on(&at(75_000, EventKind::RunFinished(end.clone())));
    screen.text() + "\n"
}

/// The heading and the rows of the services.
fn of_markdown(text: &str) -> String {
    let lines = text.lines().filter(|line| line.starts_with("###") || line.starts_with("| `"));
    lines.map(|line| format!("{line}\n")).filter(|line| !line.contains("not started")).collect()
}

fn all_reports(name: &str, status: Status, service: ServiceResult) -> String {
    let exit_code = if status == Status::Succeeded { 0 } else { 4 };
    let end = RunFinished { status, exit_code, services: vec![service], notes: vec![] };
    let mut view = View::default();
    view.apply(&started());
    let card = Card::new(&view, &end);
    let redactor = Redactor::default();
    let outputs: Vec<String> = action_outputs(&view, &end, "")
        .into_iter()
        .filter(|(name, _)| name == "status" || name == "services")
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    let parts = [
        ("terminal", in_terminal(&end)),
        ("plain log", shown(&end, |sink| Plain::new(sink, Style::default()))),
        ("Actions log", shown(&end, |sink| ActionsLog::new(sink, Style::default()))),
        ("comment", of_markdown(&card.comment("<!-- -->", &redactor))),
        ("summary", of_markdown(&card.summary(&redactor))),
        ("comment of a dry run", card.text() + "\n"),
        ("commit status", card.line() + "\n"),
        ("JSON", shown(&end, Ndjson::new)),
        ("outputs", outputs.concat()),
    ];
    let parts = parts.map(|(report, text)| format!("{report}:\n{text}"));
    format!("=== {name}\n{}", parts.join(""))
}

#[test]
fn every_report_says_how_a_service_ended() {
    let all = [
        all_reports("succeeded", Status::Succeeded, web()),
        all_reports("failed", Status::Failed, broken()),
        all_reports("timed out", Status::Failed, timed_out()),
        all_reports("skipped: its need failed", Status::Failed, not_started()),
        all_reports("skipped: no step applies", Status::Succeeded, not_applicable()),
        all_reports("skipped: left unfinished", Status::Failed, not_deployed()),
        all_reports("skipped: a fork", Status::Skipped, forked()),
        all_reports("tolerated failure", Status::Succeeded, not_verified()),
        all_reports("cancelled", Status::Cancelled, cancelled()),
    ];
    insta::assert_snapshot!(all.join("\n"));
}
