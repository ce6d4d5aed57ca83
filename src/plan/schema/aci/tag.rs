//! Tags of a resource, as Resource Manager accepts them.

use crate::plan::literal::{Literal, Shape};
use crate::value::MAX_TAG_VALUE_CHARS;

/// The name of a tag, as Resource Manager accepts it. Names that begin with
/// `shipway-`, in any case, are reserved: Shipway finds its resources by them.
pub struct TagKey;

impl Literal for TagKey {
    const SHAPE: Shape =
        Shape { pattern: r"^[^<>%&\\?/]{1,512}$", examples: &["team"], ..Shape::ANY };

    fn parse(text: &str) -> Result<Self, String> {
        // Resource Manager compares the names of tags without regard to case.
        if text.to_ascii_lowercase().starts_with("shipway-") {
            return Err(
                "expected a name that does not begin with `shipway-`, which is reserved".to_owned()
            );
        }
        let is_valid = (1..=512).contains(&text.chars().count())
            && !text.contains(['<', '>', '%', '&', '\\', '?', '/']);
        if is_valid {
            Ok(Self)
        } else {
            Err(r"expected 1 to 512 characters, without `<`, `>`, `%`, `&`, `\`, `?` and `/`"
                .to_owned())
        }
    }
}

/// The value of a tag, as Resource Manager accepts it.
pub struct TagValue;

impl Literal for TagValue {
    const SHAPE: Shape = Shape { pattern: r"^[\s\S]{0,256}$", examples: &["web"], ..Shape::ANY };

    fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() <= MAX_TAG_VALUE_CHARS {
            Ok(Self)
        } else {
            Err(format!("expected at most {MAX_TAG_VALUE_CHARS} characters"))
        }
    }
}
