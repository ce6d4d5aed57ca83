//! A run that is killed anywhere and resumed ends as if nothing had happened.

mod point;
mod processes;
mod profile;
mod tracer;
mod trial;

use crate::figures::{Figures, say};
use crate::trials::{Form, try_all};
use profile::points;
use trial::{Ending, Trial};

/// Of how many points the quick form tries one.
const EVERY: usize = 13;

/// How many points the whole form has at least.
const MIN_POINTS: usize = 400;

const COLUMNS: &[&str] = &["points", "resumed", "with --rerun", "begun again", "had ended", "lost"];

#[test]
fn run_that_is_killed_anywhere_resumes_to_the_same_end() {
    let form = Form::asked();
    let trials = [Trial::cloud, Trial::dry_run].into_iter().flat_map(points).collect();
    let chosen = form.choose::<Trial>(trials, EVERY);
    let tried = try_all(chosen, |trial| {
        let (ending, problems) = trial.run();
        if !problems.is_empty() {
            say(&format!("{trial}\n  {}", problems.join("\n  ")));
        }
        (trial.kind(), ending, problems.is_empty())
    });

    let mut figures = Figures::new("killed", COLUMNS);
    for (kind, ending, is_right) in tried {
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
    assert_eq!(figures.sum("lost"), 0, "points at which a run was lost");
    let reached = figures.sum("points");
    assert!(form == Form::Quick || reached >= MIN_POINTS, "{reached} points were reached");
}
