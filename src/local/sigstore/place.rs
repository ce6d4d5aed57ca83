//! Where a service is.

/// A host with a path below it, as `HOST`, `HOST:PORT` or `HOST:PORT/PATH` say it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// With its port unless that is 443.
    pub host: &'a str,
    /// Empty, or with a slash before it and none after.
    path: &'a str,
}

impl<'a> Place<'a> {
    pub fn of(text: &'a str) -> Self {
        let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        Self { host, path: path.trim_end_matches('/') }
    }

    /// The path below the service of a request to a host.
    pub fn path_of<'p>(&self, host: &str, path: &'p str) -> Option<&'p str> {
        let is_host = self.host.split(':').next() == Some(host);
        let below = path.strip_prefix(self.path).filter(|below| below.starts_with('/'));
        below.filter(|_| is_host)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn path_is_below_the_service() {
        let path = |place: &'static str, path: &'static str| Place::of(place).path_of("a.io", path);
        assert_eq!(path("a.io", "/api/v1"), Some("/api/v1"));
        assert_eq!(path("a.io:8443/log/", "/log/api/v1"), Some("/api/v1"));
        assert_eq!(path("a.io/log", "/api/v1"), None);
        assert_eq!(path("a.io/log", "/logs/api"), None);
        assert_eq!(path("b.io", "/api/v1"), None);
        assert_eq!(Place::of("a.io:8443/log").host, "a.io:8443");
    }
}
