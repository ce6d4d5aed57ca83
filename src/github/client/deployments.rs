//! Deployments: the pull request shows what is deployed, and where.
//!
//! Three defaults of GitHub are unsuitable: it waits for all checks, among them the
//! one that runs Shipway; it merges the base branch first; and it does not end the
//! older deployments of a transient environment.

use super::error::{Error, Kind};
use super::repo::Repo;
use super::request::{ApiRequest, Client};
use super::statuses::described;
use ::http::Method;
use serde::{Deserialize, Serialize};

const READ: &str = "deployments: read";
const WRITE: &str = "deployments: write";

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewDeployment {
    /// In a pull request its head, or the pull request does not show it.
    pub commit: String,
    /// A deployment that succeeds ends the earlier ones of its environment.
    pub environment: String,
    /// Whether the environment will be removed.
    pub transient: bool,
    /// Whether people use the environment directly.
    pub production: bool,
    /// Cut at 140 characters.
    pub description: String,
    /// The id of the run, by which the deployment is found again.
    pub run: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Deployment {
    pub id: u64,
    #[serde(default)]
    pub sha: Option<String>,
    #[serde(default)]
    pub environment: Option<String>,
    /// What its creator added: an object here, and anything in those of others.
    #[serde(default)]
    pub payload: serde_json::Value,
}

impl Deployment {
    /// The ids of runs sort by time.
    fn is_of_later_run(&self, run: &str) -> bool {
        self.payload["run"].as_str().is_some_and(|own| own > run)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// The run was cancelled.
    Error,
    Failure,
    /// It was removed or replaced.
    Inactive,
    Success,
}

impl DeploymentState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Inactive => "inactive",
            Self::Success => "success",
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeploymentStatus {
    pub state: DeploymentState,
    /// The log of the run.
    pub log_url: Option<String>,
    /// The deployed service: the target of the button on the pull request.
    pub environment_url: Option<String>,
    /// Cut at 140 characters.
    pub description: String,
    /// Whether a success ends the earlier deployments of the environment, unless GitHub
    /// has it for transient or for production.
    pub ends_others: bool,
}

/// A deployment that takes the place of others.
#[derive(Clone, Copy, Debug)]
pub struct Successor<'a> {
    pub id: u64,
    /// Its run; the deployments of later runs stay. `None` if it has replaced those too.
    pub run: Option<&'a str>,
}

impl Successor<'_> {
    /// Whether another deployment stays.
    fn keeps(&self, other: &Deployment) -> bool {
        other.id == self.id || self.run.is_some_and(|run| other.is_of_later_run(run))
    }
}

#[derive(Serialize)]
struct Create<'a> {
    #[serde(rename = "ref")]
    commit: &'a str,
    environment: &'a str,
    required_contexts: [&'a str; 0],
    auto_merge: bool,
    transient_environment: bool,
    production_environment: bool,
    description: String,
    payload: Payload<'a>,
}

#[derive(Serialize)]
struct Payload<'a> {
    run: &'a str,
}

#[derive(Serialize)]
struct Status<'a> {
    state: DeploymentState,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment_url: Option<&'a str>,
    description: String,
    auto_inactive: bool,
}

#[derive(Deserialize)]
struct Known {
    state: String,
    #[serde(default)]
    environment_url: Option<String>,
}

impl Client {
    /// Creates a deployment, without waiting for checks and without merging.
    pub async fn create_deployment(
        &self,
        repo: &Repo,
        new: &NewDeployment,
    ) -> Result<Deployment, Error> {
        let url = self.url(&format!("/repos/{repo}/deployments"));
        let doing = format!("record the deployment to `{}` in `{repo}`", new.environment);
        let request = ApiRequest { doing, needs: WRITE, method: Method::POST, url };
        let body = Create {
            commit: &new.commit,
            environment: &new.environment,
            required_contexts: [],
            auto_merge: false,
            transient_environment: new.transient,
            production_environment: new.production,
            description: described(&new.description),
            payload: Payload { run: &new.run },
        };
        self.send(&request, Some(&body)).await?.read()
    }

    /// The deployment that this run has created, if its creation reached GitHub
    /// although the answer did not arrive.
    pub async fn find_deployment(
        &self,
        repo: &Repo,
        new: &NewDeployment,
    ) -> Result<Option<Deployment>, Error> {
        let all = self.deployments(repo, &new.environment).await?;
        let is_it = |found: &Deployment| {
            found.sha.as_ref() == Some(&new.commit) && found.payload["run"] == new.run.as_str()
        };
        Ok(all.into_iter().find(is_it))
    }

