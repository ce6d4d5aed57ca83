//! The build arguments of Dockerfiles.

/// Whether builders take an argument without an `ARG` (Dockerfile reference, "Predefined
/// ARGs", "`BuildKit` built-in build args").
pub fn is_predefined_argument(name: &str) -> bool {
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];
    name == "SOURCE_DATE_EPOCH"
        || name.starts_with("BUILDKIT_")
        || proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(name))
}
