//! Programs that are started in a container.

use super::{groups, id, on};
use crate::azure::TerminalSize;
use crate::azure::fake::{FakeAzure, Reply};
use crate::http::Retryable as _;
use std::error::Error as _;

#[tokio::test]
async fn answer_without_a_terminal_is_not_told_as_a_blocked_port() {
    let post = format!("{}/containers/web/exec", on("POST"));
    let fake = FakeAzure::script(vec![(post.as_str(), vec![Reply::new(200, "{}")])]).await;
    let size = TerminalSize { rows: 24, columns: 80 };

    let error = groups(&fake).exec(&id(), "web", "/bin/sh", size).await.expect_err("no terminal");

    assert_eq!(error.to_string(), "cannot start a program in container group `g`");
    let cause = error.source().expect("a cause").to_string();
    assert!(cause.ends_with("missing field `webSocketUri`"), "{cause}");
    assert!(!error.help().unwrap_or_default().contains("19390"));
}
