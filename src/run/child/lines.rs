//! Cuts what a child writes into lines, redacted before anyone sees them.

use crate::secret::Redactor;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// A line longer than this is given in pieces.
const LONGEST: usize = 64 * 1024;

/// Whole lines are redacted as such, so a line that is cut is cut with this
/// much held back: no secret of the usual kind is longer.
const OVERLAP: usize = 8 * 1024;

/// Reads until the end and hands each line to `each`, without its line end,
/// what is not UTF-8 replaced.
///
/// A read error ends the stream: the child's exit says what came of it.
pub(super) async fn read(
    stream: impl AsyncRead + Unpin,
    redactor: &Redactor,
    mut each: impl FnMut(String),
) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(chunk) = reader.fill_buf().await {
        if chunk.is_empty() {
            break;
        }
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(chunk.len(), |place| place + 1);
        line.extend_from_slice(&chunk[..taken]);
        reader.consume(taken);
        if end.is_some() {
            each(shown(&line, redactor));
            line.clear();
        } else if line.len() > LONGEST + OVERLAP {
            each(piece(&mut line, redactor));
        }
    }
    if !line.is_empty() {
        each(shown(&line, redactor));
    }
}

fn shown(line: &[u8], redactor: &Redactor) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    redactor.redact(&String::from_utf8_lossy(line))
}

/// The redacted start of an endless line; its end stays for the next piece.
///
/// The whole is redacted before it is cut, so that a secret across the cut is
/// seen; what stays has been redacted already, which redacting again keeps.
fn piece(line: &mut Vec<u8>, redactor: &Redactor) -> String {
    let text = redactor.redact(&String::from_utf8_lossy(line));
    let cut = text.floor_char_boundary(text.len().saturating_sub(OVERLAP));
    *line = text.as_bytes()[cut..].to_vec();
    text[..cut].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, OVERLAP, read};
    use crate::secret::Redactor;

    async fn lines(input: &[u8], redactor: &Redactor) -> Vec<String> {
        let mut lines = Vec::new();
        read(input, redactor, |line| lines.push(line)).await;
        lines
    }

    #[tokio::test]
    async fn lines_come_without_their_ends_and_always_as_text() {
        let redactor = Redactor::default();
        let read = lines(b"one\r\ntwo\n\n\xff!\nlast", &redactor).await;
        assert_eq!(read, ["one", "two", "", "\u{fffd}!", "last"]);
    }

    #[tokio::test]
    async fn a_secret_across_the_cut_of_an_endless_line_is_not_seen() {
        let redactor = Redactor::default();
        redactor.register("secrets.key", "hunter22hunter22".into()).expect("long enough");
        for before in [LONGEST - 8, LONGEST + OVERLAP - 15, LONGEST + OVERLAP - 3] {
            let mut input = vec![b'x'; before];
            input.extend_from_slice(b"hunter22hunter22");
            input.extend(vec![b'y'; 2 * LONGEST]);
            let whole = lines(&input, &redactor).await.concat();
            assert!(!whole.contains("hunter22"), "{before}");
            assert_eq!(whole.len(), input.len() - "hunter22hunter22".len() + "***".len());
        }
    }
}
