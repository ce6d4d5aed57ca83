//! Keeps the runner from reading text in a log as commands.
//!
//! To the runner, a line that begins with `::error`, or that contains `##[`, is a
//! command, also if a child process wrote it. So each line of a child gets a prefix
//! that is not white space. `stop-commands` with a token would also stop our own
//! commands while services run side by side, and act does not support it.

/// Precedes each line of a child's output.
const PREFIX: &str = "│ ";

/// The lines to print for one line of a child's output. There are several if it has
/// a carriage return, at which the runner begins a new line.
pub fn child_lines(text: &str) -> Vec<String> {
    pieces(text).map(|piece| format!("{PREFIX}{}", break_legacy(piece))).collect()
}

/// The lines to print for our own text, which may quote a child: only lines that
/// the runner could read as commands get the prefix.
pub fn own_lines(text: &str) -> Vec<String> {
    pieces(text)
        .map(|piece| {
            let start = piece.trim_start_matches(|c: char| c.is_whitespace() || is_ignorable(c));
            // The runner compares by linguistic rules, which skip some characters,
            // so any line that begins with a colon may be a command.
            let prefix = if start.starts_with(':') { PREFIX } else { "" };
            format!("{prefix}{}", break_legacy(piece))
        })
        .collect()
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim_end_matches(['\r', '\n']);
    // A progress bar writes many carriage returns with nothing between them.
    text.split(['\r', '\n'])
        .enumerate()
        .filter(|(at, piece)| *at == 0 || !piece.is_empty())
        .map(|(_, piece)| piece)
}

/// Puts a space into `##[`, which the runner reads as a command anywhere in a line.
fn break_legacy(line: &str) -> String {
    let mut broken = String::with_capacity(line.len());
    let mut hashes = 0;
    for c in line.chars() {
        match c {
            '#' => hashes += 1,
            '[' if hashes >= 2 => {
                broken.push(' ');
                hashes = 0;
            }
            c if is_ignorable(c) => {}
            _ => hashes = 0,
        }
        broken.push(c);
    }
    broken
}

/// Whether linguistic comparison ignores the character, as the runner's `IndexOf`
/// and `StartsWith` do.
fn is_ignorable(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t'))
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::{child_lines, own_lines};

    #[test]
    fn a_child_issues_no_commands() {
        assert_eq!(child_lines("::error::mine"), ["│ ::error::mine"]);
        assert_eq!(child_lines("  ::add-mask::e"), ["│   ::add-mask::e"]);
        assert_eq!(child_lines("a ##[error]b"), ["│ a ## [error]b"]);
        assert_eq!(child_lines("###[error]b"), ["│ ### [error]b"]);
        assert_eq!(child_lines("#\u{200b}#\u{1}[error]b"), ["│ #\u{200b}#\u{1} [error]b"]);
        assert_eq!(child_lines("# #[error] is fine"), ["│ # #[error] is fine"]);
        assert_eq!(child_lines(""), ["│ "]);
    }

    #[test]
    fn a_carriage_return_begins_no_command() {
        assert_eq!(child_lines("10%\r20%\r::warning::x\r"), ["│ 10%", "│ 20%", "│ ::warning::x"]);
        assert_eq!(child_lines("a\n\n::notice::b"), ["│ a", "│ ::notice::b"]);
    }

    #[test]
    fn our_own_lines_stay_as_they_are_unless_they_quote_a_command() {
        assert_eq!(own_lines("web.push  ok"), ["web.push  ok"]);
        assert_eq!(own_lines("  ::error::x"), ["│   ::error::x"]);
        assert_eq!(own_lines("\u{feff}:\u{200b}:error::x"), ["│ \u{feff}:\u{200b}:error::x"]);
        assert_eq!(own_lines("because\r::error::x"), ["because", "│ ::error::x"]);
        assert_eq!(own_lines("see ##[group]"), ["see ## [group]"]);
    }
}
