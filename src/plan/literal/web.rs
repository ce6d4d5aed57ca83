//! What a `verify` asks and expects.

use super::shape::{Literal, Shape, ShapeKind, expect, rule};
use crate::value::Port;
use serde_json_path::JsonPath as Parsed;

rule! {
    /// A path of the deployed service, or a whole URL.
    HttpTarget,
    Shape::text("^(/|[hH][tT][tT][pP][sS]?:)", &["/healthz", "https://example.com/"])
        .filled_by(&["a", "", "/a", "https://a", "https"]),
    |text| {
        let is_url =
            || url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        expect(
            text.starts_with('/') || is_url(),
            "expected a path such as `/healthz`, or a whole `http` or `https` URL",
        )
    }
}

rule! {
    /// A path of a service.
    HttpPath,
    Shape::text("^/", &["/healthz"]).filled_by(&["a", "", "/a"]),
    |text| expect(text.starts_with('/'), "expected a path such as `/healthz`")
}

rule! {
    /// A URL with the scheme `https`.
    HttpsUrl,
    Shape::text("^[hH][tT][tT][pP][sS]://.", &["https://github.com/octocat/hello"])
        .filled_by(&["a", "https://a", "https"]),
    |text| {
        let is_url = url::Url::parse(text)
            .is_ok_and(|url| url.scheme() == "https" && url.host_str().is_some());
        expect(is_url, "expected a URL that begins with `https://`")
    }
}

rule! {
    /// A port, or `host:port`.
    Address,
    Shape::text("^([^/ ]+:)?[0-9]+$", &["5432", "db.example.com:5432"]).within(1, 65_535),
    |text| {
        let (host, number) = text.rsplit_once(':').unwrap_or(("-", text));
        let plain = !host.is_empty() && !host.contains(['/', ' ']) && !number.contains('/');
        expect(plain && Port::parse(number).is_ok(), "expected a port, or `host:port`")
    }
}

/// A status of HTTP (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StatusCode(pub u16);

impl Literal for StatusCode {
    const SHAPE: Shape =
        Shape { kind: ShapeKind::Integer, ..Shape::text("^[1-5][0-9]{2}$", &["200"]) }
            .within(100, 599);

    fn parse(text: &str) -> Result<Self, String> {
        let status = text.parse().ok().filter(|status| (100..600).contains(status));
        status
            .filter(|_| text.len() == 3)
            .map(Self)
            .ok_or_else(|| "expected a status from 100 to 599".to_owned())
    }
}

rule! {
    /// A regular expression, in the syntax of Rust's `regex`.
    Pattern,
    Shape::text("", &["^v[0-9]+"]),
    |text| {
        let Err(error) = regex::Regex::new(text) else { return Ok(()) };
        // The library draws the pattern over several lines; its last says why.
        let text = error.to_string();
        let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Err(format!("expected a regular expression: {why}"))
    }
}

rule! {
    /// A JSON path (RFC 9535).
    JsonPath,
    Shape::text("^\\$", &["$.status"]),
    |text| Parsed::parse(text)
        .map(drop)
        .map_err(|_| "expected a JSON path such as `$.status`".to_owned())
}
