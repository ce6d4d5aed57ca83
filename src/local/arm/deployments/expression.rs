//! The expressions of templates: `[concat(parameters('name'), '-web')]`.

use super::error::TemplateError;

#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Text(String),
    Integer(i64),
    Call {
        name: String,
        arguments: Vec<Expression>,
    },
    /// `of.name`, or `of[index]`.
    Member {
        of: Box<Expression>,
        name: Box<Expression>,
    },
}

/// Deeper expressions are refused: the parser calls itself.
const MAX_DEPTH: usize = 100;

/// The expression in a string of a template; `None` for plain text.
pub fn parse(text: &str) -> Result<Option<Expression>, TemplateError> {
    let Some(inner) = text.strip_prefix('[').filter(|_| !text.starts_with("[[")) else {
        return Ok(None);
    };
    // `[a]b` and `[` are plain text, as Resource Manager has it.
    let Some(inner) = inner.strip_suffix(']') else { return Ok(None) };
    let mut parser = Parser { text: inner, at: 0, depth: 0 };
    let expression = parser.expression()?;
    parser.skip_space();
    if parser.at < inner.len() {
        return Err(parser.unexpected());
    }
    Ok(Some(expression))
}

/// Plain text: `[[` stands for `[`.
pub fn unescaped(text: &str) -> &str {
    if text.starts_with("[[") { &text[1..] } else { text }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn unexpected(&self) -> TemplateError {
        let rest = &self.text[self.at..];
        let near = rest.chars().take(20).collect::<String>();
        let where_ = if near.is_empty() { "its end".to_owned() } else { format!("'{near}'") };
        TemplateError::invalid(format!(
            "The language expression '[{}]' is not valid: it cannot be parsed at {where_}.",
            self.text
        ))
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.text[self.at..].starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn expression(&mut self) -> Result<Expression, TemplateError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.unexpected());
        }
        let mut found = self.primary()?;
        loop {
            if self.take('.') {
                let name = Box::new(Expression::Text(self.word()?));
                found = Expression::Member { of: Box::new(found), name };
            } else if self.take('[') {
                let name = Box::new(self.expression()?);
                if !self.take(']') {
                    return Err(self.unexpected());
                }
                found = Expression::Member { of: Box::new(found), name };
            } else {
                self.depth -= 1;
                return Ok(found);
            }
        }
    }

    fn primary(&mut self) -> Result<Expression, TemplateError> {
        self.skip_space();
        let rest = &self.text[self.at..];
        match rest.bytes().next() {
            Some(b'\'') => self.string(),
            Some(byte) if byte.is_ascii_digit() || byte == b'-' => self.number(),
            _ => self.call(),
        }
    }

    /// `''` stands for `'`.
    fn string(&mut self) -> Result<Expression, TemplateError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(length) = self.text[self.at..].find('\'') else {
                return Err(self.unexpected());
            };
            text.push_str(&self.text[self.at..self.at + length]);
            self.at += length + 1;
            if !self.text[self.at..].starts_with('\'') {
                return Ok(Expression::Text(text));
            }
            text.push('\'');
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<Expression, TemplateError> {
        let rest = &self.text[self.at..];
        let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[..=digits].parse().map_err(|_| self.unexpected())?;
        self.at += digits + 1;
        Ok(Expression::Integer(number))
    }

    fn call(&mut self) -> Result<Expression, TemplateError> {
        let name = self.word()?;
        if !self.take('(') {
            return Err(self.unexpected());
        }
        let mut arguments = Vec::new();
        if self.take(')') {
            return Ok(Expression::Call { name, arguments });
        }
        loop {
            arguments.push(self.expression()?);
            if self.take(')') {
                return Ok(Expression::Call { name, arguments });
            }
            if !self.take(',') {
                return Err(self.unexpected());
            }
        }
    }

    fn word(&mut self) -> Result<String, TemplateError> {
        self.skip_space();
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
        let length = rest.bytes().take_while(is_part).count();
        if length == 0 {
            return Err(self.unexpected());
        }
        self.at += length;
        Ok(rest[..length].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{Expression, parse, unescaped};

    #[test]
    fn calls_members_and_texts_are_parsed() {
        let parsed = parse("[concat(parameters('it''s').a[0], -1)]").expect("valid");
        let text = |text: &str| Expression::Text(text.to_owned());
        let call = |name: &str, arguments| Expression::Call { name: name.to_owned(), arguments };
        let member = |of, name| Expression::Member { of: Box::new(of), name: Box::new(name) };
        let parameter = call("parameters", vec![text("it's")]);
        let inner = member(member(parameter, text("a")), Expression::Integer(0));
        assert_eq!(parsed, Some(call("concat", vec![inner, Expression::Integer(-1)])));
        for plain in ["web", "[a]b", "[[x]"] {
            assert_eq!(parse(plain).expect("valid"), None, "{plain}");
        }
        assert_eq!(unescaped("[[x]"), "[x]");
    }

    #[test]
    fn mistakes_are_shown_with_their_place() {
        let message = |text: &str| parse(text).expect_err("invalid").message;
        assert_eq!(
            message("[concat('a' 'b')]"),
            "The language expression '[concat('a' 'b')]' is not valid: it cannot be parsed at \
             ''b')'."
        );
        assert_eq!(
            message("[concat('a']"),
            "The language expression '[concat('a']' is not valid: it cannot be parsed at its end."
        );
        assert!(parse(&format!("[{}]", "a(".repeat(500))).is_err());
    }
}
