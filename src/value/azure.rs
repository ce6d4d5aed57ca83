//! Names under Azure's rules.

use std::str::FromStr;

/// How many ports a container group may have, over all its containers.
pub const MAX_GROUP_PORTS: usize = 5;

/// How many tags a resource may have (Resource Manager, "Limitations" of tags).
pub const MAX_TAGS: usize = 50;

/// How long the value of a tag may be.
pub const MAX_TAG_VALUE_CHARS: usize = 256;

/// How many of a resource's tags are kept for Shipway's own.
pub const MAX_OWN_TAGS: usize = 24;

/// The first label of a container group's FQDN: 5 to 63 lower-case letters,
/// digits and `-`, beginning with a letter and not ending with `-` (the service's
/// own rule for `dnsNameLabel`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DnsLabel(String);

/// Text that is not a DNS label.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the DNS label `{0}` must have 5 to 63 of a-z, 0-9 and `-`, begin with a letter and end with a \
     letter or digit"
)]
pub struct InvalidDnsLabel(String);

impl FromStr for DnsLabel {
    type Err = InvalidDnsLabel;

    fn from_str(text: &str) -> Result<Self, InvalidDnsLabel> {
        let bytes = text.as_bytes();
        let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_label = (5..=63).contains(&bytes.len())
            && bytes.first().is_some_and(u8::is_ascii_lowercase)
            && bytes.last().is_some_and(word)
            && bytes.iter().all(|byte| word(byte) || *byte == b'-');
        if is_label { Ok(Self(text.to_owned())) } else { Err(InvalidDnsLabel(text.to_owned())) }
    }
}

/// The name of a container group, and of a container in it: 1 to 63 lower-case
/// letters, digits and `-`, which is not first or last (the service's own rule,
/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupName(String);

/// Text that is not the name of a container group.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the name `{0}` must have 1 to 63 of a-z, 0-9 and `-`, and begin and end with a letter or digit"
)]
pub struct InvalidGroupName(String);

impl FromStr for GroupName {
    type Err = InvalidGroupName;

    fn from_str(text: &str) -> Result<Self, InvalidGroupName> {
        let bytes = text.as_bytes();
        let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = (1..=63).contains(&bytes.len())
            && bytes.first().is_some_and(word)
            && bytes.last().is_some_and(word)
            && bytes.iter().all(|byte| word(byte) || *byte == b'-');
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidGroupName(text.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::{DnsLabel, GroupName};

    #[test]
    fn labels_follow_the_rule_of_the_service() {
        for label in ["shop5", "a-b-c", "a1234", &"a".repeat(63)] {
            assert!(label.parse::<DnsLabel>().is_ok(), "{label}");
        }
        for text in ["", "shop", "Shop-1", "1shop", "shop-", "sh.op", "shöp5", &"a".repeat(64)] {
            assert!(text.parse::<DnsLabel>().is_err(), "{text}");
        }
    }

    #[test]
    fn group_names_follow_the_rule_of_the_service() {
        for name in ["a", "1", "shop-pr-7", "a--b", &"a".repeat(63)] {
            assert!(name.parse::<GroupName>().is_ok(), "{name}");
        }
        for text in ["", "-a", "a-", "Shop", "a_b", "a.b", "ä", &"a".repeat(64)] {
            assert!(text.parse::<GroupName>().is_err(), "{text}");
        }
    }
}
