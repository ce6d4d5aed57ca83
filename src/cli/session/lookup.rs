//! Asks GitHub about the pull request where the event does not describe it: of a
//! comment, of another workflow, of a branch, of `--pr N`.

use super::github::{GitHubConnection, push_head, read_cloud};
use crate::github::client::{Client, Pull, Repo};
use crate::http::Retryable as _;
use crate::journal::RunOptions;
use crate::resolve::{
    HostEnvironment, LookupFailure, PullRequest, PullRequestQuery, ResolveRequest, Trigger, is_fork,
};
use crate::run::outcome::{StepError, chain_of};
use crate::run::perform::retry;
use crate::secret::Redactor;
use url::Url;

/// Where the pull request is looked up.
pub struct Lookup<'a> {
    pub options: &'a RunOptions,
    pub host: &'a HostEnvironment,
    pub redactor: &'a Redactor,
}

impl Lookup<'_> {
    /// Completes what the event tells. That GitHub does not answer is no error
    /// yet: only steps that push or deploy need it.
    pub fn complete(
        &self,
        trigger: &mut Trigger,
        request: &ResolveRequest,
    ) -> Result<(), StepError> {
        let Some(query) = trigger.query(request) else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            StepError::new("cannot start the thread that asks GitHub").because(error.to_string())
        })?;
        runtime.block_on(self.push(trigger.git.head.as_deref()))?;
        let answer = runtime.block_on(self.ask(trigger.repository(), &query));
        trigger.answer(&query, answer);
        Ok(())
    }

    /// The pull request of a local cloud stands for what is checked out here.
    async fn push(&self, commit: Option<&str>) -> Result<(), StepError> {
        match (&self.options.cloud, commit) {
            (Some(cloud), Some(commit)) => {
                push_head(&read_cloud(cloud)?, commit, self.redactor).await
            }
            (None, _) | (_, None) => Ok(()),
        }
    }

    async fn ask(
        &self,
        repository: Option<String>,
        query: &PullRequestQuery,
    ) -> Result<Vec<PullRequest>, LookupFailure> {
        let repository = repository.ok_or_else(|| failure("its repository is not known"))?;
        let (http, connection) =
            GitHubConnection::alone(self.options, self.host, self.redactor, repository)
                .map_err(|error| failed(error, self.redactor))?;
        let connection = connection.ok_or_else(|| LookupFailure {
            help: Some(
                "set `GITHUB_TOKEN`, in a step of a workflow with `env: { GITHUB_TOKEN: \"${{ github.token }}\" }`"
                    .to_owned(),
            ),
            ..failure("there is no token to ask GitHub with")
        })?;
        let api = Url::parse(&connection.api)
            .map_err(|error| failure(&format!("`{}` is not a URL: {error}", connection.api)))?;
        let repo: Repo = connection.repository.parse().map_err(|error| {
            let error: crate::github::client::BadRepo = error;
            failure(&error.to_string())
        })?;
        let client = Client::new(&http, api, connection.token.clone());
        let listed = retry(|| async {
            match query {
                PullRequestQuery::Number(number) => {
                    client.pull(&repo, *number).await.map(|pull| vec![pull])
                }
                PullRequestQuery::Branch { owner, branch, .. } => {
                    client.pulls_of_branch(&repo, owner, branch).await
                }
                PullRequestQuery::Commit(commit) => client.pulls_of_commit(&repo, commit).await,
            }
        });
        match listed.await {
            Ok(listed) => Ok(listed.into_iter().map(found).collect()),
            Err(error) => Err(LookupFailure { help: error.help(), chain: chain_of(&error) }),
        }
    }
}

fn found(pull: Pull) -> PullRequest {
    let author = pull.user.map(|user| user.login);
    let name =
        |end: &crate::github::client::PullEnd| end.repo.as_ref().map(|repo| repo.full_name.clone());
    let (from, to) = (name(&pull.head), name(&pull.base));
    let fork = is_fork(from.as_deref(), to.as_deref(), author.as_deref());
    PullRequest {
        number: pull.number,
        head_sha: Some(pull.head.sha),
        branch: Some(pull.head.branch),
        base: Some(pull.base.branch),
        base_sha: Some(pull.base.sha),
        author,
        fork: Some(fork),
        closed: pull.state == "closed",
    }
}

fn failure(why: &str) -> LookupFailure {
    LookupFailure { chain: vec![why.to_owned()], help: None }
}

fn failed(error: StepError, redactor: &Redactor) -> LookupFailure {
    let shown = error.shown(redactor, None);
    LookupFailure { chain: shown.chain, help: shown.help }
}
