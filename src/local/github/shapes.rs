//! JSON bodies with every field that GitHub's API description requires.
//! octocrab's models fail to parse a body without them.

use super::activity::{Comment, CommitStatus, Deployment, DeploymentStatus};
use super::context::RepositoryContext;
use crate::local::initial_state::PullRequest;
use serde_json::{Value, json};

const API: &str = "https://api.github.com";
const WEB: &str = "https://github.com";

/// The ids of the user `github-actions[bot]` and of the app behind it.
const ACTIONS_USER_ID: u64 = 41_898_282;
const ACTIONS_APP_ID: u64 = 15_368;

pub fn user(login: &str) -> Value {
    let bot = login.ends_with("[bot]");
    let (api, web) = (format!("{API}/users/{login}"), login.trim_end_matches("[bot]"));
    let html = if bot { format!("{WEB}/apps/{web}") } else { format!("{WEB}/{login}") };
    let id = if bot { ACTIONS_USER_ID } else { 1 };
    json!({
        "login": login, "id": id, "node_id": format!("U_{id}"),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "gravatar_id": "", "url": api, "html_url": html,
        "followers_url": format!("{api}/followers"),
        "following_url": format!("{api}/following{{/other_user}}"),
        "gists_url": format!("{api}/gists{{/gist_id}}"),
        "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{api}/subscriptions"),
        "organizations_url": format!("{api}/orgs"), "repos_url": format!("{api}/repos"),
        "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"),
        "type": if bot { "Bot" } else { "User" }, "site_admin": false,
    })
}

fn app() -> Value {
    json!({
        "id": ACTIONS_APP_ID, "slug": "github-actions", "node_id": "MDM6QXBwMTUzNjg=",
        "owner": user("github"), "name": "GitHub Actions",
        "description": "Automate your workflow from idea to production",
        "external_url": "https://help.github.com/en/actions",
        "html_url": format!("{WEB}/apps/github-actions"),
        "created_at": "2018-07-30T09:30:17Z", "updated_at": "2019-12-10T19:04:12Z",
        "permissions": {"issues": "write", "pull_requests": "write", "deployments": "write"},
        "events": ["workflow_dispatch"],
    })
}

fn via(context: &RepositoryContext) -> Value {
    if context.login.ends_with("[bot]") { app() } else { Value::Null }
}

pub fn repository(context: &RepositoryContext) -> Value {
    repository_named(context, &context.repository)
}

/// The repository itself, or a fork of it.
fn repository_named(context: &RepositoryContext, name: &str) -> Value {
    let is_fork = name != context.repository;
    let (owner, short) = name.split_once('/').unwrap_or((name, name));
    let (api, web) = (format!("{API}/repos/{name}"), format!("{WEB}/{name}"));
    let mut body = json!({
        "id": context.repository_id + u64::from(is_fork), "node_id": "R_local", "name": short, "full_name": name,
        "private": false, "owner": user(owner), "html_url": web, "description": null,
        "fork": is_fork, "url": api, "git_url": format!("git://github.com/{name}.git"),
        "ssh_url": format!("git@github.com:{name}.git"), "clone_url": format!("{web}.git"),
        "svn_url": web, "homepage": null, "size": 0, "stargazers_count": 0,
        "watchers_count": 0, "language": null, "has_issues": true, "has_projects": true,
        "has_downloads": true, "has_wiki": false, "has_pages": false, "forks_count": 0,
        "mirror_url": null, "archived": false, "disabled": false, "open_issues_count": 1,
        "license": null, "forks": 0, "open_issues": 1, "watchers": 0,
        "default_branch": context.default_branch(), "pushed_at": EPOCH, "created_at": EPOCH,
        "updated_at": EPOCH,
    });
    for (field, path) in REPOSITORY_URLS {
        body[field] = json!(format!("{api}{path}"));
    }
    body
}

const EPOCH: &str = "2026-01-01T00:00:00Z";

const REPOSITORY_URLS: [(&str, &str); 36] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

/// A pull request as an element of a list.
pub fn pull_request(context: &RepositoryContext, pull: &PullRequest) -> Value {
    let (name, number) = (&context.repository, pull.number);
    let html = format!("{WEB}/{name}/pull/{number}");
    let links = links(name, pull);
    let end = |repository: &str, branch: &str, sha: &str| {
        let owner = repository.split('/').next().unwrap_or_default();
        let label = if owner.is_empty() { branch.to_owned() } else { format!("{owner}:{branch}") };
        // Both are null once a fork was deleted.
        let is_there = !repository.is_empty();
        json!({
            "label": label, "ref": branch, "sha": sha,
            "user": is_there.then(|| user(owner)),
            "repo": is_there.then(|| repository_named(context, repository)),
        })
    };
    let from = pull.head_repository.as_deref().unwrap_or(name);
    let mut body = json!({
        "url": links["self"]["href"], "id": 1_900_000_000 + number,
        "node_id": format!("PR_{number}"), "html_url": html,
        "diff_url": format!("{html}.diff"), "patch_url": format!("{html}.patch"),
        "issue_url": links["issue"]["href"], "number": number, "state": pull.state,
        "locked": false, "title": pull.title, "user": user(&pull.author), "body": null,
        "created_at": EPOCH, "updated_at": EPOCH,
        "closed_at": (pull.state == "closed").then(|| pull.closed_at.as_deref().unwrap_or(EPOCH)),
        "merged_at": pull.merged_at,
        "merge_commit_sha": null, "assignee": null, "assignees": [],
        "requested_reviewers": [], "requested_teams": [], "labels": [], "milestone": null,
        "draft": false, "head": end(from, &pull.head_ref, &pull.head_sha),
        "base": end(name, &pull.base_ref, &RepositoryContext::commit_of(&pull.base_ref)),
        "author_association": "CONTRIBUTOR", "auto_merge": null, "active_lock_reason": null,
    });
    for name in ["commits", "review_comments", "review_comment", "comments", "statuses"] {
        body[format!("{name}_url")] = links[name]["href"].clone();
    }
    body["_links"] = links;
    body
}

