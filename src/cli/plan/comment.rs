//! Posts what was shown on the pull request, if the plan's `report` asks for it.

use super::planned::Planned;
use super::summary::Summary;
use super::text;
use crate::cli::exit::Exit;
use crate::cli::pipeline::publish::{Publisher, Subject};
use crate::cli::say;
use crate::cli::session::connections::Connections;
use crate::cli::session::show_step_error;
use crate::report::PlanCard;

/// Posts the comment. That it cannot be posted is a warning, as for the reports of a run.
pub async fn post(planned: &Planned<'_>, summary: &Summary) -> Result<(), Exit> {
    let session = planned.session;
    let subject = Subject::of(session);
    if planned.offline || !subject.has_plan_comment() {
        return Ok(());
    }
    let connections =
        Connections::of(session).map_err(|error| show_step_error(error, &session.redactor))?;
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
        environment: subject.environment.name().map(str::to_owned),
        summary: summary.line(),
        steps: text::steps(planned).join("\n"),
        commit: subject.commit.clone(),
        run_url: subject.origin.run_url.clone(),
    };
    match publisher.plan(&card).await {
        Ok(None) => {}
        Ok(Some(posted)) => say::tell(&format!("comment on the pull request: {}", posted.url)),
        Err(warning) => say::tell(&format!("warning: {warning}")),
    }
    Ok(())
}
