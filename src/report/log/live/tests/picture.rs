//! The picture: its lines, their order and their width.

use super::{Shown, began, noted, pushed, retried, shown, steps_started};
use crate::event::{Event, EventKind, Outcome};
use crate::report::Style;
use crate::report::log::live::fit::width;
use crate::report::log::live::picture::Picture;
use crate::report::log::live::{LiveOptions, TerminalSize};
use crate::report::testing::sample::{
    DIGEST, at, begun, finished, id, line, moved, planned, started,
};
use crate::secret::Redactor;
use std::time::Duration;

const TEN: [&str; 10] = [
    "web",
    "api",
    "日本語サービス",
    "mail",
    "jobs",
    "search",
    "auth",
    "docs",
    "cron",
    "migrations",
];

/// Ten services, each with two steps, in all states.
fn ten_services() -> Vec<Event> {
    let steps = TEN.iter().flat_map(|name| match *name {
        "migrations" => [planned(name, "run", "run"), planned(name, "check", "run")],
        "mail" => [planned(name, "push", "push"), planned(name, "live", "deploy")],
        "docs" => [planned(name, "build", "build"), planned(name, "push", "push")],
        _ => [planned(name, "live", "deploy"), planned(name, "verify", "verify")],
    });
    let first = |name: &str| match name {
        "migrations" => "run",
        "mail" => "push",
        "docs" => "build",
        _ => "live",
    };
    let mut events = vec![steps_started(steps.collect())];
    let starts = TEN.iter().zip(1..);
    events.extend(starts.map(|(name, number)| began(number * 1_000, id(name, first(name)))));
    events.extend([
        finished("api", "live", Outcome::Succeeded, &[("url", "http://api.example/")]),
        began(12_000, id("api", "verify")),
        line("migrations", "run", "applying 0042_orders.sql"),
        noted(13_000, id("docs", "build"), "layer 4f53cda18c2b: 12 entries, 4.2 MB as 1.3 MB"),
        retried(14_000, id("cron", "live")),
        pushed(15_000, id("mail", "push"), 0),
        pushed(25_000, id("mail", "push"), 12_000_000),
    ]);
    events
}

#[test]
fn one_service_has_a_line_below_the_total() {
    let mut shown = Shown::new(80, 24, LiveOptions::default());
    shown.on(&[steps_started(vec![planned("", "build", "build")])]);
    assert_eq!(
        shown.text(),
        "storefront from shipway.yml, environment preview, run 01JD0000000000000000000000
* 0 of 1 step done, 0s"
    );
    shown.on(&[began(1_000, id("", "build")), noted(5_000, id("", "build"), "pulling `alpine`")]);
    assert_eq!(
        shown.text(),
        "storefront from shipway.yml, environment preview, run 01JD0000000000000000000000
* 0 of 1 step done, 5s
  storefront: building, pulling `alpine`                                    4s"
    );
    shown.on(&[finished("", "build", Outcome::Succeeded, &[("image-id", DIGEST)])]);
    assert_eq!(
        shown.text(),
        "storefront from shipway.yml, environment preview, run 01JD0000000000000000000000
build  ok  id sha256:4f53cda18c2b…  (0.8s)
* 1 of 1 step done, 5s"
    );
}

#[test]
fn three_services_are_ordered_by_the_time_in_their_step() {
    let steps = vec![
        planned("web", "push", "push"),
        planned("web", "verify", "verify"),
        planned("api", "live", "deploy"),
        planned("migrations", "run", "run"),
    ];
    let mut shown = shown(
        80,
        24,
        &[
            steps_started(steps),
            began(1_000, id("web", "push")),
            began(2_000, id("api", "live")),
            began(3_000, id("migrations", "run")),
            pushed(4_000, id("web", "push"), 0),
            pushed(14_000, id("web", "push"), 12_000_000),
        ],
    );
    assert_eq!(
        shown.picture(),
        [
            "* 0 of 4 steps done, 14s",
            "  web:        pushing 12 of 80 MB, 1.2 MB/s, 57s left                      13s",
            "    sha256:4f53cda18c2b…  6 of 30 MB, 600.0 kB/s, 40s left",
            "    sha256:e3b0c44298fc…  6 of 50 MB, 600.0 kB/s, 1m 14s left",
            "  api:        deploying                                                    12s",
            "  migrations: running                                                      11s",
        ]
    );

    shown.on(&[
        at(
            75_000,
            EventKind::StepFinished {
                step: id("web", "push"),
                outcome: Outcome::Succeeded,
                took: Duration::from_secs(74),
                outputs: [].into_iter().collect(),
            },
        ),
        began(75_000, id("web", "verify")),
        retried(80_000, id("api", "live")),
    ]);
    assert_eq!(
        shown.picture(),
        [
            "* 1 of 4 steps done, 1m 20s",
            "  api:        waiting for attempt 2 of 4                                1m 18s",
            "  migrations: running                                                   1m 17s",
            "  web:        verifying                                                     5s",
        ]
    );
}

