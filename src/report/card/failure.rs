//! A failure in Markdown, as every comment and summary shows it.

use super::escape::{block, code, prose, safe_lines};
use crate::event::Failure;
use crate::report::log::words;
use crate::secret::Redactor;

const MAX_CAUSES_CHARS: usize = 6_000;

/// A failure in at most `room` characters. The first lines of its details are left
/// out as needed; `None` if not even the causes fit.
pub(super) fn fitted(
    title: &str,
    failure: &Failure,
    room: usize,
    redactor: &Redactor,
) -> Option<String> {
    let details: Vec<String> = failure.details.iter().flat_map(|text| safe_lines(text)).collect();
    let mut kept = details.len();
    loop {
        let text = redactor.redact(&drawn(title, failure, &details, kept));
        if text.chars().count() <= room {
            return Some(text);
        }
        if kept == 0 {
            return None;
        }
        kept /= 2;
    }
}

/// The causes, the last `kept` lines of the details (folded) and the remedy.
fn drawn(title: &str, failure: &Failure, details: &[String], kept: usize) -> String {
    let title = if title.is_empty() { String::new() } else { format!("{title}\n\n") };
    let top = format!("\n{title}{}", causes(failure));
    let details = if details.is_empty() {
        String::new()
    } else if kept == 0 {
        "\n_The details are in the log of the run._\n".to_owned()
    } else {
        let left_out = details.len() - kept;
        let mut lines = details[left_out..].to_vec();
        if left_out > 0 {
            lines.insert(0, format!("… {left_out} earlier lines are in the log of the run"));
        }
        format!("\n<details><summary>Details</summary>\n\n{}\n</details>\n", block(&lines))
    };
    let help = failure
        .help
        .as_ref()
        .map_or_else(String::new, |help| format!("\n**What to do:** {}\n", prose(help)));
    format!("{top}{details}{help}")
}

/// Where the plan is at fault; empty if it is not.
pub(super) fn position(failure: &Failure) -> String {
    let place = failure.place.as_ref();
    place.map_or_else(String::new, |place| {
        format!("**{}**", code(&format!("{}:{}:{}", place.file, place.line, place.column)))
    })
}

fn causes(failure: &Failure) -> String {
    let mut length = 0;
    let lines = words::causes(failure).into_iter().flat_map(|line| safe_lines(&line));
    let lines: Vec<String> = lines
        .take_while(|line| {
            length += line.chars().count() + 1;
            length <= MAX_CAUSES_CHARS
        })
        .collect();
    block(&lines)
}
