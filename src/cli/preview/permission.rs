//! Whether the author of a comment may deploy by it.

use crate::cli::session::PlanSession;
use crate::cli::session::connections::GitHubConnection;
use crate::run::outcome::StepError;
use crate::run::perform::retry;

/// Why a comment of this account counts for nothing, if so: anyone may comment on a public
/// pull request, but only those who may push to the repository may deploy from it.
///
/// GitHub is asked, since `author_association` of the event calls a person with read
/// access a collaborator too.
pub fn lacks_write(session: &PlanSession, login: &str) -> Result<Option<String>, StepError> {
    let doing = format!("cannot tell whether `{login}` may deploy by a comment");
    let failed = |why: &str| StepError::new(doing.clone()).because(why);
    let PlanSession { options, host, redactor, resolved, .. } = session;
    let repository = resolved.repository().ok_or_else(|| failed("the repository is not known"))?;
    let (http, github) = GitHubConnection::alone(options, host, redactor, repository)?;
    let github = github
        .ok_or_else(|| failed("there is no token to ask GitHub with").help("set `GITHUB_TOKEN`"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(&error.to_string()))?;
    let role = runtime.block_on(async {
        let (client, repo) = github.client(&http)?;
        let role = retry(|| client.role_of(&repo, login)).await;
        role.map_err(|error| StepError::from_error(&error).while_doing(&doing))
    })?;
    Ok((!role.may_write()).then(|| {
        format!(
            "`{login}` may not deploy by a comment, because the account has the role `{}` in \
             `{}`, and no write access",
            role.permission, github.repository
        )
    }))
}
