//! What is sent to a command: keys of a terminal, or bytes of standard input.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;

/// Bytes of one line of base64, of which a terminal takes 4,095 characters.
const BYTES_PER_LINE: usize = 48;

/// The line that ends base64, twice: the `sed` of busybox acts on a line once it has read
/// the next.
const END_OF_INPUT: &[u8] = b".\n.\n";

/// Finds `~.` at the start of a line, which leaves a command that does not answer, as in
/// ssh.
#[derive(Debug, Default)]
pub struct Escape {
    state: EscapeState,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum EscapeState {
    #[default]
    LineStart,
    Tilde,
    Line,
}

impl Escape {
    /// The keys to send, and whether to leave after them. A `~` waits for the next key.
    pub fn pass(&mut self, keys: &[u8]) -> (Vec<u8>, bool) {
        let mut sent = Vec::new();
        for &key in keys {
            match (self.state, key) {
                (EscapeState::LineStart, b'~') => {
                    self.state = EscapeState::Tilde;
                    continue;
                }
                (EscapeState::Tilde, b'.') => return (sent, true),
                // `~~` sends one.
                (EscapeState::Tilde, b'~') | (EscapeState::LineStart | EscapeState::Line, _) => {}
                (EscapeState::Tilde, _) => sent.push(b'~'),
            }
            sent.push(key);
            let is_line_end = matches!(key, b'\r' | b'\n');
            self.state = if is_line_end { EscapeState::LineStart } else { EscapeState::Line };
        }
        (sent, false)
    }
}

/// Sends keys until there are no more. Returns whether the person wants to leave.
pub async fn send_keys(mut keys: impl AsyncRead + Unpin, sent: &mpsc::Sender<Vec<u8>>) -> bool {
    let (mut escape, mut buffer) = (Escape::default(), vec![0; 4 * 1024]);
    loop {
        let Ok(length @ 1..) = keys.read(&mut buffer).await else { return false };
        let (keys, leave) = escape.pass(&buffer[..length]);
        if leave || sent.send(keys).await.is_err() {
            return leave;
        }
    }
}

/// Sends bytes as base64, and after them their end.
pub async fn send_bytes(mut bytes: impl AsyncRead + Unpin, sent: &mpsc::Sender<Vec<u8>>) {
    let (mut rest, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    while let Ok(length @ 1..) = bytes.read(&mut buffer).await {
        rest.extend(&buffer[..length]);
        let whole = rest.len() - rest.len() % BYTES_PER_LINE;
        let lines = lines(&rest[..whole]);
        rest.drain(..whole);
        if sent.send(lines).await.is_err() {
            return;
        }
    }
    let mut last = lines(&rest);
    last.extend(END_OF_INPUT);
    // Fails where the command has ended.
    sent.send(last).await.ok();
}

fn lines(bytes: &[u8]) -> Vec<u8> {
    let mut lines = String::new();
    for chunk in bytes.chunks(BYTES_PER_LINE) {
        STANDARD.encode_string(chunk, &mut lines);
        lines.push('\n');
    }
    lines.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Escape, send_bytes};
    use tokio::sync::mpsc;

    #[test]
    fn tilde_and_full_stop_at_the_start_of_a_line_leave() {
        #[track_caller]
        fn case(keys: &[&str], sent: &str, leaves: bool) {
            let mut escape = Escape::default();
            let mut all = Vec::new();
            let mut left = false;
            for keys in keys {
                let (keys, leave) = escape.pass(keys.as_bytes());
                all.extend(keys);
                left |= leave;
            }
            assert_eq!((String::from_utf8_lossy(&all).as_ref(), left), (sent, leaves));
        }
        case(&["~."], "", true);
        case(&["ls\r~", ".x"], "ls\r", true);
        case(&["cd ~.", "\r"], "cd ~.\r", false);
        case(&["~", "/x\r"], "~/x\r", false);
        case(&["~~.\r"], "~.\r", false);
    }

    #[tokio::test]
    async fn bytes_are_sent_as_lines_of_base64_with_an_end() {
        let bytes: Vec<u8> = (0..100).collect();
        let (sender, mut receiver) = mpsc::channel(8);
        send_bytes(bytes.as_slice(), &sender).await;
        drop(sender);
        let mut sent = Vec::new();
        while let Some(piece) = receiver.recv().await {
            sent.extend(piece);
        }
        assert_eq!(
            String::from_utf8(sent).expect("text"),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v\n\
             MDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5f\n\
             YGFiYw==\n.\n.\n"
        );
    }
}
