//! Appends Markdown to the summary of a job.
//!
//! The runner drops the whole summary of a step if it is over 1 MiB, so it is cut
//! before.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The limit of GitHub for the summary of a step.
pub const MAX_SUMMARY_BYTES: usize = 1_048_576;

/// Ends a summary that was cut.
const CUT_NOTE: &str = "\n\n_The rest is left out: GitHub takes 1 MiB._\n";

#[derive(Debug, thiserror::Error)]
#[error("cannot write the job's summary to `{}`", path.display())]
pub struct SummaryError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Appends as much as fits. A missing file is made, a missing folder is an error.
pub fn append_summary(path: &Path, markdown: &str) -> Result<(), SummaryError> {
    append(path, markdown).map_err(|source| SummaryError { path: path.to_owned(), source })
}

fn append(path: &Path, markdown: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let there = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    // An empty line ends the Markdown block before.
    let text = if there == 0 { markdown.to_owned() } else { format!("\n{markdown}") };
    file.write_all(cut_summary(&text, MAX_SUMMARY_BYTES.saturating_sub(there)).as_bytes())?;
    file.flush()
}

/// Cuts the text to `room` bytes, if possible at the end of a line, and says so at its
/// end.
pub fn cut_summary(markdown: &str, room: usize) -> String {
    if markdown.len() <= room {
        return markdown.to_owned();
    }
    let Some(room) = room.checked_sub(CUT_NOTE.len()) else { return String::new() };
    let kept = &markdown[..markdown.floor_char_boundary(room)];
    let kept = kept.rfind('\n').map_or(kept, |end| &kept[..end]);
    format!("{kept}{CUT_NOTE}")
}

#[cfg(test)]
mod tests {
    use super::{CUT_NOTE, MAX_SUMMARY_BYTES, append_summary, cut_summary};

    #[test]
    fn a_summary_is_appended_to_a_file_that_need_not_be_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("summary");
        append_summary(&path, "## One\n").expect("written");
        append_summary(&path, "## Zwei ü\n").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "## One\n\n## Zwei ü\n");
    }

    #[test]
    fn a_summary_never_outgrows_what_github_takes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("summary");
        std::fs::write(&path, "x".repeat(MAX_SUMMARY_BYTES - 100)).expect("a file");
        append_summary(&path, &"ünü\n".repeat(100)).expect("written");
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        assert!(text.len() <= MAX_SUMMARY_BYTES, "{}", text.len());
        assert!(text.ends_with(CUT_NOTE));

        append_summary(&path, "more").expect("written");
        append_summary(&path, &"more\n".repeat(100)).expect("written");
        assert!(std::fs::read(&path).expect("the file").len() <= MAX_SUMMARY_BYTES);
    }

    #[test]
    fn a_cut_is_made_between_lines() {
        let cut = cut_summary("first\nsecond and then some more text than there is room for", 55);
        assert_eq!(cut, format!("first{CUT_NOTE}"));
        assert_eq!(cut_summary("fits", 4), "fits");
        assert_eq!(cut_summary("no room", 3), "");
    }

    #[test]
    fn a_summary_without_its_folder_is_an_error() {
        let failed =
            append_summary(std::path::Path::new("/nowhere/summary"), "x").expect_err("no file");
        assert_eq!(failed.to_string(), "cannot write the job's summary to `/nowhere/summary`");
    }
}
