//! The id that a service gives a request, by which its support finds it.

use ::http::HeaderMap;
use std::fmt;

/// A longer value is not an id of a request.
const MAX_CHARS: usize = 128;

/// The id of a request, as its response names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestId(String);

/// The headers that name it: Azure's, of which Microsoft's support asks for the
/// correlation id, GitHub's, and the one that other registries send.
const HEADERS: [&str; 4] =
    ["x-ms-correlation-request-id", "x-ms-request-id", "x-github-request-id", "x-request-id"];

impl RequestId {
    /// From the headers of a response.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::find(|name| headers.get(name)?.to_str().ok())
    }

    /// From the headers of a response, by a function that looks one up.
    pub fn find<'a>(header: impl Fn(&'static str) -> Option<&'a str>) -> Option<Self> {
        let ids = HEADERS.into_iter().filter_map(header);
        ids.filter(|id| is_plain(id)).map(|id| Self(id.to_owned())).next()
    }
}

/// Azure has UUIDs, after `REGION:` at times; GitHub groups of digits between colons.
fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    !id.is_empty() && id.len() <= MAX_CHARS && id.bytes().all(plain)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::RequestId;
    use ::http::HeaderMap;

    #[track_caller]
    fn id(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect();
        RequestId::of(&headers).map(|id| id.to_string())
    }

    #[test]
    fn each_service_names_the_request_in_a_header_of_its_own() {
        let azure = [("x-ms-request-id", "westeurope:1b"), ("x-ms-correlation-request-id", "4-2")];
        assert_eq!(id(&azure).as_deref(), Some("4-2"));
        assert_eq!(id(&azure[..1]).as_deref(), Some("westeurope:1b"));
        let github = [("x-github-request-id", "C0DE:3A2B:19:2F:692A")];
        assert_eq!(id(&github).as_deref(), Some("C0DE:3A2B:19:2F:692A"));
        assert_eq!(id(&[("x-request-id", "")]), None);
        assert_eq!(id(&[("x-request-id", "words of a hostile server")]), None);
    }
}
