//! Finds where the members of JSON stand in its text.

use std::ops::Range;

/// An object in the text.
pub struct Object {
    /// Where its `{` is.
    pub start: usize,
    /// Behind its `}`.
    pub end: usize,
    pub members: Vec<Member>,
}

pub struct Member {
    pub name: String,
    /// Where its name begins.
    pub start: usize,
    pub value: Range<usize>,
}

/// Finds the members of objects, and the items of arrays, in JSON that is valid.
pub struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The object that begins at a place, or behind white space there.
    pub fn object(mut self, from: usize) -> Object {
        self.at = from;
        self.skip_space();
        let start = self.at;
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.skip_space();
            match self.byte() {
                Some(b'"') => {
                    let name_start = self.at;
                    self.skip_string();
                    let name = serde_json::from_str(&self.text[name_start..self.at]);
                    self.skip_space();
                    // The colon.
                    self.at += 1;
                    self.skip_space();
                    let value_start = self.at;
                    self.skip_value();
                    members.push(Member {
                        name: name.unwrap_or_default(),
                        start: name_start,
                        value: value_start..self.at,
                    });
                }
                Some(b',') => self.at += 1,
                _ => break,
            }
        }
        Object { start, end: self.at + 1, members }
    }

    /// The values of the array that the text begins with.
    pub fn items(mut self) -> Vec<Range<usize>> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') | None => return items,
                Some(_) => {
                    let start = self.at;
                    self.skip_value();
                    items.push(start..self.at);
                }
            }
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }

    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => {
                    self.skip_string();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                _ if depth == 0 && byte.is_ascii_whitespace() => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}
