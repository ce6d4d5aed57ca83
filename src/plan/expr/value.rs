//! The values of expressions, and the secrets that went into them.
//!
//! A value can be printed for debugging but a tainted one shows only where it
//! came from; there is no `Display` and no `Serialize`.

use crate::secret::Secret;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The longest text that an expression may make, in bytes, as at GitHub. `format`
/// and `toJSON` inside each other grow without bound.
pub(super) const MAX_TEXT_BYTES: usize = 10 * 1024 * 1024;

/// The secrets that a value came from, by the names the plan gives them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Taint(Option<Arc<BTreeSet<String>>>);

impl Taint {
    /// From one secret, such as `secrets.acr-password`.
    pub fn from_secret(source: &str) -> Self {
        Self(Some(Arc::new(BTreeSet::from([source.to_owned()]))))
    }

    /// Whether a secret went into it.
    pub fn is_secret(&self) -> bool {
        self.0.is_some()
    }

    /// The names of the secrets, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|names| names.iter().map(String::as_str))
    }

    /// The secrets in one line: `secrets.a + secrets.b`.
    pub fn source(&self) -> String {
        self.names().collect::<Vec<_>>().join(" + ")
    }

    /// The secrets of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (_, None) => self.clone(),
            (None, Some(_)) => other.clone(),
            (Some(mine), Some(theirs)) if Arc::ptr_eq(mine, theirs) => self.clone(),
            (Some(mine), Some(theirs)) => {
                Self(Some(Arc::new(mine.union(theirs).cloned().collect())))
            }
        }
    }
}

/// A value of GitHub's expression language. Cloning is cheap.
#[derive(Clone)]
pub struct Value {
    pub(super) kind: Kind,
    pub(super) taint: Taint,
    /// The expression that was empty when this was made, if a name made of it would
    /// be that of something else.
    missing_source: Option<Arc<str>>,
}

/// What a [`Value`] is, apart from where it came from.
#[derive(Clone)]
pub(super) enum Kind {
    Null,
    Boolean(bool),
    Number(f64),
    /// Zeroed when dropped, since it may be a secret.
    String(Arc<Zeroizing<String>>),
    Array(Arc<Vec<Value>>),
    /// What `.*` makes: an array whose items the next `.name` looks into.
    Filtered(Arc<Vec<Value>>),
    Object(Arc<Object>),
}

/// Members in order. Names are found exactly first, then ignoring case.
#[derive(Clone, Default)]
pub struct Object {
    members: Vec<(String, Value)>,
    case_sensitive: bool,
}

impl Object {
    /// An object whose names are case-sensitive, as environment variables are.
    pub fn case_sensitive() -> Self {
        Self { members: Vec::new(), case_sensitive: true }
    }

