//! Parses the paths of registry endpoints.

use percent_encoding::percent_decode_str;

/// The endpoints of the distribution specification, and Azure's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Route {
    Ping,
    Catalog,
    Blob { repository: String, digest: String },
    Uploads { repository: String },
    Upload { repository: String, id: String },
    Manifest { repository: String, reference: String },
    Tags { repository: String },
    Referrers { repository: String, digest: String },
    Token,
    Exchange,
    AcrCatalog,
    AcrRepository { repository: String },
    AcrTags { repository: String, tag: Option<String> },
    AcrManifests { repository: String, digest: Option<String> },
}

impl Route {
    /// `None` for a path that is not an endpoint.
    pub fn parse(path: &str) -> Option<Self> {
        let path = percent_decode_str(path).decode_utf8().ok()?;
        match path.as_ref() {
            "/v2" | "/v2/" => Some(Self::Ping),
            "/v2/_catalog" => Some(Self::Catalog),
            "/oauth2/token" => Some(Self::Token),
            "/oauth2/exchange" => Some(Self::Exchange),
            "/acr/v1/_catalog" => Some(Self::AcrCatalog),
            other => match other.strip_prefix("/v2/") {
                Some(rest) => Self::distribution(rest),
                None => Some(Self::azure(other.strip_prefix("/acr/v1/")?)),
            },
        }
    }

    /// Only the last two parts decide, because a repository may be named `blobs`.
    fn distribution(path: &str) -> Option<Self> {
        let (head, last) = path.rsplit_once('/')?;
        let (repository, kind) = match head.strip_suffix("/blobs/uploads") {
            Some(repository) => (repository, "uploads"),
            None => head.rsplit_once('/')?,
        };
        let (repository, last) = (repository.to_owned(), last.to_owned());
        match (kind, last.as_str()) {
            ("uploads", "") | ("blobs", "uploads") => Some(Self::Uploads { repository }),
            ("uploads", _) => Some(Self::Upload { repository, id: last }),
            ("blobs", _) => Some(Self::Blob { repository, digest: last }),
            ("manifests", _) => Some(Self::Manifest { repository, reference: last }),
            ("referrers", _) => Some(Self::Referrers { repository, digest: last }),
            ("tags", "list") => Some(Self::Tags { repository }),
            _ => None,
        }
    }

    fn azure(path: &str) -> Self {
        for kind in ["_tags", "_manifests"] {
            let (repository, rest) = match path.split_once(&format!("/{kind}/")) {
                Some((repository, "")) => (repository, None),
                Some((repository, rest)) => (repository, Some(rest.to_owned())),
                None => match path.strip_suffix(&format!("/{kind}")) {
                    Some(repository) => (repository, None),
                    None => continue,
                },
            };
            let repository = repository.to_owned();
            return match kind {
                "_tags" => Self::AcrTags { repository, tag: rest },
                _ => Self::AcrManifests { repository, digest: rest },
            };
        }
        Self::AcrRepository { repository: path.to_owned() }
    }

    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Ping | Self::Catalog | Self::Token | Self::Exchange | Self::AcrCatalog => None,
            Self::Blob { repository, .. }
            | Self::Uploads { repository }
            | Self::Upload { repository, .. }
            | Self::Manifest { repository, .. }
            | Self::Tags { repository }
            | Self::Referrers { repository, .. }
            | Self::AcrRepository { repository }
            | Self::AcrTags { repository, .. }
            | Self::AcrManifests { repository, .. } => Some(repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn paths_are_parsed() {
        let case = |path: &str| Route::parse(path);
        let repository = || "team/web".to_owned();

        assert_eq!(case("/v2/"), Some(Route::Ping));
        assert_eq!(
            case("/v2/team/web/manifests/v1"),
            Some(Route::Manifest { repository: repository(), reference: "v1".into() })
        );
        assert_eq!(
            case("/v2/team/web/blobs/sha256%3A00"),
            Some(Route::Blob { repository: repository(), digest: "sha256:00".into() })
        );
        for path in ["/v2/team/web/blobs/uploads/", "/v2/team/web/blobs/uploads"] {
            assert_eq!(case(path), Some(Route::Uploads { repository: repository() }), "{path}");
        }
        assert_eq!(
            case("/v2/team/web/blobs/uploads/x"),
            Some(Route::Upload { repository: repository(), id: "x".into() })
        );
        assert_eq!(case("/v2/team/web/tags/list"), Some(Route::Tags { repository: repository() }));
        assert_eq!(
            case("/v2/a/blobs/manifests/v1"),
            Some(Route::Manifest { repository: "a/blobs".into(), reference: "v1".into() })
        );
        assert_eq!(
            case("/acr/v1/team/web/_tags"),
            Some(Route::AcrTags { repository: repository(), tag: None })
        );
        assert_eq!(
            case("/acr/v1/team/web/_manifests/sha256:00"),
            Some(Route::AcrManifests {
                repository: repository(),
                digest: Some("sha256:00".into())
            })
        );
        assert_eq!(case("/acr/v1/web"), Some(Route::AcrRepository { repository: "web".into() }));
        for path in ["/", "/v2/a", "/v1/x", "/v2/a/tags/other"] {
            assert_eq!(case(path), None, "{path}");
        }
    }
}
