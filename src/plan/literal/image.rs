//! What names an image or stands in one.

use super::name::NotEmpty;
use super::shape::{Literal, Shape, expect, rule};
use crate::oci::{InvalidReference, Platform, Reference};
use crate::value::{ExposedPort, Mode, Owner, Port};

const PORT: &str = "expected a port from 1 to 65535, such as `80` or `53/udp`";

/// The pattern of a number from 1 to 65535, with zeros in front or without.
macro_rules! port {
    () => {
        "^0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    };
}

impl Literal for Port {
    const SHAPE: Shape =
        Shape::text(concat!(port!(), "(/([tT][cC][pP]|[uU][dD][pP]))?$"), &["80", "53/udp"])
            .within(1, 65_535);

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| PORT.to_owned())
    }
}

impl Literal for ExposedPort {
    const SHAPE: Shape = Shape::text(
        concat!(port!(), "(/([tT][cC][pP]|[uU][dD][pP]|[sS][cC][tT][pP]))?$"),
        &["80", "53/udp"],
    )
    .within(1, 65_535);

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| PORT.to_owned())
    }
}

impl Literal for Mode {
    const SHAPE: Shape = Shape::text("^(0o)?([0-7]{1,4}|0[0-7]{4})$", &["0755"]).within(0, 7777);

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected three or four octal digits, such as `0755`".to_owned())
    }
}

impl Literal for Owner {
    const SHAPE: Shape =
        Shape::text("^[0-9]+(:[0-9]+)?$", &["1000", "1000:1000"]).within(0, u32::MAX);

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "expected numbers, such as `1000` or `1000:1000`".to_owned())
    }
}

impl Literal for Platform {
    const SHAPE: Shape = Shape::text("^[^/]+/[^/]+(/[^/]*)?$", &["linux/amd64", "linux/arm64"]);

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_: String| {
            "expected `os/architecture`, such as `linux/amd64` or `linux/arm64`".to_owned()
        })
    }
}

/// What an expression in a reference may give: a part of a name, a tag, a digest, or
/// several of these.
const PARTS: &[&str] = &[
    "a",
    "",
    ":a",
    "a:a",
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

impl Literal for Reference {
    const SHAPE: Shape = Shape::text("", &["storefront.azurecr.io/web:v1"]).filled_by(PARTS);

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: InvalidReference| error.to_string())
    }
}

rule! {
    /// A reference with a tag and without a digest.
    TaggedReference,
    Shape::text(":[A-Za-z0-9_][A-Za-z0-9_.-]*$", &["storefront.azurecr.io/web:v1"]).filled_by(PARTS),
    |text| {
        let reference = Reference::parse(text)?;
        expect(
            reference.tag.is_some() && reference.digest.is_none(),
            "expected a tag, such as `:v1`; `latest` is never implied",
        )
    }
}

rule! {
    /// A repository without tag and digest.
    Untagged,
    Shape::text("", &["storefront.azurecr.io/web"]).filled_by(PARTS),
    |text| {
        let reference = Reference::parse(text)?;
        expect(
            reference.tag.is_none() && reference.digest.is_none(),
            "expected a repository without a tag, since `tags` has them",
        )
    }
}

rule! {
    /// A tag without its repository.
    TagName,
    Shape::text("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", &["v1"]).filled_by(&["a", ""]),
    |text| expect(
        Reference::is_tag(text),
        "expected at most 128 letters, digits, `_`, `.`, `-`, not beginning with `.` or `-`",
    )
}

rule! {
    /// An image that is there already: a reference, a file in one of the formats, or the name of
    /// one in an engine's store.
    ImageSource,
    Shape::text(
        "",
        &[
            "staging.azurecr.io/web:v1",
            "oci:dist/image",
            "docker-archive:web.tar",
            "docker-daemon:web:v1",
        ],
    )
    .filled_by(PARTS),
    |text| {
        let stores = ["docker-daemon:", "containers-storage:"];
        match stores.iter().find_map(|store| text.strip_prefix(store)) {
            // The engine reads it, and an option would be one of its own.
            Some(name) => expect(
                !name.is_empty() && !name.starts_with('-'),
                "expected the name of an image after the `:`, as the engine lists it",
            ),
            None => parse_base(text),
        }
    }
}

/// An image in a registry or a file.
fn parse_base(text: &str) -> Result<(), String> {
    let formats = ["oci:", "oci-archive:", "docker-archive:"];
    match formats.iter().find_map(|format| text.strip_prefix(format)) {
        Some(path) => expect(!path.is_empty(), "expected a path after the `:`"),
        None => Reference::parse(text).map(drop),
    }
}

rule! {
    /// `scratch`, or an image that is there already.
    BaseImage,
    Shape::text("", &["scratch", "debian:bookworm-slim"]).filled_by(PARTS),
    |text| if text == "scratch" { Ok(()) } else { parse_base(text) }
}

rule! {
    /// A path inside an image.
    AbsolutePath,
    Shape::text("^/", &["/srv/app"]).filled_by(&["a", "/a", ""]),
    |text| {
        let climbs = text.split('/').any(|part| part == "..");
        expect(
            text.starts_with('/') && !climbs && !text.contains('\0'),
            "expected an absolute path without `..`, such as `/srv/app`",
        )
    }
}

rule! {
    /// A pattern for paths, such as `**/*.map`.
    Glob,
    Shape::text("", &["**/*.map"]),
    |text| {
        NotEmpty::parse(text)?;
        let glob = globset::Glob::new(text);
        glob.map(drop).map_err(|error| format!("expected a glob: {}", error.kind()))
    }
}
