//! Names.

use super::shape::{Shape, expect, rule};
use crate::value::Port;

rule! {
    /// A text that is not empty.
    NotEmpty,
    Shape::text("^[\\s\\S]", &[]),
    |text| expect(!text.is_empty(), "expected something")
}

rule! {
    /// A name that expressions use: of a secret, variable, service or step.
    Name,
    Shape::text("^[A-Za-z_][A-Za-z0-9_-]*$", &["web"]),
    |text| {
        let mut letters = text.bytes();
        let first = letters.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let rest = letters.all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        expect(first && rest, "expected letters, digits, `-` and `_`, a letter first")
    }
}

rule! {
    /// The plan's own name, which names resources where nothing else does.
    PlanName,
    Shape::text("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", &["storefront"]),
    |text| {
        let word = |byte: u8| byte.is_ascii_alphanumeric();
        let bytes = text.as_bytes();
        let holds = bytes.len() <= 63
            && bytes.first().is_some_and(|first| word(*first))
            && bytes.iter().all(|byte| word(*byte) || b"._-".contains(byte));
        expect(
            holds,
            "expected at most 63 letters, digits, `.`, `_`, `-`, beginning with a letter or digit",
        )
    }
}

rule! {
    /// An environment variable (POSIX.1-2017, 8.1).
    VariableName,
    Shape::text("^[A-Za-z_][A-Za-z0-9_]*$", &["DATABASE_URL"]),
    |text| {
        let mut letters = text.bytes();
        let first = letters.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let rest = letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        expect(first && rest, "expected letters, digits and `_`, no digit first")
    }
}

rule! {
    /// The name of a file, without a folder.
    FileName,
    Shape::text("^[A-Za-z0-9._-]{1,255}$", &["server.pem"]),
    |text| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let holds = (1..=255).contains(&text.len()) && text.bytes().all(letter);
        expect(
            holds && text != "." && text != "..",
            "expected the name of a file: letters, digits, `.`, `_`, `-`",
        )
    }
}

rule! {
    /// The name of a header (RFC 9110, section 5.6.2).
    HeaderName,
    Shape::text("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", &["content-type"]),
    |text| {
        let letter =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        expect(!text.is_empty() && text.bytes().all(letter), "expected the name of a header")
    }
}

rule! {
    /// A registry's host, with the port where there is one.
    Host,
    Shape::text("^[A-Za-z0-9.-]+(:[0-9]{1,5})?$", &["storefront.azurecr.io", "localhost:5000"]),
    |text| {
        let (name, number) = text.rsplit_once(':').unwrap_or((text, "443"));
        let letters =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        let is_port = !number.contains('/') && Port::parse(number).is_ok();
        expect(
            !name.is_empty() && letters && is_port,
            "expected a host name, with its port where it has one",
        )
    }
}
