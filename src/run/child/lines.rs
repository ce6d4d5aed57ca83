//! Splits the output of a child into redacted lines.

use crate::secret::Redactor;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// Reads to the end and passes each line to `each`, without its line ending and with
/// invalid UTF-8 replaced. A very long line is passed on in pieces.
///
/// A read error counts as the end: the exit code tells how the child ended.
pub(super) async fn read(
    stream: impl AsyncRead + Unpin,
    redactor: &Redactor,
    mut each: impl AsyncFnMut(String),
) {
    let mut reader = BufReader::new(stream);
    let mut line = redactor.line();
    while let Ok(chunk) = reader.fill_buf().await {
        if chunk.is_empty() {
            break;
        }
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(chunk.len(), |place| place + 1);
        let piece = line.push(&chunk[..taken]);
        reader.consume(taken);
        if let Some(piece) = piece {
            each(piece).await;
        }
        if end.is_some() {
            each(line.finish()).await;
        }
    }
    if !line.is_empty() {
        each(line.finish()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::secret::Redactor;

    async fn lines(input: &[u8], redactor: &Redactor) -> Vec<String> {
        let mut lines = Vec::new();
        read(input, redactor, async |line| lines.push(line)).await;
        lines
    }

    #[tokio::test]
    async fn lines_have_no_line_endings_and_are_valid_utf8() {
        let redactor = Redactor::default();
        let read = lines(b"one\r\ntwo\n\n\xff!\nlast", &redactor).await;
        assert_eq!(read, ["one", "two", "", "\u{fffd}!", "last"]);
    }

    #[tokio::test]
    async fn a_long_line_comes_in_redacted_pieces() {
        let redactor = Redactor::default();
        redactor.register("secrets.key", "hunter22".into()).expect("long enough");
        let input = format!("{}hunter22{}\nnext", "x".repeat(70_000), "y".repeat(200_000));
        let mut pieces = lines(input.as_bytes(), &redactor).await;

        assert_eq!(pieces.pop().as_deref(), Some("next"));
        assert!(pieces.len() > 2, "{}", pieces.len());
        assert_eq!(pieces.concat(), input.replace("hunter22", "***").replace("\nnext", ""));
    }
}