    /// Puts a member in place of one with exactly this name, or at the end.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.members.iter_mut().find(|(known, _)| known == name) {
            Some(member) => member.1 = value,
            None => self.members.push((name.to_owned(), value)),
        }
    }

    /// Adds members, whose names are all different.
    #[must_use]
    pub fn holding(mut self, members: impl IntoIterator<Item = (String, Value)>) -> Self {
        self.members.extend(members);
        self
    }

    /// As [`Self::set`], for building one in a chain.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.find(|known| known == name).or_else(|| {
            (!self.case_sensitive)
                .then(|| self.find(|known| super::primitive::same_text(known, name)))?
        })
    }

    fn find(&self, is_it: impl Fn(&str) -> bool) -> Option<&Value> {
        self.members.iter().find(|(known, _)| is_it(known)).map(|(_, value)| value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl Value {
    /// `null`, which is also what a missing member is.
    pub const NULL: Self = Self { kind: Kind::Null, taint: Taint(None), missing_source: None };

    /// A secret's value; whatever is made from it stays secret.
    pub fn secret(secret: &Secret) -> Self {
        Self::from(secret.expose()).tainted(&Taint::from_secret(secret.source()))
    }

    /// The same value, with further secrets that it came from.
    #[must_use]
    pub fn tainted(mut self, taint: &Taint) -> Self {
        self.taint = self.taint.union(taint);
        self
    }

    /// The secrets it came from, those of its members left out.
    pub fn taint(&self) -> &Taint {
        &self.taint
    }

    /// The secrets whose text its text may hold. A boolean holds none: masking
    /// `true` wherever it is printed would wreck a log and protect nothing.
    pub fn text_taint(&self) -> Taint {
        match &self.kind {
            Kind::Null | Kind::Boolean(_) => Taint::default(),
            Kind::Number(_) | Kind::String(_) => self.taint.clone(),
            Kind::Array(items) | Kind::Filtered(items) => {
                items.iter().fold(self.taint.clone(), |taint, item| taint.union(&item.text_taint()))
            }
            Kind::Object(object) => object
                .iter()
                .fold(self.taint.clone(), |taint, (_, member)| taint.union(&member.text_taint())),
        }
    }

    /// The same value, made with an expression over the pull request that was
    /// empty. It must not become part of a name.
    #[must_use]
    pub fn with_missing_source(mut self, by: Option<&str>) -> Self {
        self.missing_source = by.map(Arc::from).or(self.missing_source);
        self
    }

    /// The expression that was empty when this was made.
    pub fn missing_source(&self) -> Option<&str> {
        self.missing_source.as_deref()
    }

    /// The text that it is, secret or not; nothing where it is no text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            Kind::Null
            | Kind::Boolean(_)
            | Kind::Number(_)
            | Kind::Array(_)
            | Kind::Filtered(_)
            | Kind::Object(_) => None,
        }
    }

    /// The member of this name, or `null`; it came from what this came from.
    #[must_use]
    pub fn get(&self, name: &str) -> Self {
        let Kind::Object(object) = &self.kind else { return Self::NULL };
        object.get(name).map_or(Self::NULL, |member| member.clone().tainted(&self.taint))
    }

    /// The members it has, where it is an object, as they are in themselves.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        let object = match &self.kind {
            Kind::Object(object) => Some(object),
            Kind::Null
            | Kind::Boolean(_)
            | Kind::Number(_)
            | Kind::String(_)
            | Kind::Array(_)
            | Kind::Filtered(_) => None,
        };
        object.into_iter().flat_map(|object| object.iter())
    }

    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, taint: Taint::default(), missing_source: None }
    }

    pub fn is_array(&self) -> bool {
        matches!(self.kind, Kind::Array(_) | Kind::Filtered(_))
    }

    pub fn is_collection(&self) -> bool {
        matches!(self.kind, Kind::Array(_) | Kind::Filtered(_) | Kind::Object(_))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::new(Kind::Boolean(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::new(Kind::Number(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::from(f64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::from(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::new(Kind::String(Arc::new(Zeroizing::new(value))))
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::new(Kind::Array(Arc::new(items)))
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::new(Kind::Object(Arc::new(object)))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NULL, Into::into)
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::NULL,
            serde_json::Value::Bool(value) => Self::from(*value),
            serde_json::Value::Number(number) => Self::from(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::from(text.as_str()),
            serde_json::Value::Array(items) => {
                Self::from(items.iter().map(Self::from).collect::<Vec<_>>())
            }
            serde_json::Value::Object(members) => {
                let members =
                    members.iter().map(|(name, member)| (name.clone(), Self::from(member)));
                Self::from(Object { members: members.collect(), case_sensitive: false })
            }
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.taint.is_secret() {
            return write!(f, "Secret({})", self.taint.source());
        }
        match &self.kind {
            Kind::Null => f.write_str("null"),
            Kind::Boolean(value) => write!(f, "{value}"),
            Kind::Number(number) => f.write_str(&super::primitive::number_to_text(*number)),
            Kind::String(text) => write!(f, "{:?}", text.as_str()),
            Kind::Array(items) | Kind::Filtered(items) => {
                f.debug_list().entries(items.iter()).finish()
            }
            Kind::Object(object) => object.fmt(f),
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Object, Taint, Value};
    use crate::secret::Redactor;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Redactor::default().adopt("secrets.token", "hunter22".to_owned());
        let object = Object::default().with("user", "me").with("password", Value::secret(&secret));
        assert_eq!(
            format!("{:?}", Value::from(object)),
            r#"{"user": "me", "password": Secret(secrets.token)}"#
        );
    }

    #[test]
    fn names_are_found_exactly_first_and_then_ignoring_case() {
        let object = Object::default().with("Name", "upper").with("name", "lower");
        let shown = |name: &str| format!("{:?}", object.get(name));
        assert_eq!(shown("name"), r#"Some("lower")"#);
        assert_eq!(shown("Name"), r#"Some("upper")"#);
        assert_eq!(shown("NAME"), r#"Some("upper")"#);
        assert_eq!(shown("nome"), "None");
    }

    #[test]
    fn variables_are_found_as_they_are_spelled() {
        let object = Object::case_sensitive().with("PATH", "/bin");
        assert!(object.get("PATH").is_some());
        assert!(object.get("path").is_none());
    }

    #[test]
    fn taints_unite_in_one_order() {
        let (a, b) = (Taint::from_secret("secrets.a"), Taint::from_secret("secrets.b"));
        assert_eq!(b.union(&a).source(), "secrets.a + secrets.b");
        assert_eq!(a.union(&b), b.union(&a));
        assert_eq!(a.union(&Taint::default()), a);
    }
}
