//! Words, colours and links that several parts of the page have.

use super::markup::Html;
use crate::event::Outcome;
use crate::report::text::Tone;
use crate::report::view::StepProgress;
use jiff::Timestamp;

/// How much of a commit's hash is shown.
const SHORT_COMMIT_CHARS: usize = 7;

/// A commit by the beginning of its hash.
pub fn link_commit(commit: &str, url: Option<&str>, html: &mut Html) {
    let short: String = commit.chars().take(SHORT_COMMIT_CHARS).collect();
    html.markup("<code>").link(&short, url.unwrap_or_default()).markup("</code>");
}

/// The class of a colour.
pub fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Caution => "caution",
        Tone::Quiet | Tone::Strong => "other",
    }
}

/// The end of a step in a word or two, with its colour.
pub fn progress(state: &StepProgress) -> (Tone, String) {
    match state {
        StepProgress::Waiting => (Tone::Quiet, "not started".to_owned()),
        StepProgress::Running | StepProgress::Pausing { .. } => {
            (Tone::Caution, "not finished".to_owned())
        }
        StepProgress::Finished { outcome, .. } => match outcome {
            Outcome::Succeeded => (Tone::Good, "ok".to_owned()),
            Outcome::AlreadyDone => (Tone::Good, "done before".to_owned()),
            Outcome::Failed { tolerated: false, .. } => (Tone::Bad, "failed".to_owned()),
            Outcome::TimedOut { tolerated: false, .. } => (Tone::Bad, "timed out".to_owned()),
            Outcome::Failed { tolerated: true, .. } => {
                (Tone::Caution, "failed, and the run went on".to_owned())
            }
            Outcome::TimedOut { tolerated: true, .. } => {
                (Tone::Caution, "timed out, and the run went on".to_owned())
            }
            Outcome::Skipped { because } => (Tone::Quiet, format!("skipped: {because}")),
            Outcome::Cancelled => (Tone::Caution, "cancelled".to_owned()),
        },
    }
}

/// A time of the day without fractions; any other text as it is.
pub fn time(rfc3339: &str) -> String {
    let read = rfc3339.parse::<Timestamp>();
    read.map_or_else(|_| rfc3339.to_owned(), |time| time.strftime("%F %T UTC").to_string())
}

/// The id of a step in the page.
pub fn anchor(place: usize) -> String {
    format!("step-{place}")
}
