//! How a registry outside wants to be asked: the `Bearer` challenge of
//! `WWW-Authenticate` (RFC 6750, section 3; distribution's token
//! specification). Pure.

/// Where a token is to be had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bearer {
    pub(super) realm: String,
    pub(super) service: Option<String>,
}

/// The first bearer challenge of a header.
pub(super) fn bearer(header: &str) -> Option<Bearer> {
    let at = header.to_ascii_lowercase().find("bearer ")?;
    let mut rest = &header[at + "bearer ".len()..];
    let (mut realm, mut service) = (None, None);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, left) = value(after.trim_start());
        match name.trim_matches([',', ' ', '\t']).to_ascii_lowercase().as_str() {
            "realm" => realm = realm.or(Some(value)),
            "service" => service = service.or(Some(value)),
            _ => {}
        }
        rest = left;
    }
    Some(Bearer { realm: realm?, service })
}

/// A value, quoted or not, and what stands after it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::{Bearer, bearer};

    #[test]
    fn challenges_of_the_field() {
        let case = |header: &str| {
            bearer(header).map(|Bearer { realm, service }| (realm, service.unwrap_or_default()))
        };
        let some = |realm: &str, service: &str| Some((realm.to_owned(), service.to_owned()));

        assert_eq!(
            case(
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/busybox:pull""#
            ),
            some("https://auth.docker.io/token", "registry.docker.io")
        );
        assert_eq!(
            case(r#"bearer realm=https://h/t , service="a \"b\"""#),
            some("https://h/t", r#"a "b""#)
        );
        assert_eq!(case(r#"Basic realm="x", Bearer realm="y""#), some("y", ""));
        for wrong in ["", "Basic realm=\"x\"", "Bearer", "Bearer service=\"x\"", "Bearer realm"] {
            assert_eq!(case(wrong), None, "{wrong}");
        }
        assert_eq!(case("Bearer realm=\"endless"), some("endless", ""));
    }
}