fn links(repository: &str, pull: &PullRequest) -> Value {
    let api = format!("{API}/repos/{repository}");
    let (own, issue) =
        (format!("{api}/pulls/{}", pull.number), format!("{api}/issues/{}", pull.number));
    let link = |href: String| json!({"href": href});
    json!({
        "self": link(own.clone()),
        "html": link(format!("{WEB}/{repository}/pull/{}", pull.number)),
        "issue": link(issue.clone()),
        "comments": link(format!("{issue}/comments")),
        "review_comments": link(format!("{own}/comments")),
        "review_comment": link(format!("{api}/pulls/comments{{/number}}")),
        "commits": link(format!("{own}/commits")),
        "statuses": link(format!("{api}/statuses/{}", pull.head_sha)),
    })
}

pub fn branch(context: &RepositoryContext, name: &str) -> Value {
    let commit = context.resolve(name);
    json!({
        "name": name, "protected": false,
        "commit": { "sha": commit, "url": format!("{API}/repos/{}/commits/{commit}", context.repository) },
    })
}

/// A branch as a reference of git.
pub fn reference(context: &RepositoryContext, name: &str) -> Value {
    let (api, commit) = (format!("{API}/repos/{}/git", context.repository), context.resolve(name));
    json!({
        "ref": format!("refs/heads/{name}"), "node_id": format!("REF_{name}"),
        "url": format!("{api}/refs/heads/{name}"),
        "object": { "type": "commit", "sha": commit, "url": format!("{api}/commits/{commit}") },
    })
}

/// A pull request with the fields that only its own endpoint returns.
pub fn whole_pull_request(
    context: &RepositoryContext,
    pull: &PullRequest,
    comments: usize,
) -> Value {
    let mut body = pull_request(context, pull);
    let more = json!({
        "merged": pull.merged_at.is_some(), "mergeable": true, "rebaseable": true, "mergeable_state": "clean",
        "merged_by": null, "comments": comments, "review_comments": 0,
        "maintainer_can_modify": false, "commits": 1, "additions": 1, "deletions": 0,
        "changed_files": 1,
    });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}

pub fn comment(context: &RepositoryContext, comment: &Comment) -> Value {
    let (name, id, issue) = (&context.repository, comment.id, comment.issue);
    let url = format!("{API}/repos/{name}/issues/comments/{id}");
    json!({
        "url": url, "id": id, "node_id": format!("IC_{id}"),
        "html_url": format!("{WEB}/{name}/pull/{issue}#issuecomment-{id}"),
        "issue_url": format!("{API}/repos/{name}/issues/{issue}"),
        "user": user(&context.login), "created_at": comment.created_at,
        "updated_at": comment.updated_at, "author_association": "NONE", "body": comment.body,
        "reactions": {
            "url": format!("{url}/reactions"), "total_count": 0, "+1": 0, "-1": 0, "laugh": 0,
            "hooray": 0, "confused": 0, "heart": 0, "rocket": 0, "eyes": 0,
        },
        "performed_via_github_app": via(context),
    })
}

pub fn deployment(context: &RepositoryContext, deployment: &Deployment) -> Value {
    let api = format!("{API}/repos/{}", context.repository);
    let url = format!("{api}/deployments/{}", deployment.id);
    json!({
        "url": url, "id": deployment.id, "node_id": format!("DE_{}", deployment.id),
        "task": deployment.task, "original_environment": deployment.environment,
        "environment": deployment.environment, "description": deployment.description,
        "created_at": deployment.created_at, "updated_at": deployment.updated_at,
        "statuses_url": format!("{url}/statuses"), "repository_url": api,
        "creator": user(&context.login), "sha": deployment.sha, "ref": deployment.reference,
        "payload": deployment.payload, "transient_environment": deployment.transient,
        "production_environment": deployment.production,
        "performed_via_github_app": via(context),
    })
}

pub fn deployment_status(context: &RepositoryContext, of: u64, status: &DeploymentStatus) -> Value {
    let api = format!("{API}/repos/{}", context.repository);
    let deployment = format!("{api}/deployments/{of}");
    json!({
        "url": format!("{deployment}/statuses/{}", status.id), "id": status.id,
        "node_id": format!("DES_{}", status.id), "state": status.state,
        "creator": user(&context.login), "description": status.description,
        "environment": status.environment, "target_url": status.log_url,
        "created_at": status.created_at, "updated_at": status.created_at,
        "deployment_url": deployment, "repository_url": api,
        "environment_url": status.environment_url, "log_url": status.log_url,
        "performed_via_github_app": via(context),
    })
}

pub fn status(context: &RepositoryContext, status: &CommitStatus) -> Value {
    let creator = user(&context.login);
    json!({
        "url": format!("{API}/repos/{}/statuses/{}", context.repository, status.sha),
        "avatar_url": creator["avatar_url"], "id": status.id,
        "node_id": format!("SC_{}", status.id), "state": status.state,
        "description": status.description, "target_url": status.target_url,
        "context": status.context, "created_at": status.created_at,
        "updated_at": status.created_at, "creator": creator,
    })
}
