//! Simulated events of what is checked out, for dry runs outside of GitHub.

use crate::resolve::git::Git;
use crate::resolve::inputs::HostEnvironment;
use serde_json::{Value, json};

/// A pull request from the branch that is checked out, to `main`.
pub fn pull_request(host: &HostEnvironment, git: &Git, number: u64) -> Value {
    let repository = repository(host, git);
    let full_name = &repository["full_name"];
    // Null where a commit is checked out, not a branch.
    let branch = git.branch.as_deref();
    let user = json!({ "login": actor(host), "type": "User" });
    json!({
        "action": "synchronize",
        "number": number,
        "pull_request": {
            "number": number,
            "state": "open",
            "draft": false,
            "merged": false,
            "title": branch.unwrap_or("a detached head"),
            "body": null,
            "user": user,
            "labels": [],
            "head": { "ref": branch, "sha": git.sha, "repo": { "full_name": full_name } },
            "base": { "ref": "main", "sha": null, "repo": { "full_name": full_name } },
        },
        "repository": repository,
        "sender": user,
    })
}

/// A push of the branch or tag that is checked out.
pub fn push(host: &HostEnvironment, git: &Git) -> Value {
    let reference = match (&git.branch, &git.tag) {
        (Some(branch), _) => format!("refs/heads/{branch}"),
        (None, Some(tag)) => format!("refs/tags/{tag}"),
        (None, None) => "refs/heads/main".to_owned(),
    };
    let actor = actor(host);
    json!({
        "ref": reference,
        "after": git.sha,
        "created": false,
        "deleted": false,
        "forced": false,
        "commits": [],
        "head_commit": { "id": git.sha },
        "repository": repository(host, git),
        "pusher": { "name": actor },
        "sender": { "login": actor, "type": "User" },
    })
}

/// The repository of git's remote, or one named after the folder.
fn repository(host: &HostEnvironment, git: &Git) -> Value {
    let (owner, name) = git.repository().map_or_else(
        || {
            let folder = host.dir.file_name().map(|name| name.to_string_lossy().into_owned());
            ("local".to_owned(), folder.unwrap_or_else(|| "source".to_owned()))
        },
        |found| (found.owner, found.name),
    );
    json!({
        "name": name,
        "full_name": format!("{owner}/{name}"),
        "owner": { "login": owner },
        "default_branch": "main",
    })
}

fn actor(host: &HostEnvironment) -> &str {
    host.var("USER").or_else(|| host.var("LOGNAME")).unwrap_or("local")
}
