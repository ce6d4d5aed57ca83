//! A run that is killed or stopped anywhere and resumed ends as if nothing had happened.

mod point;
mod processes;
mod profile;
mod stopped;
mod subject;
mod tracer;
mod trial;

use crate::figures::{Figures, say};
use crate::trials::{Form, try_all};
use nix::sys::signal::Signal;
use profile::points;
use trial::{Ending, Outcome, Trial};

/// Of how many points the quick form tries one. No multiple of the number of signals.
const EVERY: usize = 13;

/// How many points the whole form has at least.
const MIN_POINTS: usize = 400;

const COLUMNS: &[&str] = &["points", "resumed", "with --rerun", "begun again", "had ended", "lost"];

/// The signals that ask a program to end: of a runner, of a terminal, of one that closes.
const STOP: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];

#[test]
fn run_that_is_killed_anywhere_resumes_to_the_same_end() {
    try_points("killed", |_, trial| trial);
}

#[test]
fn run_that_is_stopped_anywhere_says_so_and_resumes_to_the_same_end() {
    try_points("stopped", |number, trial| trial.with(STOP[number % STOP.len()]));
}

/// Tries a run at each point.
fn try_points(title: &'static str, prepared: impl Fn(usize, Trial) -> Trial) {
    let form = Form::asked();
    let trials = [Trial::cloud, Trial::dry_run].into_iter().flat_map(points).enumerate();
    let trials = trials.map(|(number, trial)| prepared(number, trial)).collect();
    let chosen = form.choose::<Trial>(trials, EVERY);
    let tried = try_all(chosen, |trial| {
        let outcome = trial.run();
        if !outcome.problems.is_empty() {
            say(&format!("{trial}\n  {}", outcome.problems.join("\n  ")));
        }
        (trial.kind(), outcome)
    });

    let mut figures = Figures::new(title, COLUMNS);
    let slowest = tried.iter().filter_map(|(_, outcome)| outcome.after).max();
    for (kind, Outcome { ending, problems, .. }) in tried {
        let is_right = problems.is_empty();
        if ending == Ending::NotReached && is_right {
            continue;
        }
        figures.count(&kind, "points");
        let column = match ending {
            _ if !is_right => "lost",
            Ending::Resumed | Ending::NotReached => "resumed",
            Ending::Repeated => "with --rerun",
            Ending::BegunAgain => "begun again",
            Ending::HadEnded => "had ended",
        };
        figures.count(&kind, column);
    }
    figures.print();
    say(&format!("the slowest ended {:.1?} after its signal", slowest.unwrap_or_default()));
    assert_eq!(figures.sum("lost"), 0, "points at which a run was lost");
    let reached = figures.sum("points");
    assert!(!form.is_whole() || reached >= MIN_POINTS, "{reached} points were reached");
}
