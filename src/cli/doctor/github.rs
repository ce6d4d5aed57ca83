//! What the token may write at GitHub, for the reports of the plan.

use super::check::Check;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::value::Channel;
use serde_json::json;
use std::time::Duration;

const MAX_ANSWER_TIME: Duration = Duration::from_secs(10);

const NEW_TOKEN: &str = "set another one as `GITHUB_TOKEN`; that of a job ends with the job";

/// A kind of report, the permission that it needs, and where it is written.
struct Wanted {
    report: &'static str,
    permission: &'static str,
    path: Option<String>,
}

pub async fn permissions(session: &PlanSession, connections: &Connections) -> Vec<Check> {
    let wanted = wanted(session);
    if wanted.is_empty() {
        return Vec::new();
    }
    let Some(github) = &connections.github else {
        let check = Check::warning("github", "no token: nothing is reported to GitHub");
        let help = "in a workflow the action has one; elsewhere set `GITHUB_TOKEN`";
        return vec![check.help(Some(help.to_owned()))];
    };
    let mut checks = Vec::new();
    for Wanted { report, permission, path } in wanted {
        let id = format!("github {permission}");
        let Some(path) = path else {
            checks.push(Check::not_checked(
                id,
                format!("{report}: there is no pull request to ask about"),
            ));
            continue;
        };
        // A body without its fields is refused with 422, but only where the token may
        // write: nothing is changed either way.
        let url =
            format!("{}/repos/{}/{path}", github.api.trim_end_matches('/'), github.repository);
        let request = connections.http.direct().post(url).timeout(MAX_ANSWER_TIME);
        let request = request.bearer_auth(github.token.expose()).json(&json!({}));
        let answer = connections.http.send(request.header("user-agent", "shipway")).await;
        checks.push(match answer.map(|answer| answer.status().as_u16()) {
            Ok(422) => Check::ok(id, format!("{report}: the token may write it")),
            Ok(401) => Check::failed(id, format!("{report}: GitHub does not accept the token"))
                .help(Some(NEW_TOKEN.to_owned())),
            Ok(403) => Check::failed(id, format!("{report}: the token may not write it"))
                .help(Some(format!("give the job the permission `{permission}: write`"))),
            Ok(404) => {
                let detail = format!("{report}: the token may not see `{}`", github.repository);
                Check::failed(id, detail).help(Some("give it access to the repository".to_owned()))
            }
            Ok(other) => Check::warning(id, format!("{report}: GitHub answered {other}")),
            Err(error) => {
                let chain = crate::run::outcome::chain_of(&error).join(": ");
                Check::failed(id, format!("{report}: cannot ask GitHub: {chain}"))
            }
        });
    }
    checks
}

fn wanted(session: &PlanSession) -> Vec<Wanted> {
    let member = |context: &str, name: &str| {
        let object = session.scope.context(context);
        object.map(|object| object.get(name).text()).filter(|text| !text.is_empty())
    };
    let mut wanted = Vec::new();
    for channel in &session.plan.report.0 {
        wanted.extend(match channel {
            Channel::Comment => Some(Wanted {
                report: "comment",
                permission: "pull-requests",
                path: member("pr", "number").map(|number| format!("issues/{number}/comments")),
            }),
            Channel::Deployment => Some(Wanted {
                report: "deployment",
                permission: "deployments",
                path: Some("deployments".to_owned()),
            }),
            Channel::Status | Channel::ServiceStatus => Some(Wanted {
                report: if *channel == Channel::Status { "status" } else { "service-status" },
                permission: "statuses",
                path: member("git", "sha").map(|sha| format!("statuses/{sha}")),
            }),
            Channel::Summary | Channel::Plan => None,
        });
    }
    wanted
}