    /// Sets the status of a deployment.
    pub async fn set_deployment_status(
        &self,
        repo: &Repo,
        id: u64,
        status: &DeploymentStatus,
    ) -> Result<(), Error> {
        let url = self.url(&format!("/repos/{repo}/deployments/{id}/statuses"));
        let doing = format!("set the status of deployment {id} of `{repo}`");
        let request = ApiRequest { doing, needs: WRITE, method: Method::POST, url };
        let body = Status {
            state: status.state,
            log_url: status.log_url.as_deref(),
            environment_url: status.environment_url.as_deref(),
            description: described(&status.description),
            auto_inactive: status.ends_others,
        };
        self.send(&request, Some(&body)).await.map(drop)
    }

    /// Lists the deployments to an environment, the newest first.
    pub async fn deployments(
        &self,
        repo: &Repo,
        environment: &str,
    ) -> Result<Vec<Deployment>, Error> {
        let mut url = self.url(&format!("/repos/{repo}/deployments"));
        url.query_pairs_mut()
            .append_pair("environment", environment)
            .append_pair("per_page", "100");
        let doing = format!("list the deployments to `{environment}` in `{repo}`");
        self.list(&ApiRequest { doing, needs: READ, method: Method::GET, url }).await
    }

    /// Ends the deployments to an environment except those that `successor` keeps, which
    /// GitHub does not do for a transient one. Returns the ids of those that it ended.
    ///
    /// It starts with the newest, and stops at the first that has ended already. The newest
    /// is not asked where its successor has replaced all: it stood until now.
    pub async fn retire_deployments(
        &self,
        repo: &Repo,
        environment: &str,
        successor: Option<Successor<'_>>,
    ) -> Result<Vec<u64>, Error> {
        let mut ended = vec![];
        let mut stood = successor.is_some_and(|successor| successor.run.is_none());
        for deployment in self.deployments(repo, environment).await? {
            if successor.is_some_and(|successor| successor.keeps(&deployment)) {
                continue;
            }
            if !std::mem::take(&mut stood) && self.has_ended(repo, deployment.id).await? {
                break;
            }
            let status = DeploymentStatus {
                state: DeploymentState::Inactive,
                log_url: None,
                environment_url: None,
                description: String::new(),
                ends_others: false,
            };
            match self.set_deployment_status(repo, deployment.id, &status).await {
                Ok(()) => ended.push(deployment.id),
                // It was deleted in the meantime.
                Err(Error { kind: Kind::Missing, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ended)
    }

    /// The newest deployment to the environment, if it is of the same commit and has the same
    /// state and URL as this one would have.
    pub async fn standing_deployment(
        &self,
        repo: &Repo,
        new: &NewDeployment,
        status: &DeploymentStatus,
    ) -> Result<Option<u64>, Error> {
        let newest = self.deployments(repo, &new.environment).await?.into_iter().next();
        let Some(newest) = newest.filter(|newest| newest.sha.as_ref() == Some(&new.commit)) else {
            return Ok(None);
        };
        let url = |url: Option<&String>| url.cloned().unwrap_or_default();
        let is_same = self.latest_status(repo, newest.id).await?.is_some_and(|known| {
            known.state == status.state.as_str()
                && url(known.environment_url.as_ref()) == url(status.environment_url.as_ref())
        });
        Ok(is_same.then_some(newest.id))
    }

    /// Whether a later run has deployed to the environment, and still stands there.
    pub async fn has_later_success(
        &self,
        repo: &Repo,
        environment: &str,
        run: &str,
    ) -> Result<bool, Error> {
        for deployment in self.deployments(repo, environment).await? {
            if deployment.is_of_later_run(run)
                && self.state(repo, deployment.id).await?.as_deref() == Some("success")
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn has_ended(&self, repo: &Repo, id: u64) -> Result<bool, Error> {
        Ok(self.state(repo, id).await?.as_deref() == Some("inactive"))
    }

    async fn state(&self, repo: &Repo, id: u64) -> Result<Option<String>, Error> {
        Ok(self.latest_status(repo, id).await?.map(|known| known.state))
    }

    /// The status that was set last. `None` for a deployment that was deleted, too.
    async fn latest_status(&self, repo: &Repo, id: u64) -> Result<Option<Known>, Error> {
        let mut url = self.url(&format!("/repos/{repo}/deployments/{id}/statuses"));
        url.set_query(Some("per_page=1"));
        let doing = format!("read the status of deployment {id} of `{repo}`");
        let request = ApiRequest { doing, needs: READ, method: Method::GET, url };
        let latest: Vec<Known> = match self.send(&request, None::<&()>).await {
            Ok(response) => response.read()?,
            Err(Error { kind: Kind::Missing, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(latest.into_iter().next())
    }
}

#[cfg(test)]
mod tests {
    use super::{DeploymentState, DeploymentStatus, NewDeployment, Successor};
    use crate::github::client::fake::{Answer, FakeGithub, repo};

    fn new() -> NewDeployment {
        NewDeployment {
            commit: "abc".into(),
            environment: "pr-7".into(),
            transient: true,
            production: false,
            description: "storefront".into(),
            run: "01jd".into(),
        }
    }

    #[tokio::test]
    async fn a_deployment_neither_waits_nor_merges() {
        let github = FakeGithub::start(&[(
            "POST /repos/o/r/deployments",
            vec![Answer::json(201, r#"{"id":5,"sha":"abc","environment":"pr-7"}"#)],
        )])
        .await;
        let made = github.client().create_deployment(&repo(), &new()).await.expect("made");
        assert_eq!(made.id, 5);
        assert_eq!(
            github.requests()[0].body,
            r#"{"ref":"abc","environment":"pr-7","required_contexts":[],"auto_merge":false,"transient_environment":true,"production_environment":false,"description":"storefront","payload":{"run":"01jd"}}"#
        );
    }

    #[tokio::test]
    async fn a_merge_in_its_place_is_an_error() {
        let github = FakeGithub::start(&[(
            "POST /repos/o/r/deployments",
            vec![Answer::json(202, r#"{"message":"Auto-merged main into topic on deployment."}"#)],
        )])
        .await;
        let error = github.client().create_deployment(&repo(), &new()).await.expect_err("merged");
        assert_eq!(error.to_string(), "cannot record the deployment to `pr-7` in `o/r`");
        assert!(error.source.to_string().contains("missing field `id`"), "{}", error.source);
    }

    #[tokio::test]
    async fn the_deployment_of_this_run_is_found_again() {
        let list = "GET /repos/o/r/deployments?environment=pr-7&per_page=100";
        let found = |body: &'static str| async move {
            let github = FakeGithub::start(&[(list, vec![Answer::json(200, body)])]).await;
            let found = github.client().find_deployment(&repo(), &new()).await.expect("an answer");
            found.map(|found| found.id)
        };
        assert_eq!(
            found(
                r#"[{"id":7,"sha":"abc","payload":"{}"},{"id":6,"sha":"abc","payload":{"run":"01jc"}},{"id":5,"sha":"abc","payload":{"run":"01jd"}}]"#
            )
            .await,
            Some(5)
        );
        assert_eq!(found(r#"[{"id":6,"sha":"abd","payload":{"run":"01jd"}}]"#).await, None);
    }

    #[tokio::test]
    async fn a_status_names_the_url() {
        let github = FakeGithub::start(&[(
            "POST /repos/o/r/deployments/5/statuses",
            vec![Answer::json(201, "{}")],
        )])
        .await;
        let status = DeploymentStatus {
            state: DeploymentState::Success,
            log_url: Some("https://github.com/o/r/actions/runs/77".into()),
            environment_url: Some("http://x/".into()),
            description: "at work".into(),
            ends_others: true,
        };
        github.client().set_deployment_status(&repo(), 5, &status).await.expect("set");
        assert_eq!(
            github.requests()[0].body,
            r#"{"state":"success","log_url":"https://github.com/o/r/actions/runs/77","environment_url":"http://x/","description":"at work","auto_inactive":true}"#
        );
    }

    #[tokio::test]
    async fn older_deployments_are_ended_up_to_the_first_that_has() {
        let statuses = |id: u64| format!("/repos/o/r/deployments/{id}/statuses");
        let github = FakeGithub::start(&[
            (
                "GET /repos/o/r/deployments?environment=pr-7&per_page=100",
                vec![Answer::json(200, r#"[{"id":5},{"id":4},{"id":3},{"id":2},{"id":1}]"#)],
            ),
            (&format!("POST {}", statuses(4)), vec![Answer::json(201, "{}")]),
            (&format!("GET {}?per_page=1", statuses(3)), vec![Answer::json(200, "[]")]),
            (&format!("POST {}", statuses(3)), vec![Answer::json(404, "{}")]),
            (
                &format!("GET {}?per_page=1", statuses(2)),
                vec![Answer::json(200, r#"[{"state":"inactive"}]"#)],
            ),
        ])
        .await;

        let successor = Successor { id: 5, run: None };
        let ended = github.client().retire_deployments(&repo(), "pr-7", Some(successor)).await;

        assert_eq!(ended.expect("ended"), [4]);
        assert_eq!(
            github.requests()[1].body,
            r#"{"state":"inactive","description":"","auto_inactive":false}"#
        );
        assert!(!github.log().contains("/1/"));
    }
}
