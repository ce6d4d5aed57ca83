//! Writes HTML. Markup is a part of this program, and everything else is text: it is
//! redacted, cleaned of control characters and escaped.

use crate::report::text::{clean, one_line, web_address};
use crate::secret::Redactor;

/// A longer line is cut.
const MAX_LINE_CHARS: usize = 2_000;

/// A page that is being written.
#[derive(Debug)]
pub struct Html {
    text: String,
    redactor: Redactor,
}

impl Html {
    pub fn new(redactor: Redactor) -> Self {
        Self { text: String::new(), redactor }
    }

    pub fn into_text(self) -> String {
        self.text
    }

    /// Adds markup, which no run can have made: it is a part of the program.
    pub fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// Adds a text on one line.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.escaped(&one_line(&self.redactor.redact(text)))
    }

    /// Adds a text on one line, in which pairs of backticks are code.
    pub fn code_spans(&mut self, text: &str) -> &mut Self {
        let text = one_line(&self.redactor.redact(text));
        let parts: Vec<&str> = text.split('`').collect();
        for (at, part) in parts.iter().enumerate() {
            let has_end = at + 1 < parts.len();
            match at % 2 {
                1 if has_end => self.markup("<code>").escaped(part).markup("</code>"),
                // A backtick without a closing one.
                1 => self.markup("`").escaped(part),
                _ => self.escaped(part),
            };
        }
        self
    }

    /// Adds lines for an element that keeps their form.
    pub fn lines<'t>(&mut self, lines: impl IntoIterator<Item = &'t str>) -> &mut Self {
        for line in lines {
            self.line(line).markup("\n");
        }
        self
    }

    /// Adds a line, whose spaces are kept.
    pub fn line(&mut self, line: &str) -> &mut Self {
        self.escaped(&clean(&self.redactor.redact(line), false))
    }

    /// Adds an attribute to an element whose start tag is open.
    pub fn attribute(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.markup(" ").markup(name).markup("=\"").text(value).markup("\"")
    }

    /// Adds a link; its words alone if the address is not one of the web.
    pub fn link(&mut self, words: &str, address: &str) -> &mut Self {
        // What is masked in it leads nowhere.
        let address = self.redactor.redact(address);
        match web_address(&address) {
            Some(url) => {
                self.markup("<a").attribute("href", &url).markup(">").text(words).markup("</a>")
            }
            None => self.text(words),
        }
    }

    fn escaped(&mut self, text: &str) -> &mut Self {
        let mut letters = text.chars();
        for letter in letters.by_ref().take(MAX_LINE_CHARS) {
            match letter {
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '&' => self.text.push_str("&amp;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&#39;"),
                _ => self.text.push(letter),
            }
        }
        if letters.next().is_some() {
            self.text.push('…');
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Html;
    use crate::secret::Redactor;

    fn written(write: impl FnOnce(&mut Html)) -> String {
        let redactor = Redactor::default();
        redactor.register("test", "hunter22<".into()).expect("long enough");
        let mut html = Html::new(redactor);
        write(&mut html);
        html.into_text()
    }

    #[test]
    fn text_is_redacted_cleaned_and_escaped() {
        let text = written(|html| {
            html.text("a\n<script>alert('&\"')</script>\u{1b}[31m\u{202e} hunter22<");
        });
        assert_eq!(text, "a &lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt; ***");
        let lines = written(|html| {
            html.lines(["  a\u{1b}]0;x\u{7}", "</pre>"]);
        });
        assert_eq!(lines, "  a\n&lt;/pre&gt;\n");
        let long = written(|html| {
            html.line(&"x".repeat(3_000));
        });
        assert_eq!(long, format!("{}…", "x".repeat(2_000)));
    }

    #[test]
    fn only_addresses_of_the_web_become_links() {
        let link = |address: &str| {
            written(|html| {
                html.link("it", address);
            })
        };
        assert_eq!(link("http://a.io/?b=\"c\""), r#"<a href="http://a.io/?b=%22c%22">it</a>"#);
        assert_eq!(link("javascript:alert(1)"), "it");
        assert_eq!(link("http://hunter22%3C@a.io"), "it");
        assert_eq!(
            link(" https://a.io/\u{1b}\"onclick=x"),
            r#"<a href="https://a.io/%1B%22onclick=x">it</a>"#
        );
    }
}
