//! Splits the output of a child into redacted lines.

use crate::secret::Redactor;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// A longer line is passed on in pieces.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// The end of each piece that is held back for the next one, so that a secret across
/// the cut is still redacted. Longer secrets are unusual.
const OVERLAP_BYTES: usize = 8 * 1024;

/// Reads to the end and passes each line to `each`, without its line ending and with
/// invalid UTF-8 replaced.
///
/// A read error counts as the end: the exit code tells how the child ended.
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
        } else if line.len() > MAX_LINE_BYTES + OVERLAP_BYTES {
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

/// Takes the redacted start of a long line and leaves its end for the next piece.
///
/// The line is redacted before it is cut. The end is thereby redacted twice, which
/// does not change it.
fn piece(line: &mut Vec<u8>, redactor: &Redactor) -> String {
    let text = redactor.redact(&String::from_utf8_lossy(line));
    let cut = text.floor_char_boundary(text.len().saturating_sub(OVERLAP_BYTES));
    *line = text.as_bytes()[cut..].to_vec();
    text[..cut].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINE_BYTES, OVERLAP_BYTES, read};
    use crate::secret::Redactor;

    async fn lines(input: &[u8], redactor: &Redactor) -> Vec<String> {
        let mut lines = Vec::new();
        read(input, redactor, |line| lines.push(line)).await;
        lines
    }

    #[tokio::test]
    async fn lines_have_no_line_endings_and_are_valid_utf8() {
        let redactor = Redactor::default();
        let read = lines(b"one\r\ntwo\n\n\xff!\nlast", &redactor).await;
        assert_eq!(read, ["one", "two", "", "\u{fffd}!", "last"]);
    }

    #[tokio::test]
    async fn a_secret_across_the_cut_of_a_long_line_is_redacted() {
        let redactor = Redactor::default();
        redactor.register("secrets.key", "hunter22hunter22".into()).expect("long enough");
        for before in [
            MAX_LINE_BYTES - 8,
            MAX_LINE_BYTES + OVERLAP_BYTES - 15,
            MAX_LINE_BYTES + OVERLAP_BYTES - 3,
        ] {
            let mut input = vec![b'x'; before];
            input.extend_from_slice(b"hunter22hunter22");
            input.extend(vec![b'y'; 2 * MAX_LINE_BYTES]);
            let whole = lines(&input, &redactor).await.concat();
            assert!(!whole.contains("hunter22"), "{before}");
            assert_eq!(whole.len(), input.len() - "hunter22hunter22".len() + "***".len());
        }
    }
}
