//! YAML and JSON with the line of each value, and scalars as they are spelled.

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_yaml::Spanned;
use std::fmt;

/// A value and the line that it begins on.
#[derive(Clone, Debug)]
pub struct Yaml {
    pub line: usize,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Null,
    /// A scalar as it is written, without quotes.
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

static NULL: Yaml = Yaml { line: 0, kind: Kind::Null };

impl Yaml {
    /// Reads a document; the error is one line with its place.
    pub fn parse(text: &str) -> Result<Self, String> {
        let raw: Spanned<Raw> = serde_yaml::from_str(text)
            .map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())?;
        Ok(finished(raw, text))
    }

    /// The value of a key, or null.
    pub fn get(&self, key: &str) -> &Self {
        self.entries().iter().find(|(known, _)| known == key).map_or(&NULL, |(_, value)| value)
    }

    /// The value of a key whose case does not matter.
    pub fn get_any_case(&self, key: &str) -> &Self {
        let mut entries = self.entries().iter();
        entries.find(|(known, _)| known.eq_ignore_ascii_case(key)).map_or(&NULL, |(_, value)| value)
    }

    pub fn entries(&self) -> &[(String, Self)] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    pub fn items(&self) -> &[Self] {
        if let Kind::List(items) = &self.kind { items } else { &[] }
    }

    pub fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }

    /// A text or a list of texts.
    pub fn texts(&self) -> Vec<&str> {
        self.text()
            .map_or_else(|| self.items().iter().filter_map(Self::text).collect(), |text| vec![text])
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries().iter().any(|(known, _)| known == key)
    }
}

/// A value before scalars that are no strings are spelled as in the source.
enum Raw {
    Null,
    Text(String),
    /// A number or boolean, which keeps its spelling in the source alone.
    Other(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(String, Spanned<Raw>)>),
}

fn finished(raw: Spanned<Raw>, source: &str) -> Yaml {
    let location = raw.defined;
    let line = usize::try_from(location.line()).unwrap_or(1);
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Text(text) => Kind::Text(text),
        Raw::Other(value) => {
            let at = location.span().byte_offset().and_then(|at| usize::try_from(at).ok());
            let spelled = at.and_then(|at| source.get(at..)).map(plain_scalar);
            Kind::Text(spelled.filter(|it| !it.is_empty()).map_or(value, str::to_owned))
        }
        Raw::List(items) => {
            Kind::List(items.into_iter().map(|item| finished(item, source)).collect())
        }
        Raw::Map(entries) => Kind::Map(
            entries.into_iter().map(|(key, value)| (key, finished(value, source))).collect(),
        ),
    };
    Yaml { line, kind }
}

/// A number or a boolean at the beginning of a text.
fn plain_scalar(text: &str) -> &str {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "+-._".contains(letter);
    &text[..text.find(|letter| !is_part(letter)).unwrap_or(text.len())]
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Other(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Raw::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        // As a string, so that `on` is a key and not a boolean.
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok(Raw::Map(all))
    }
}

#[cfg(test)]
mod tests {
    use super::Yaml;

    #[test]
    fn scalars_keep_their_spelling_and_lines() {
        let yaml =
            Yaml::parse("on: push\na:\n  - 1.10\n  - no\n  - true # x\nb: &x [010]\nc: *x\n")
                .expect("YAML");
        assert_eq!(yaml.get("on").text(), Some("push"));
        assert_eq!(yaml.get("a").texts(), ["1.10", "no", "true"]);
        assert_eq!(yaml.get("a").items()[1].line, 4);
        assert_eq!((yaml.get("b").texts(), yaml.get("c").texts()), (vec!["010"], vec!["010"]));
        assert!(yaml.get("d").is_null());
        assert!(Yaml::parse("a: [").expect_err("an open list").contains("line"));
    }
}
