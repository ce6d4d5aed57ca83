//! Every way in which a service ends, as each report shows it.

use crate::event::{EventKind, Failure, RunFinished, ServiceResult, Status};
use crate::report::log::{ActionsLog, Live, LiveOptions, Plain};
use crate::report::ndjson::Ndjson;
use crate::report::reporter::Reporter;
use crate::report::testing::rolled_back::{not_rolled_back, rolled_back, unchanged};
use crate::report::testing::sample::{
    at, broken, cancelled, ended_early, failed_twice, forked, lacks_much, no_secret,
    not_applicable, not_asked, not_asked_to_deploy, not_asked_to_verify, not_deployed, not_resumed,
    not_started, not_tested, not_verified, only_one, started, timed_out, web, wrong_plan,
};
use crate::report::testing::{Captured, Screen};
use crate::report::{Card, Reporters, Style, View, action_outputs, error_text};
use crate::secret::Redactor;

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
    let screen = Screen::new(120, 24);
    let mut reporters = Reporters::new(Redactor::default());
    let (style, redactor) = (Style::default(), Redactor::default());
    reporters.add(Live::on_canvas(screen.canvas(), style, redactor, LiveOptions::default()));
    reporters.on(&at(75_000, EventKind::RunFinished(end.clone())));
    screen.text() + "\n"
}

/// The heading and the rows of the services; all of a run that was refused.
fn of_markdown(end: &RunFinished, text: &str) -> String {
    if end.is_refused() {
        return text.to_owned();
    }
    let lines = text.lines().filter(|line| line.starts_with("###") || line.starts_with("| `"));
    lines.map(|line| format!("{line}\n")).filter(|line| !line.contains("not started")).collect()
}

fn all_reports(name: &str, status: Status, service: ServiceResult) -> String {
    let exit_code = match status {
        Status::Succeeded | Status::Skipped => 0,
        Status::Failed => 4,
        Status::Cancelled => 130,
    };
    let services = vec![service];
    let end = RunFinished {
        status,
        exit_code,
        services,
        refusals: vec![],
        is_resumed: false,
        notes: vec![],
    };
    all_reports_of(name, &end)
}

/// What a command shows where it is refused. The details of a mistake in the plan are
/// its lines, underlined.
fn refused(end: &RunFinished) -> String {
    let text = |failure: &Failure| match failure.details.as_slice() {
        [] => error_text(&failure.chain, failure.help.as_deref()) + "\n",
        lines => lines.join("\n") + "\n",
    };
    end.refusals.iter().map(text).collect()
}

fn all_reports_of(name: &str, end: &RunFinished) -> String {
    let mut view = View::default();
    view.apply(&started());
    let card = Card::new(&view, end);
    let redactor = Redactor::default();
    let outputs: Vec<String> = action_outputs(&view, end, "")
        .into_iter()
        .filter(|(name, _)| name == "status" || name == "services")
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    let parts = [
        ("standard error, where it is found", refused(end)),
        ("terminal", in_terminal(end)),
        ("plain log", shown(end, |sink| Plain::new(sink, Style::default()))),
        ("Actions log", shown(end, |sink| ActionsLog::new(sink, Style::default()))),
        ("comment", of_markdown(end, &card.comment("<!-- -->", &redactor))),
        ("summary", of_markdown(end, &card.summary(&redactor))),
        ("comment of a dry run", card.text() + "\n"),
        ("commit status", card.line() + "\n"),
        ("JSON", shown(end, Ndjson::new)),
        ("outputs", outputs.concat()),
    ];
    let parts = parts.iter().filter(|(_, text)| !text.trim().is_empty());
    let parts: Vec<String> = parts.map(|(report, text)| format!("{report}:\n{text}")).collect();
    format!("=== {name}\n{}", parts.concat())
}

#[test]
fn every_report_says_how_a_service_ended() {
    let all = [
        all_reports("succeeded", Status::Succeeded, web()),
        all_reports("failed", Status::Failed, broken()),
        all_reports("failed twice", Status::Failed, failed_twice()),
        all_reports("timed out", Status::Failed, timed_out()),
        all_reports("skipped: its need failed", Status::Failed, not_started()),
        all_reports("skipped: no step applies", Status::Skipped, not_applicable()),
        all_reports("skipped: left unfinished", Status::Failed, not_deployed()),
        all_reports("skipped: a fork", Status::Skipped, forked()),
        all_reports("skipped: left out by the command line", Status::Skipped, ended_early()),
        all_reports("run steps left out", Status::Succeeded, not_tested()),
        all_reports("deploy left out by its if", Status::Succeeded, not_asked_to_deploy()),
        all_reports("verify left out by its if", Status::Succeeded, not_asked_to_verify()),
        all_reports("several steps left out", Status::Succeeded, lacks_much()),
        all_reports("deploy without a later verify", Status::Succeeded, not_asked()),
        all_reports_of("a service left out by --only", &only_one()),
        all_reports("tolerated failure", Status::Succeeded, not_verified()),
        all_reports("cancelled", Status::Cancelled, cancelled()),
        all_reports_of("refused: the plan is wrong", &wrong_plan()),
        all_reports_of("refused: a precondition failed", &no_secret()),
        all_reports_of("refused when it was resumed", &not_resumed()),
        all_reports("rolled back", Status::Failed, rolled_back()),
        all_reports("the deploy changed nothing", Status::Failed, unchanged()),
        all_reports("not rolled back", Status::Failed, not_rolled_back()),
    ];
    insta::assert_snapshot!(all.join("\n"));
}
