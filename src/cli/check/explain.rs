//! What `shipway check --explain` can explain beside codes: a value, by its name.

use crate::cli::exit::Exit;
use crate::cli::say;
use crate::plan::diagnostic::{closest, explanations};
use crate::plan::expr::contexts::context;
use crate::plan::expr::{ContextRef, Segment, references};

/// A value as expressions name it, such as `vars.cpu`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedValue {
    /// As it is spelled.
    pub topic: String,
    pub context: &'static str,
    pub member: Option<String>,
}

/// The value that a topic names. A topic that names none is shown.
pub fn named_value(topic: &str) -> Result<NamedValue, Exit> {
    value_named(topic).ok_or_else(|| {
        let near = closest(topic, explanations().map(|one| one.code));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name the code of a diagnostic, or a value such as `vars.cpu`".to_owned(),
        };
        say::error(&[format!("there is no diagnostic `{topic}`")], Some(&help));
        Exit::Usage
    })
}

fn value_named(topic: &str) -> Option<NamedValue> {
    let found = references(topic, 0).ok()?;
    let [reference @ ContextRef { path, .. }] = found.as_slice() else { return None };
    // Not where it is a part of a larger expression.
    if reference.span != (0..topic.len()) {
        return None;
    }
    let member = match path.get(1) {
        Some(Segment::Name(name)) => Some(name.clone()),
        Some(Segment::Index(_) | Segment::Any | Segment::Computed) | None => None,
    };
    let is_azure = member.is_some() && reference.context().eq_ignore_ascii_case("azure");
    let context = if is_azure { "azure" } else { context(reference.context())?.name };
    Some(NamedValue { topic: topic.to_owned(), context, member })
}

#[cfg(test)]
mod tests {
    use super::value_named;

    #[test]
    fn values_are_named_as_in_expressions() {
        #[track_caller]
        fn case(topic: &str, context: &str, member: Option<&str>) {
            let value = value_named(topic).expect("a value");
            assert_eq!((value.context, value.member.as_deref()), (context, member), "{topic}");
        }
        case("vars.cpu", "vars", Some("cpu"));
        case("Vars['cpu']", "vars", Some("cpu"));
        case("environment", "environment", None);
        case("azure.location", "azure", Some("location"));
        case("github.event.number", "github", Some("event"));
        for topic in ["never-verified", "azure", "vars.a == vars.b", "!vars.a", "bad value", ""] {
            assert_eq!(value_named(topic), None, "{topic}");
        }
    }
}
