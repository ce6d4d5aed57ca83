//! What a secret may be ("Azure Key Vault service limits", "About Azure Key Vault secrets").
//!
//! No recording has the words of these refusals.

use std::collections::BTreeMap;

const MAX_VALUE_BYTES: usize = 25_600;
const MAX_NAME_BYTES: usize = 127;
const MAX_TAGS: usize = 15;
const MAX_TAG_CHARS: usize = 256;

pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Why a value cannot be that of a secret.
pub fn value_mistake(value: &str) -> Option<String> {
    (value.len() > MAX_VALUE_BYTES).then(|| {
        format!(
            "The secret value has {} bytes, which exceeds the maximum of {MAX_VALUE_BYTES} bytes.",
            value.len()
        )
    })
}

/// Why a secret cannot have these tags.
pub fn tags_mistake(tags: &BTreeMap<String, String>) -> Option<String> {
    if tags.len() > MAX_TAGS {
        return Some(format!(
            "The secret has {} tags, which exceeds the maximum of {MAX_TAGS} tags.",
            tags.len()
        ));
    }
    let texts = tags.iter().flat_map(|(name, value)| [name, value]);
    let mut lengths = texts.map(|text| text.chars().count());
    lengths.find(|length| *length > MAX_TAG_CHARS).map(|length| {
        format!(
            "A tag of the secret has {length} characters, which exceeds the maximum of \
             {MAX_TAG_CHARS} characters."
        )
    })
}