#[test]
fn ten_services_fit_the_smallest_usual_terminal() {
    assert_eq!(
        shown(80, 24, &ten_services()).picture(),
        [
            "* 1 of 20 steps done, 25s",
            "  web:            deploying                                                24s",
            "  日本語サービス: deploying                                                22s",
            "  mail:           pushing 12 of 80 MB, 1.2 MB/s, 57s left                  21s",
            "    sha256:4f53cda18c2b…  6 of 30 MB, 600.0 kB/s, 40s left",
            "    sha256:e3b0c44298fc…  6 of 50 MB, 600.0 kB/s, 1m 14s left",
            "  jobs:           deploying                                                20s",
            "  search:         deploying                                                19s",
            "  auth:           deploying                                                18s",
            "  docs:           building, layer 4f53cda18c2b: 12 entries, 4.2 MB as 1.…  17s",
            "  cron:           waiting for attempt 2 of 4                               16s",
            "  migrations:     running │ applying 0042_orders.sql                       15s",
            "  api:            verifying                                                13s",
        ]
    );
}

#[test]
fn services_that_do_not_fit_are_counted() {
    let picture = shown(80, 10, &ten_services()).picture();
    assert_eq!(
        picture,
        [
            "* 1 of 20 steps done, 25s",
            "  web:            deploying                                                24s",
            "  日本語サービス: deploying                                                22s",
            "  mail:           pushing 12 of 80 MB, 1.2 MB/s, 57s left                  21s",
            "  jobs:           deploying                                                20s",
            "  search:         deploying                                                19s",
            "  auth:           deploying                                                18s",
            "  and 4 more",
        ]
    );
    for rows in 1..=14 {
        let picture = shown(80, rows, &ten_services()).picture();
        assert!(picture.len() <= usize::from(rows).saturating_sub(2).max(1), "{rows}: {picture:?}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let ten = shown(80, 24, &ten_services());
    let picture = Picture::of(ten.reporters.view(), None, &Redactor::default());
    for columns in 3..=130 {
        let size = TerminalSize { columns, rows: 24 };
        let lines = picture.lines(Duration::from_secs(5_000), size, Style::default());
        // The spinner is before the first, and `^C` may come behind the last.
        let wide = |(at, line): (usize, &String)| width(line) + if at == 0 { 2 } else { 0 } + 2;
        let widest = lines.iter().enumerate().map(wide).max();
        assert!(widest <= Some(columns.max(4)), "{columns}: {lines:?}");
    }
    assert_eq!(
        shown(30, 8, &ten_services()).picture(),
        [
            "* 1 of 20 steps done, 25s",
            "  web:      deploying    24s",
            "  日本語…:  deploying    22s",
            "  mail:     pushing 12…  21s",
            "  jobs:     deploying    20s",
            "  and 6 more",
        ]
    );
}

#[test]
fn time_of_the_last_run_is_compared_with_this_one() {
    let options = LiveOptions { expected: Some(Duration::from_secs(72)), ..LiveOptions::default() };
    let mut shown = Shown::new(80, 24, options);
    shown.on(&[steps_started(vec![planned("web", "run", "run")]), began(100, id("web", "run"))]);
    shown.on(&[line("web", "run", "x")]);
    let first = |shown: &Shown| shown.picture()[0].clone();
    assert_eq!(first(&shown), "* 0 of 1 step done, 2s, about 1m 10s left");
    shown.on(&[noted(31_400, id("web", "run"), "x")]);
    assert_eq!(first(&shown), "* 0 of 1 step done, 31s, about 41s left");
    shown.on(&[noted(72_000, id("web", "run"), "x")]);
    assert_eq!(first(&shown), "* 0 of 1 step done, 1m 12s, took 1m 12s last time");
}

#[test]
fn layers_have_lines_where_there_is_room() {
    let names: Vec<String> = (0..9).map(|number| format!("layer {number}")).collect();
    let layers: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1_000)).collect();
    let lines = |rows: u16| {
        let events = [started(), begun("web", "push"), moved(2_000, 9_000, &layers)];
        shown(80, rows, &events).picture()[2..].to_vec()
    };
    assert_eq!(
        lines(24),
        [
            "    layer 0  0.0 of 4.0 MB",
            "    layer 1  0.0 of 4.0 MB",
            "    layer 2  0.0 of 4.0 MB",
            "    layer 3  0.0 of 4.0 MB",
            "    layer 4  0.0 of 4.0 MB",
            "    layer 5  0.0 of 4.0 MB",
            "    and 3 more",
        ]
    );
    assert_eq!(lines(6), ["    layer 0  0.0 of 4.0 MB", "    and 8 more"]);
    assert_eq!(lines(5), [""; 0]);
}

#[test]
fn steps_that_failed_and_were_skipped_are_counted_by_themselves() {
    let steps = ["test", "lint", "build", "push"].map(|step| planned("web", step, "run"));
    let failed = Outcome::timed_out(Duration::from_secs(1));
    let skipped = || Outcome::Skipped { because: "`test` failed".to_owned() };
    let shown = shown(
        80,
        24,
        &[
            steps_started(steps.to_vec()),
            began(1_000, id("web", "test")),
            began(1_000, id("web", "lint")),
            finished("web", "test", failed, &[]),
            finished("web", "build", skipped(), &[]),
            finished("web", "push", skipped(), &[]),
        ],
    );
    let picture = shown.picture();
    assert_eq!(picture[0], "* 0 of 4 steps done, 1 failed, 2 skipped, 5s");
}
