//! The log of all requests that the local cloud answered.
//!
//! Tests use it to show that no step was done twice. It contains no headers, no
//! bodies, and only query parameters that never hold a token.

use super::files::FileError;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The query parameters that are logged.
const LOGGED_PARAMETERS: [&str; 16] = [
    "api-version",
    "digest",
    "mount",
    "from",
    "scope",
    "service",
    "tail",
    "per_page",
    "page",
    "n",
    "last",
    "artifactType",
    "environment",
    "head",
    "sha",
    "tag",
];

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LoggedRequest {
    /// When the request was answered, RFC 3339.
    pub time: String,
    pub method: String,
    /// The requested host, with the port unless it is the default one.
    pub host: String,
    /// The path with the logged query parameters.
    pub path: String,
    pub status: u16,
    /// Bytes of the request body.
    pub received: u64,
    /// Bytes of the response body, 0 for a stream of unknown length.
    pub sent: u64,
}

/// Appends to `requests.jsonl` in the state folder.
#[derive(Debug)]
pub struct RequestLog {
    path: PathBuf,
    file: Mutex<File>,
}

impl RequestLog {
    /// Opens the log to append to it.
    pub fn open(state: &Path) -> Result<Self, FileError> {
        let path = state.join("requests.jsonl");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| FileError::Io { verb: "open", path: path.clone(), source })?;
        Ok(Self { path, file: Mutex::new(file) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line. Errors are only traced, because a log that cannot be written must
    /// not fail the request.
    pub fn add(&self, entry: &LoggedRequest) {
        let mut line = serde_json::to_vec(entry).unwrap_or_default();
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(&line) {
            tracing::warn!(%error, "the request log cannot be written");
        }
    }

    pub fn read(path: &Path) -> Result<Vec<LoggedRequest>, FileError> {
        let text = std::fs::read_to_string(path).map_err(|source| FileError::Io {
            verb: "read",
            path: path.to_owned(),
            source,
        })?;
        text.lines()
            .map(|line| {
                serde_json::from_str(line)
                    .map_err(|source| FileError::Json { path: path.to_owned(), source })
            })
            .collect()
    }
}

/// The path with the logged query parameters.
pub fn logged_path(uri: &http::Uri) -> String {
    let mut text = uri.path().to_owned();
    let parts = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| LOGGED_PARAMETERS.contains(&part.split('=').next().unwrap_or_default()));
    for (index, part) in parts.enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{LoggedRequest, RequestLog, logged_path};

    #[test]
    fn parameters_that_may_hold_a_token_are_left_out() {
        let uri = "https://h/v2/a/blobs/uploads/?digest=sha256:00&access_token=x&_state=y&n=2";

        assert_eq!(
            logged_path(&uri.parse().expect("a URI")),
            "/v2/a/blobs/uploads/?digest=sha256:00&n=2"
        );
    }

    #[test]
    fn a_log_is_appended_to() {
        let state = tempfile::tempdir().expect("a folder");
        let entry = LoggedRequest {
            time: "2026-01-01T00:00:00Z".into(),
            method: "PUT".into(),
            host: "demo.azurecr.io".into(),
            path: "/v2/a/manifests/v1".into(),
            status: 201,
            received: 12,
            sent: 0,
        };

        RequestLog::open(state.path()).expect("made").add(&entry);
        RequestLog::open(state.path()).expect("opened again").add(&entry);

        let entries = RequestLog::read(&state.path().join("requests.jsonl")).expect("read");
        assert_eq!(entries, [entry.clone(), entry]);
    }
}
