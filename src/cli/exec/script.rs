//! What is typed into a shell of the container to run a command.
//!
//! The cloud starts one program without arguments, and tells no exit code. So a
//! shell is started and told to run the command between two marks in the output, of which
//! the second has the exit code. All but plain characters are written in octal: a terminal
//! would take control characters as keys, and the shell `!` as history.

use super::marks::MARK;
use std::fmt::Write as _;

/// The line editor of busybox takes 1,023 bytes a line, and a terminal 4,095 (`termios(3)`).
const MAX_LINE_BYTES: usize = 1_000;

/// The most that a program is given as one argument is 128 KiB (`execve(2)`).
const MAX_SCRIPT_BYTES: usize = 120_000;

/// What the command reads from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Input {
    /// The terminal of the person who called it.
    Terminal,
    /// Standard input, which is no terminal. A terminal has no end of input for bytes of
    /// any value, so they are sent as base64, and a line with a full stop ends them.
    Bytes,
    Nothing,
}

/// The command is too long for a shell.
#[derive(Debug, Eq, PartialEq)]
pub struct TooLong {
    pub bytes: usize,
    pub limit: usize,
}

/// The program that is started in the container.
pub const SHELL: &str = "/bin/sh";

/// The lines for a command. `nonce` is part of the marks; `term` is what kind of terminal
/// the person has.
pub fn lines(
    command: &[String],
    input: Input,
    nonce: &str,
    term: &str,
) -> Result<Vec<Vec<u8>>, TooLong> {
    let script = escaped(&script(command, input, nonce, term));
    if script.len() > MAX_SCRIPT_BYTES {
        return Err(TooLong { bytes: script.len(), limit: MAX_SCRIPT_BYTES });
    }
    let line = format!("exec {SHELL} -c \"$(printf '{script}')\"\n");
    if line.len() <= MAX_LINE_BYTES {
        return Ok(vec![line.into_bytes()]);
    }
    let mut lines = vec![b"s=\n".to_vec()];
    let pieces = script.as_bytes().chunks(MAX_LINE_BYTES - b"s=$s''\n".len());
    lines.extend(pieces.map(|piece| [b"s=$s'", piece, b"'\n"].concat()));
    lines.push(format!("exec {SHELL} -c \"$(printf \"$s\")\"\n").into_bytes());
    Ok(lines)
}

/// The line that gives another terminal of the container a new size.
pub fn resize_line(device: &str, rows: u16, columns: u16) -> Vec<u8> {
    let script = format!("stty rows {rows} cols {columns} <{}", quoted(device));
    format!("exec {SHELL} -c \"$(printf '{}')\"\n", escaped(&script)).into_bytes()
}

fn script(command: &[String], input: Input, nonce: &str, term: &str) -> String {
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    let words = words.join(" ");
    let mark = format!("\\{MARK:03o}{nonce}");
    let end = format!("printf '{mark} %s\\{MARK:03o}' $?");
    // Ctrl-C ends the command and not this script, which has to tell how it ended.
    let begin = "trap : INT";
    let started = format!("printf '{mark} %s %s\\{MARK:03o}' $r \"$(tty 2>/dev/null)\"");
    match input {
        Input::Terminal => format!(
            "{begin}; s=$(stty -g 2>/dev/null); stty -echo 2>/dev/null; r=$?; \
             TERM=${{TERM:-{}}}; export TERM; {started}; stty \"$s\" 2>/dev/null; \
             (exec {words}); {end}",
            quoted(term)
        ),
        Input::Nothing => format!(
            "{begin}; stty -echo -opost 2>/dev/null; r=$?; {started}; \
             (exec {words}) </dev/null; {end}"
        ),
        // The mark is printed in the last part, so that a command that does not read all of
        // its input ends as soon as it does.
        Input::Bytes => format!(
            "{begin}; command -v sed >/dev/null && command -v base64 >/dev/null && \
             stty -echo -opost 2>/dev/null; r=$?; {started}; \
             sed -n '/^[.]$/q;p' | base64 -d | {{ (exec {words}); {end}; }}"
        ),
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A text as the format of `printf`.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        let is_plain =
            byte.is_ascii_alphanumeric() || b" -_+=,.:/@^[]{}()<>|;&*?#~\"$".contains(&byte);
        if is_plain {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "\\{byte:03o}").expect("a text takes more");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{Input, MAX_LINE_BYTES, TooLong, lines};
    use std::process::{Command, Stdio};

    /// What a shell without a terminal writes for the lines of a command.
    fn written(command: &[&str], input: Input) -> String {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        let lines = lines(&command, input, "NONCE", "xterm").expect("a short command");
        assert!(lines.iter().all(|line| line.len() <= MAX_LINE_BYTES));
        let output = Command::new("sh")
            .arg("-c")
            .arg(String::from_utf8(lines.concat()).expect("text"))
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        String::from_utf8_lossy(&output.stdout).replace('\u{1e}', "|")
    }

    #[test]
    fn marks_surround_the_output_and_tell_the_exit_code() {
        let case = |command: &[&str], output: &str, code: u8| {
            for input in [Input::Nothing, Input::Bytes, Input::Terminal] {
                let written = written(command, input);
                let end = format!("|{output}|NONCE {code}|");
                assert!(written.starts_with("|NONCE 1 "), "{written}");
                assert!(written.ends_with(&end), "{written} is not {end}");
            }
        };
        case(&["echo", "one"], "one\n", 0);
        case(&["sh", "-c", "printf x; exit 3"], "x", 3);
        case(&["no-such-program"], "", 127);
        case(&["/etc/passwd"], "", 126);
    }

    #[test]
    fn words_of_any_characters_reach_the_command() {
        let long = "it's 100%\n\n\\n é!".repeat(1_000);
        for word in ["it's", "a\nb\n", "\u{3}\t!\"$(x)`y`", "100% \\n é", "", &long] {
            let expected = format!("<{word}>|NONCE 0|");
            let written = written(&["printf", "<%s>", word], Input::Nothing);
            assert!(written.ends_with(&expected), "{word:?}: {written:?}");
        }
    }

    #[test]
    fn command_that_no_shell_takes_is_refused() {
        let long = ["echo".to_owned(), "x".repeat(120_000)];
        let refused = lines(&long, Input::Nothing, "NONCE", "xterm");
        assert!(
            matches!(refused, Err(TooLong { bytes: 120_000.., limit: 120_000 })),
            "{refused:?}"
        );
    }
}
