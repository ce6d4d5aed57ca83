//! Chooses which runs and local clouds go. A function of its arguments.

use super::survey::{CloudEntry, RunEntry, RunState, StateSurvey};
use crate::image::KeptFolder;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// What may stay.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many runs stay, the newest.
    pub runs: usize,
    /// How many local clouds stay, the newest.
    pub clouds: usize,
    /// How old what stays may be.
    pub age: Duration,
    /// How much the runs and local clouds that stay may take.
    pub bytes: u64,
    /// How much unpacked layers and cache mounts may take.
    pub build_bytes: u64,
}

/// What is kept when nothing else is asked for, and after each run.
pub const DEFAULT_BOUNDS: Bounds = Bounds {
    runs: 20,
    clouds: 3,
    age: Duration::from_hours(30 * 24),
    bytes: 1_000_000_000,
    build_bytes: 10_000_000_000,
};

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    Run,
    Cloud,
}

/// What goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chosen {
    pub kind: Kind,
    pub id: String,
    pub bytes: u64,
    pub why: &'static str,
}

const TOO_OLD: &str = "too old";
const TOO_MANY: &str = "newer ones are enough";
const TOO_LARGE: &str = "too much space is taken";
const NO_RUN: &str = "its run is gone";

/// Chooses by age, by number, and then by size, the oldest first. A run in progress,
/// the newest unfinished run of each kind, which `resume` would take, and a local
/// cloud that is up stay.
pub fn choose(survey: &StateSurvey, bounds: Bounds, now: Timestamp) -> Vec<Chosen> {
    let held = held(&survey.runs);
    let mut chosen = Vec::new();
    for (place, run) in survey.runs.iter().enumerate() {
        if held.contains(run.id.as_str()) {
            continue;
        }
        let why = if is_older(run.time, bounds.age, now) {
            TOO_OLD
        } else if place >= bounds.runs {
            TOO_MANY
        } else {
            continue;
        };
        chosen.push(Chosen { kind: Kind::Run, id: run.id.clone(), bytes: run.bytes, why });
    }
    let gone: BTreeSet<String> = chosen.iter().map(|one| one.id.clone()).collect();
    for (place, cloud) in survey.clouds.iter().enumerate() {
        if cloud.up || held.contains(cloud.id.as_str()) {
            continue;
        }
        let why = if gone.contains(&cloud.id) {
            NO_RUN
        } else if is_older(cloud.time, bounds.age, now) {
            TOO_OLD
        } else if place >= bounds.clouds {
            TOO_MANY
        } else {
            continue;
        };
        chosen.push(of_cloud(cloud, why));
    }
    by_size(survey, bounds, &held, &mut chosen);
    chosen.sort_by(|one, other| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
    chosen
}

/// Chooses of what builds have kept, of which the last used is the first: what was not used for
/// long, and then the least used until the rest fits.
pub fn choose_kept(
    folders: Vec<KeptFolder>,
    bounds: Bounds,
    now: SystemTime,
) -> Vec<(KeptFolder, &'static str)> {
    let mut left = bounds.build_bytes;
    let mut why = |folder: &KeptFolder| {
        let age = now.duration_since(folder.last_used).unwrap_or_default();
        if age > bounds.age {
            return Some(TOO_OLD);
        }
        // One whose size was never noted takes some.
        let rest = left.checked_sub(folder.bytes.max(1));
        left = rest.unwrap_or(0);
        rest.is_none().then_some(TOO_LARGE)
    };
    folders.into_iter().filter_map(|folder| why(&folder).map(|why| (folder, why))).collect()
}

/// Adds local clouds, which are the largest, and then runs, until the rest fits.
fn by_size(survey: &StateSurvey, bounds: Bounds, held: &BTreeSet<&str>, chosen: &mut Vec<Chosen>) {
    let all: u64 = survey.runs.iter().map(|run| run.bytes).sum::<u64>()
        + survey.clouds.iter().map(|cloud| cloud.bytes).sum::<u64>();
    let mut left = all.saturating_sub(chosen.iter().map(|one| one.bytes).sum());
    let clouds = survey.clouds.iter().rev().filter(|cloud| !cloud.up);
    let clouds = clouds.map(|cloud| of_cloud(cloud, TOO_LARGE));
    let runs = survey.runs.iter().rev().map(|run| Chosen {
        kind: Kind::Run,
        id: run.id.clone(),
        bytes: run.bytes,
        why: TOO_LARGE,
    });
    for candidate in clouds.chain(runs) {
        if left <= bounds.bytes {
            return;
        }
        let is_chosen =
            chosen.iter().any(|one| one.kind == candidate.kind && one.id == candidate.id);
        if !is_chosen && !held.contains(candidate.id.as_str()) {
            left = left.saturating_sub(candidate.bytes);
            chosen.push(candidate);
        }
    }
}

fn of_cloud(cloud: &CloudEntry, why: &'static str) -> Chosen {
    Chosen { kind: Kind::Cloud, id: cloud.id.clone(), bytes: cloud.bytes, why }
}

/// The runs that stay whatever the bounds are.
fn held(runs: &[RunEntry]) -> BTreeSet<&str> {
    let newest = |dry_run: bool| {
        let is_it = |run: &&RunEntry| matches!(run.state, RunState::Unfinished { dry_run: kind } if kind == dry_run);
        runs.iter().find(is_it)
    };
    let in_progress = runs.iter().filter(|run| run.state == RunState::InProgress);
    let held = in_progress.chain(newest(false)).chain(newest(true));
    held.map(|run| run.id.as_str()).collect()
}

fn is_older(time: Option<Timestamp>, age: Duration, now: Timestamp) -> bool {
    time.is_some_and(|time| {
        Duration::try_from(now.duration_since(time)).is_ok_and(|passed| passed > age)
    })
}

#[cfg(test)]
mod tests {
    use super::{Bounds, choose, choose_kept};
    use crate::cli::clean::survey::{CloudEntry, RunEntry, RunState, StateSurvey};
    use crate::image::{KeptFolder, KeptKind};
    use jiff::{SignedDuration, Timestamp};
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().expect("a time")
    }

    fn days_ago(days: i64) -> Timestamp {
        now() - SignedDuration::from_hours(24 * days)
    }

    fn run(id: &str, days: i64, state: RunState) -> RunEntry {
        RunEntry { id: id.into(), time: Some(days_ago(days)), bytes: 10, state }
    }

    fn cloud(id: &str, days: i64, up: bool) -> CloudEntry {
        CloudEntry { id: id.into(), time: Some(days_ago(days)), bytes: 100, up }
    }

    const WIDE: Bounds = Bounds {
        runs: 9,
        clouds: 9,
        age: Duration::from_hours(24 * 30),
        bytes: 1_000_000,
        build_bytes: 100,
    };

    fn chosen(survey: &StateSurvey, bounds: Bounds) -> Vec<String> {
        let all = choose(survey, bounds, now());
        all.iter().map(|one| format!("{:?} {}: {}", one.kind, one.id, one.why)).collect()
    }

    #[test]
    fn runs_go_by_age_and_number() {
        let survey = StateSurvey {
            runs: vec![
                run("d", 1, RunState::Finished),
                run("c", 2, RunState::Finished),
                run("b", 3, RunState::Finished),
                run("a", 40, RunState::Finished),
            ],
            clouds: Vec::new(),
        };
        assert_eq!(chosen(&survey, WIDE), ["Run a: too old"]);
        assert_eq!(
            chosen(&survey, Bounds { runs: 2, ..WIDE }),
            ["Run a: too old", "Run b: newer ones are enough"]
        );
    }

    #[test]
    fn what_resume_needs_and_what_is_up_stays() {
        let survey = StateSurvey {
            runs: vec![
                run("e", 40, RunState::InProgress),
                run("d", 41, RunState::Unfinished { dry_run: false }),
                run("c", 42, RunState::Unfinished { dry_run: true }),
                run("b", 43, RunState::Unfinished { dry_run: false }),
            ],
            clouds: vec![cloud("c", 42, false), cloud("b", 43, true), cloud("a", 44, false)],
        };
        assert_eq!(chosen(&survey, WIDE), ["Run b: too old", "Cloud a: too old"]);
    }

    #[test]
    fn the_oldest_clouds_go_first_until_the_rest_fits() {
        let survey = StateSurvey {
            runs: vec![run("c", 1, RunState::Finished), run("b", 2, RunState::Finished)],
            clouds: vec![cloud("c", 1, false), cloud("b", 2, false)],
        };
        assert_eq!(
            chosen(&survey, Bounds { bytes: 130, ..WIDE }),
            ["Cloud b: too much space is taken"]
        );
        assert_eq!(
            chosen(&survey, Bounds { bytes: 10, ..WIDE }),
            [
                "Run b: too much space is taken",
                "Cloud b: too much space is taken",
                "Cloud c: too much space is taken",
            ]
        );
        let one = Bounds { clouds: 1, ..WIDE };
        assert_eq!(chosen(&survey, one), ["Cloud b: newer ones are enough"]);
        let few = Bounds { runs: 1, ..WIDE };
        assert_eq!(
            chosen(&survey, few),
            ["Run b: newer ones are enough", "Cloud b: its run is gone"]
        );
    }

    #[test]
    fn what_builds_keep_goes_by_its_last_use_and_size() {
        let now = SystemTime::now();
        let folder = |name: &str, days: u64, bytes| KeptFolder {
            kind: KeptKind::CacheMount,
            path: PathBuf::from(name),
            bytes,
            last_used: now - Duration::from_hours(24 * days),
        };
        let all = [folder("a", 1, 60), folder("b", 2, 30), folder("c", 3, 20), folder("d", 31, 1)];
        let chosen = |bounds| -> Vec<String> {
            let chosen = choose_kept(all.to_vec(), bounds, now);
            chosen.iter().map(|(it, why)| format!("{}: {why}", it.path.display())).collect()
        };
        assert_eq!(chosen(WIDE), ["c: too much space is taken", "d: too old"]);
        assert_eq!(chosen(Bounds { build_bytes: 110, ..WIDE }), ["d: too old"]);
        assert_eq!(
            chosen(Bounds { build_bytes: 59, ..WIDE }),
            [
                "a: too much space is taken",
                "b: too much space is taken",
                "c: too much space is taken",
                "d: too old",
            ]
        );
    }
}
