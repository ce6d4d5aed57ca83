//! The marks in the output of a terminal: what is before the first was written by the
//! shell, what is after the second is nothing.

/// A control character that programs do not write.
pub const MARK: u8 = 0x1e;

/// The most that is kept of what comes before the first mark.
const MAX_PREFACE_BYTES: usize = 4_096;

/// The longest text of a mark: the name of a terminal, or an exit code.
const MAX_TEXT_BYTES: usize = 256;

/// What the output of a terminal shows.
#[derive(Debug, Eq, PartialEq)]
pub enum Seen {
    /// The shell starts the command after this.
    Started {
        /// Whether the terminal was set up, and the tools that the input needs exist.
        is_ready: bool,
        /// The name of its terminal, such as `/dev/pts/0`.
        device: Option<String>,
    },
    Output(Vec<u8>),
    /// The command has ended with this exit code.
    Ended(u8),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Before,
    Between,
    After,
}

/// Finds the marks, however the output is cut into pieces.
#[derive(Debug)]
pub struct Marks {
    /// The beginning of a mark.
    start: Vec<u8>,
    phase: Phase,
    rest: Vec<u8>,
}

impl Marks {
    pub fn new(nonce: &str) -> Self {
        let mut start = vec![MARK];
        start.extend(nonce.bytes());
        start.push(b' ');
        Self { start, phase: Phase::Before, rest: Vec::new() }
    }

    /// What a piece of output shows.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Seen> {
        self.rest.extend(bytes);
        let mut seen = Vec::new();
        while self.phase != Phase::After {
            let Some(at) = self.rest.iter().position(|&byte| byte == MARK) else {
                self.pass(self.rest.len(), &mut seen);
                break;
            };
            self.pass(at, &mut seen);
            let length = self.rest.len().min(self.start.len());
            if self.rest[..length] != self.start[..length] {
                // The same character, written by the command.
                self.pass(1, &mut seen);
                continue;
            }
            let text = self.rest.get(self.start.len()..).unwrap_or_default();
            let Some(end) = text.iter().position(|&byte| byte == MARK) else {
                if text.len() > MAX_TEXT_BYTES {
                    self.pass(1, &mut seen);
                    continue;
                }
                // The rest of the mark is in the next piece.
                break;
            };
            let text = String::from_utf8_lossy(&text[..end]).into_owned();
            self.rest.drain(..=self.start.len() + end);
            self.mark(&text, &mut seen);
        }
        seen
    }

    /// What the shell wrote before the command started.
    pub fn preface(&self) -> String {
        String::from_utf8_lossy(&self.rest).into_owned()
    }

    /// Takes bytes that are no mark from the front.
    fn pass(&mut self, count: usize, seen: &mut Vec<Seen>) {
        match self.phase {
            Phase::Before if count < self.rest.len() => drop(self.rest.drain(..count)),
            // Kept for a message, should the shell end without a mark.
            Phase::Before => {
                let surplus = self.rest.len().saturating_sub(MAX_PREFACE_BYTES);
                self.rest.drain(..surplus);
            }
            Phase::Between if count > 0 => {
                let output: Vec<u8> = self.rest.drain(..count).collect();
                match seen.last_mut() {
                    Some(Seen::Output(before)) => before.extend(output),
                    _ => seen.push(Seen::Output(output)),
                }
            }
            Phase::Between | Phase::After => {}
        }
    }

    fn mark(&mut self, text: &str, seen: &mut Vec<Seen>) {
        if self.phase == Phase::Before {
            let (status, device) = text.split_once(' ').unwrap_or((text, ""));
            let device = Some(device).filter(|device| device.starts_with("/dev/"));
            self.phase = Phase::Between;
            let device = device.map(str::to_owned);
            seen.push(Seen::Started { is_ready: status == "0", device });
        } else {
            self.phase = Phase::After;
            seen.push(Seen::Ended(text.parse().unwrap_or(u8::MAX)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Marks, Seen};

    const WHOLE: &[u8] = b"# exec sh -c NONCE\r\n\x1eNONCE 0 /dev/pts/3\x1eone\x1etwo\
        \x1eNONCE 7\x1e\r\n# ";

    fn started() -> Seen {
        Seen::Started { is_ready: true, device: Some("/dev/pts/3".to_owned()) }
    }

    #[test]
    fn marks_are_found_wherever_the_output_is_cut() {
        for at in 0..WHOLE.len() {
            let mut marks = Marks::new("NONCE");
            let mut seen = marks.feed(&WHOLE[..at]);
            seen.extend(marks.feed(&WHOLE[at..]));
            let mut output: Vec<u8> = Vec::new();
            seen.retain(|one| match one {
                Seen::Output(bytes) => {
                    output.extend(bytes);
                    false
                }
                Seen::Started { .. } | Seen::Ended(_) => true,
            });
            assert_eq!(seen, [started(), Seen::Ended(7)], "cut at {at}");
            assert_eq!(output, b"one\x1etwo", "cut at {at}");
        }
    }

    #[test]
    fn output_is_passed_on_at_once() {
        let mut marks = Marks::new("NONCE");
        assert_eq!(
            marks.feed(b"$ \x1eNONCE 1 not a tty\x1e"),
            [Seen::Started { is_ready: false, device: None }]
        );
        assert_eq!(marks.feed(b"login: "), [Seen::Output(b"login: ".to_vec())]);
        assert_eq!(marks.feed(b"\x1eNON"), []);
        assert_eq!(marks.feed(b"E"), [Seen::Output(b"\x1eNONE".to_vec())]);
    }

    #[test]
    fn preface_is_what_a_shell_writes_that_never_starts_the_command() {
        let mut marks = Marks::new("NONCE");
        assert_eq!(marks.feed(b"exec: /bin/sh: no such file"), []);
        assert_eq!(marks.preface(), "exec: /bin/sh: no such file");
    }
}
