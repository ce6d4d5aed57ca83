//! The tags of a resource, with the limits of Resource Manager ("Use tags to organize
//! your Azure resources", "Limitations").
//!
//! `InvalidTagNameCharacters` and the value's message are those of reported errors; the
//! codes `TooManyTags`, `InvalidTagNameLength`, `InvalidTagValueLength` and
//! `DuplicateTagName` are invented.

use super::response::ArmError;
use serde_json::{Map, Value};
use std::collections::HashSet;

const MAX_TAGS: usize = 50;
const MAX_NAME_CHARS: usize = 512;
const MAX_VALUE_CHARS: usize = 256;
const RESERVED: [char; 7] = ['<', '>', '%', '&', '\\', '?', '/'];

/// The tags of a request; `None` if it says nothing of them.
pub fn of(body: &Value) -> Result<Option<Map<String, Value>>, ArmError> {
    let Some(tags) = body["tags"].as_object() else { return Ok(None) };
    if tags.len() > MAX_TAGS {
        let message = format!(
            "The resource has '{}' tags. The maximum number of tags permitted is '{MAX_TAGS}'.",
            tags.len()
        );
        return Err(ArmError::bad("TooManyTags", message));
    }
    let mut names = HashSet::new();
    for (name, value) in tags {
        check(name, value)?;
        // Names are kept as they are spelled and compared without their case.
        if !names.insert(name.to_lowercase()) {
            let message = format!("The tag name '{name}' is given twice, in different case.");
            return Err(ArmError::bad("DuplicateTagName", message));
        }
    }
    Ok(Some(tags.clone()))
}

fn check(name: &str, value: &Value) -> Result<(), ArmError> {
    if name.contains(RESERVED) || name.chars().any(char::is_control) {
        let message = format!(
            "The tag names '{name}' have reserved characters '<,>,%,&,\\,?,/' or control characters."
        );
        return Err(ArmError::bad("InvalidTagNameCharacters", message));
    }
    if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) {
        let message = format!(
            "Tag name too large. Following tag name '{name}' exceeded the maximum length. Maximum \
             allowed length for tag name - '{MAX_NAME_CHARS}' characters."
        );
        return Err(ArmError::bad("InvalidTagNameLength", message));
    }
    let Some(value) = value.as_str() else {
        let message = format!(
            "The request content was invalid and could not be deserialized: 'Unexpected character \
             encountered while parsing value. Path 'tags.{name}''."
        );
        return Err(ArmError::bad("InvalidRequestContent", message));
    };
    if value.chars().count() > MAX_VALUE_CHARS {
        let message = format!(
            "Tag value too large. Following tag value '{value}' exceeded the maximum length. Maximum \
             allowed length for tag value - '{MAX_VALUE_CHARS}' characters."
        );
        return Err(ArmError::bad("InvalidTagValueLength", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::of;
    use serde_json::{Map, Value, json};

    fn code(tags: &Value) -> String {
        of(&json!({ "tags": tags })).expect_err("refused").code
    }

    #[test]
    fn tags_within_the_limits_are_accepted() {
        let many: Map<String, Value> =
            (0..50).map(|number| (format!("name {number}"), "ü".repeat(256).into())).collect();
        assert_eq!(of(&json!({ "tags": many })).expect("tags"), Some(many));
        assert_eq!(of(&json!({})).expect("none"), None);
        assert_eq!(of(&json!({ "tags": null })).expect("none"), None);
    }

    #[test]
    fn tags_past_the_limits_are_refused() {
        let many: Map<String, Value> =
            (0..51).map(|number| (number.to_string(), "x".into())).collect();
        assert_eq!(code(&many.into()), "TooManyTags");
        assert_eq!(code(&json!({ "a/b": "x" })), "InvalidTagNameCharacters");
        assert_eq!(code(&json!({ "": "x" })), "InvalidTagNameLength");
        assert_eq!(code(&json!({ "a": "x".repeat(257) })), "InvalidTagValueLength");
        assert_eq!(code(&json!({ "a": 1 })), "InvalidRequestContent");
        assert_eq!(code(&json!({ "a": "x", "A": "y" })), "DuplicateTagName");
    }
}
