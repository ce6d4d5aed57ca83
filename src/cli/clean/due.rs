//! When the end of a run is a time to look at the state: to read every run takes longer than many
//! a run does.

use super::choose::DEFAULT_BOUNDS;
use crate::image::Store;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Its time is that at which the state was last looked at.
const MARK: &str = "cleaned";

/// How long the age of runs need not be looked at.
const MAX_PAUSE: Duration = Duration::from_hours(1);

/// How many runs more than the bound there may be before the oldest go, all at once.
const SPARE_RUNS: usize = 5;

/// Whether something may be beyond the default bounds: images, unpacked layers, caches or local
/// clouds were added or removed since the state was last looked at, that is long ago, or there are
/// too many runs.
pub fn is_due(state: &Path) -> bool {
    let Some(last) = modified(&state.join(MARK)) else { return true };
    let age = SystemTime::now().duration_since(last);
    // A clock that was put back says nothing.
    if age.map_or(true, |age| age >= MAX_PAUSE) {
        return true;
    }
    let images = Store::entry_folders(&state.join("images"));
    let changing = images.into_iter().chain([state.join("local")]);
    if changing.map(|folder| modified(&folder)).any(|time| time.is_some_and(|time| time >= last)) {
        return true;
    }
    let runs = fs::read_dir(state.join("runs")).map_or(0, Iterator::count);
    runs > DEFAULT_BOUNDS.runs + SPARE_RUNS
}

/// Notes that the state is looked at now. Errors are ignored: it is looked at again.
pub fn note(state: &Path) {
    File::create(state.join(MARK)).ok();
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::{MARK, MAX_PAUSE, SPARE_RUNS, is_due, note};
    use crate::cli::clean::choose::DEFAULT_BOUNDS;
    use std::fs::{self, File};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    const SECOND: Duration = Duration::from_secs(1);

    /// A state that was looked at a second ago and has not changed for two.
    fn unchanged() -> tempfile::TempDir {
        let state = tempfile::tempdir().expect("a folder");
        for folder in ["images/blobs/sha256", "images/roots", "images/mounts", "local", "runs"] {
            fs::create_dir_all(state.path().join(folder)).expect("made");
            set(&state.path().join(folder), SystemTime::now() - 2 * SECOND);
        }
        note(state.path());
        set(&state.path().join(MARK), SystemTime::now() - SECOND);
        state
    }

    fn set(path: &Path, time: SystemTime) {
        File::open(path).expect("there").set_modified(time).expect("set");
    }

    #[test]
    fn nothing_that_has_changed_is_not_looked_at_for_an_hour() {
        let state = unchanged();
        assert!(!is_due(state.path()));

        let mark = state.path().join(MARK);
        set(&mark, SystemTime::now() - MAX_PAUSE);
        assert!(is_due(state.path()));
        set(&mark, SystemTime::now() + 60 * SECOND);
        assert!(is_due(state.path()), "a clock that was put back");
        fs::remove_file(mark).expect("there");
        assert!(is_due(state.path()));
    }

    #[test]
    fn what_was_added_is_looked_at() {
        for added in ["images/blobs/sha256/a", "images/roots/a", "images/mounts/a", "local/a"] {
            let state = unchanged();
            fs::create_dir(state.path().join(added)).expect("made");
            assert!(is_due(state.path()), "{added}");
            note(state.path());
            std::thread::sleep(Duration::from_millis(20));
            note(state.path());
            assert!(!is_due(state.path()), "{added}");
        }
    }

    #[test]
    fn too_many_runs_are_looked_at() {
        let state = unchanged();
        for number in 0..DEFAULT_BOUNDS.runs + SPARE_RUNS {
            fs::create_dir(state.path().join(format!("runs/{number}"))).expect("made");
        }
        assert!(!is_due(state.path()));
        fs::create_dir(state.path().join("runs/more")).expect("made");
        assert!(is_due(state.path()));
    }
}
