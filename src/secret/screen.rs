//! What a text shows on a terminal, where it moves back and writes over itself: a carriage
//! return, a backspace, or a code that moves in the line.

use super::view::{MAX_CODE_BYTES, View};

/// The text as a terminal shows it in the end; `None` if it moves nowhere. Lines above are
/// not written over.
pub(super) fn shown(text: &[u8]) -> Option<View> {
    if !text.iter().any(|byte| matches!(byte, b'\r' | 0x08 | 0x1b)) {
        return None;
    }
    let (mut view, mut line, mut at) = (View::default(), Line::default(), 0);
    while at < text.len() {
        let length = length_at(&text[at..]);
        let part = &text[at..at + length];
        match part {
            b"\n" => {
                line.end(text, &mut view);
                view.add(b"\n", at..at + 1);
            }
            b"\r" => line.column = 0,
            [0x08] => line.column = line.column.saturating_sub(1),
            [0x1b, b'[', _, ..] => line.code(part),
            [0x1b, next] if *next != b'[' => {}
            [byte] if byte.is_ascii_control() && !matches!(byte, b'\t' | 0x1b) => {}
            _ => line.put(at..at + length),
        }
        at += length;
    }
    line.end(text, &mut view);
    Some(view).filter(|view| view.bytes != text)
}

/// How many bytes the character or the code at the start of a text has.
fn length_at(text: &[u8]) -> usize {
    let wanted = match text {
        [0x1b, b'[', rest @ ..] => {
            let rest = &rest[..rest.len().min(MAX_CODE_BYTES)];
            let last = rest.iter().position(|byte| matches!(byte, 0x40..=0x7e));
            last.map_or(2, |last| last + 3)
        }
        [0x1b, ..] => 2,
        [first, ..] => match first {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        },
        [] => 1,
    };
    wanted.min(text.len())
}

/// A line of the terminal: for each column, where its character comes from.
#[derive(Default)]
struct Line {
    cells: Vec<std::ops::Range<usize>>,
    column: usize,
}

impl Line {
    fn put(&mut self, source: std::ops::Range<usize>) {
        match self.cells.get_mut(self.column) {
            Some(cell) => *cell = source,
            None => self.cells.push(source),
        }
        self.column += 1;
    }

    /// Carries out a code that moves in the line or erases a part of it. A move beyond its
    /// end stops there: what is between has nothing to hide.
    fn code(&mut self, code: &[u8]) {
        let [0x1b, b'[', number @ .., kind] = code else { return };
        let number = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok());
        let by: usize = number.unwrap_or(1);
        let end = self.cells.len();
        match kind {
            b'C' => self.column = self.column.saturating_add(by).min(end),
            b'D' => self.column = self.column.saturating_sub(by),
            b'G' => self.column = by.saturating_sub(1).min(end),
            b'K' if number.is_none_or(|number| number == 0) => self.cells.truncate(self.column),
            b'P' => drop(self.cells.drain(self.column..self.column.saturating_add(by).min(end))),
            _ => {}
        }
    }

    fn end(&mut self, text: &[u8], view: &mut View) {
        for cell in self.cells.drain(..) {
            view.add(&text[cell.clone()], cell);
        }
        self.column = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[track_caller]
    fn shows(text: &str, meaning: &str) {
        let view = shown(text.as_bytes()).expect("it moves");
        assert_eq!(String::from_utf8_lossy(&view.bytes), meaning, "{text:?}");
    }

    #[test]
    fn what_is_written_over_is_gone() {
        shows("abcdef\rXY", "XYcdef");
        shows("abx\u{8}c\r\nd", "abc\nd");
        shows("xxcret\rse", "secret");
        shows("secXXX\u{1b}[3Dret", "secret");
        shows("ret\u{1b}[1Gsec\u{1b}[Kx", "secx");
        shows("se\u{1b}[99Cc\u{1b}[31mr\u{1b}[0met", "secret");
        shows("äö\u{8}ü", "äü");
        shows("abc\u{1b}[2D\u{1b}[P", "ac");
    }

    #[test]
    fn text_that_moves_nowhere_has_no_other_form() {
        for text in ["plain text\n", "half a code \u{1b}", "\u{1b}[1;"] {
            assert!(shown(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
