//! Posts what was shown on the pull request, if the plan's `report` asks for it.

use super::planned::Planned;
use super::summary::Summary;
use super::text;
use crate::cli::pipeline::publish::{Publisher, Subject};
use crate::cli::say;
use crate::cli::session::connections::Connections;
use crate::report::PlanCard;

/// Posts the comment. That it cannot be posted is a warning, as for the reports of a run.
pub async fn post(planned: &Planned<'_>, summary: &Summary, connections: &Connections) {
    let session = planned.session;
    let subject = Subject::of(session);
    if planned.offline || !subject.has_plan_comment() {
        return;
    }
    let github = connections.github.as_ref();
    let publisher = Publisher {
        subject: &subject,
        github: github.map(|github| (&connections.http, github)),
        host: &session.host,
        redactor: &session.redactor,
        folder: None,
        is_resumed: false,
    };
    let card = PlanCard {
        plan: session.plan.name.value.clone(),
        part: subject.part(),
        environment: subject.environment.name().map(str::to_owned),
        summary: summary.line(),
        steps: text::steps(planned).join("\n"),
        commit: subject.commit.clone(),
        run_url: subject.origin.run_url.clone(),
        refusals: Vec::new(),
    };
    for line in publisher.plan(&card).await {
        say::tell(&line);
    }
}
