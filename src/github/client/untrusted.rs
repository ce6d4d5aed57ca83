//! Entry points for the fuzz targets: what GitHub answers.

use super::built_commit::BuiltCommit;
use super::comments::Comment;
use super::error::{ErrorBody, Limits, kind_of};
use super::pulls::Pull;
use super::sticky::{Marker, Markers};
use jiff::Timestamp;

/// What the comments of a pull request say of commits and environments of the plan `shop`.
pub fn comments(body: &[u8]) -> Vec<String> {
    let comments: Vec<Comment> = serde_json::from_slice(body).unwrap_or_default();
    let markers = Markers { plan: "shop", key: "default" };
    let bodies = comments.iter().filter_map(|one| one.body.as_deref());
    let of = |body| {
        let commit = BuiltCommit::of_comment(body).map(|commit| commit.to_string());
        [commit, markers.environment(body)]
    };
    bodies.flat_map(of).flatten().collect()
}

/// The number and branch of each pull request.
pub fn pulls(body: &[u8]) -> Vec<(u64, String)> {
    let pulls: Vec<Pull> = serde_json::from_slice(body).unwrap_or_default();
    pulls.into_iter().map(|pull| (pull.number, pull.head.branch)).collect()
}

/// The words of an error, and of which kind it is.
pub fn error(status: u16, body: &[u8]) -> (String, String) {
    let words = serde_json::from_slice::<ErrorBody>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |body| body.message_line());
    let kind = kind_of(status, &words, Limits::default(), Timestamp::UNIX_EPOCH);
    (words, format!("{kind:?}"))
}

/// The marker of a comment, and the environment that is read from it again.
pub fn marker(plan: &str, environment: &str, key: &str) -> (String, Option<String>) {
    let marker = Marker::new(plan, Some(environment), key).to_string();
    let read = Markers { plan, key }.environment(&marker);
    (marker, read)
}
