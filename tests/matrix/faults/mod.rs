//! A run whose requests meet every fault survives those that pass, and says which host
//! failed at what for the others.

mod kind;
mod random;
mod verdict;

use crate::figures::{Figures, say};
use crate::proxy::rule::RequestPlace;
use crate::scene::Scene;
use crate::trials::{Form, try_all};
use kind::{Fault, faults_at, hangs};
use random::Random;
use std::fmt;
use verdict::{Ending, meet};

/// Of how many faults the quick form tries one. No divisor of the number of faults at a
/// place, so that it meets all of them over all places.
const EVERY: usize = 53;

/// How many faults the whole form meets at least.
const MIN_FAULTS: usize = 2_000;

/// Runs with several faults each, from fixed seeds.
const RANDOM_RUNS: [(Form, u64); 2] = [(Form::Quick, 8), (Form::Whole, 200)];

/// How many requests with the same key meet each fault: further ones are sent by the same
/// code.
const MAX_SAME: usize = 2;

const COLUMNS: &[&str] = &["faults", "survived", "warned", "failed and said why", "lost"];

#[test]
fn every_fault_is_survived_or_named() {
    let form = Form::asked();
    let places = places();
    let mut faults: Vec<Fault> = places.iter().flat_map(faults_at).collect();
    if form == Form::Whole {
        faults.extend(hangs(&places));
    }
    let chosen = form.choose(faults, EVERY);
    let tried = try_all(chosen, |fault| {
        let (ending, problems) = meet(std::slice::from_ref(&fault));
        tell(&fault.to_string(), &problems);
        (fault.kind(), ending, problems.is_empty())
    });
    let figures = tally("one fault", tried);
    assert!(!form.is_whole() || figures.sum("faults") >= MIN_FAULTS, "too few were met");
}

#[test]
fn several_faults_at_random_are_survived_or_named() {
    let form = Form::asked();
    let places = places();
    let runs = RANDOM_RUNS.iter().find(|(known, _)| *known == form).expect("a number").1;
    let chosen = form.choose((0..runs).map(Seed).collect(), 1);
    let tried = try_all(chosen, |seed| {
        let faults = several(&places, seed);
        let (ending, problems) = meet(&faults);
        let names: Vec<String> = faults.iter().map(ToString::to_string).collect();
        tell(&format!("{seed}: {}", names.join("; ")), &problems);
        (format!("{} faults", faults.len()), ending, problems.is_empty())
    });
    tally("several faults", tried);
}

/// The start of a sequence of random numbers.
#[derive(Clone, Copy, Debug)]
struct Seed(u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.0)
    }
}

/// Two to five faults that all pass, at different places.
fn several(places: &[RequestPlace], Seed(seed): Seed) -> Vec<Fault> {
    let mut random = Random::new(seed);
    let number = 2 + random.below(4);
    (0..number)
        .map(|_| {
            let place = &places[random.below(places.len())];
            let faults: Vec<Fault> =
                faults_at(place).into_iter().filter(Fault::is_transient).collect();
            faults[random.below(faults.len())].clone()
        })
        .collect()
}

/// The requests and connections of a run.
fn places() -> Vec<RequestPlace> {
    let scene = Scene::new(Vec::new());
    scene.program.run(&scene.arguments(&["run"])).exits(0);
    let mut places = scene.proxy.places();
    places.retain(|place| place.nth < MAX_SAME);
    places
}

/// Shows at once what is wrong with a run.
fn tell(name: &str, problems: &[String]) {
    if !problems.is_empty() {
        say(&format!("{name}\n  {}", problems.join("\n  ")));
    }
}

/// Counts and prints the outcomes. Fails the test if one is not as it must be.
fn tally(title: &'static str, tried: Vec<(String, Ending, bool)>) -> Figures {
    let mut figures = Figures::new(title, COLUMNS);
    for (kind, ending, is_right) in tried {
        let column = match ending {
            _ if !is_right => "lost",
            Ending::NotMet => continue,
            Ending::Survived => "survived",
            Ending::Warned => "warned",
            Ending::Failed => "failed and said why",
        };
        figures.count(&kind, "faults");
        figures.count(&kind, column);
    }
    figures.print();
    assert_eq!(figures.sum("lost"), 0, "faults whose runs did not end as they must");
    figures
}
