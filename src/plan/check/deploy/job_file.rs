//! `ended-service` and what the credentials of a job file need.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{
    Action, BatchAiCredentials, BatchTaskCredentials, DeployKind, Step, Text, other_vault,
};

pub(super) fn check(step: &Step, found: &mut Vec<Diagnostic>) {
    let Action::Deploy(deploy) = &step.action else { return };
    match &deploy.kind {
        DeployKind::Aci(_) | DeployKind::ContainerApp(_) => {}
        DeployKind::BatchAiJob(job) => {
            let message = "Batch AI ended on 2019-03-31: no service takes this file any more";
            found.push(
                Diagnostic::warning("ended-service", message, &step.span)
                    .help("`batch-task` writes a task of Azure Batch, its successor"),
            );
            found.extend(job.credentials.as_ref().and_then(of_job));
        }
        DeployKind::BatchTask(task) => found.extend(task.credentials.as_ref().and_then(of_task)),
    }
}

fn of_job(credentials: &BatchAiCredentials) -> Option<Diagnostic> {
    let BatchAiCredentials { username, password, vault_id, secret_url } = credentials;
    let reference = vault_id.as_ref().or(secret_url.as_ref());
    let help = "write `password`, or `vault-id` and `secret-url` for one that is in Key Vault";
    match (password, vault_id, secret_url) {
        (Some(password), ..) => {
            let reference = reference?;
            Some(exclusive(password, reference, "the password of a registry", help))
        }
        (None, Some(vault_id), Some(secret_url)) => other_vault(vault_id, secret_url),
        (None, ..) => {
            let at = reference.unwrap_or(username);
            let message = match (vault_id, secret_url) {
                (None, None) => "the user of the registry has no password",
                (None, _) => "`vault-id` is missing beside `secret-url`",
                (_, _) => "`secret-url` is missing beside `vault-id`",
            };
            Some(Diagnostic::error("missing-key", message, &at.span).help(help))
        }
    }
}

fn of_task(credentials: &BatchTaskCredentials) -> Option<Diagnostic> {
    let BatchTaskCredentials { identity, username, password } = credentials;
    let help = "write `identity`, or `username` and `password`";
    match (identity, username.as_ref().zip(password.as_ref())) {
        (Some(identity), _) => {
            let login = username.as_ref().or(password.as_ref())?;
            Some(exclusive(login, identity, "the login of a registry", help))
        }
        (None, Some(_)) => None,
        (None, None) => {
            let at = username.as_ref().or(password.as_ref())?;
            let message = match username {
                Some(_) => "the user of the registry has no password",
                None => "the password of the registry has no `username`",
            };
            Some(Diagnostic::error("missing-key", message, &at.span).help(help))
        }
    }
}

fn exclusive(first: &Text, second: &Text, what: &str, help: &str) -> Diagnostic {
    let message = format!("{what} is given in two ways");
    Diagnostic::error("conflicting-keys", message, &second.span)
        .also(&first.span, "given here")
        .help(help)
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn task(credentials: &str) -> String {
        plan(&format!(
            "batch-task: {{ from: a.json, to: b.json, credentials: {{ {credentials} }} }}"
        ))
    }

    fn job(credentials: &str) -> String {
        plan(&format!(
            "batch-ai-job: {{ from: a.json, to: b.json, credentials: {{ username: u{credentials} }} }}"
        ))
    }

    fn plan(keys: &str) -> String {
        let secrets = if keys.contains("secrets.p") { "secrets: { p: { env: P } }\n" } else { "" };
        format!("name: a\n{secrets}steps:\n- deploy:\n    image: r.io/b:v1\n    {keys}\n")
    }

    /// The first line of each mistake.
    fn mistakes(plan: &str) -> Vec<String> {
        let shown = drawn(plan);
        let heads = shown.lines().filter(|line| line.starts_with("error"));
        heads.map(str::to_owned).collect()
    }

    #[test]
    fn service_that_ended_is_a_warning() {
        assert_eq!(
            drawn(&plan("batch-ai-job: { from: a.json, to: b.json }")),
            "\
warning[ended-service]: Batch AI ended on 2019-03-31: no service takes this file any more
 --> shipway.yml:3:3
  |
3 | - deploy:
  |   ^^^^^^^
  |
  = help: `batch-task` writes a task of Azure Batch, its successor"
        );
        fine(&plan("batch-task: { from: a.json, to: b.json }"));
    }

    #[test]
    fn login_of_a_task_is_an_identity_or_a_password() {
        fine(&task("identity: /ids/pull"));
        fine(&task("username: u, password: \"${{ secrets.p }}\""));
        assert_eq!(
            mistakes(&task("identity: /ids/pull, username: u")),
            ["error[conflicting-keys]: the login of a registry is given in two ways"]
        );
        assert_eq!(
            mistakes(&task("username: u")),
            ["error[missing-key]: the user of the registry has no password"]
        );
        assert_eq!(
            mistakes(&task("password: \"${{ secrets.p }}\"")),
            ["error[missing-key]: the password of the registry has no `username`"]
        );
    }

    #[test]
    fn password_of_a_job_is_given_or_in_a_vault() {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults";
        let url = "secret-url: \"https://shop.vault.azure.net/secrets/acr\"";
        assert_eq!(mistakes(&job(", password: \"${{ secrets.p }}\"")), Vec::<String>::new());
        assert_eq!(mistakes(&job(&format!(", vault-id: {id}/shop, {url}"))), Vec::<String>::new());
        assert_eq!(
            mistakes(&job(&format!(", vault-id: {id}/other, {url}"))),
            ["error[conflicting-keys]: `vault-id` names the vault `other`, and `secret-url` the \
              vault `shop`"]
        );
        assert_eq!(
            mistakes(&job(&format!(", password: \"${{{{ secrets.p }}}}\", {url}"))),
            ["error[conflicting-keys]: the password of a registry is given in two ways"]
        );
        assert_eq!(
            mistakes(&job("")),
            ["error[missing-key]: the user of the registry has no password"]
        );
        assert_eq!(
            mistakes(&job(&format!(", {url}"))),
            ["error[missing-key]: `vault-id` is missing beside `secret-url`"]
        );
        assert_eq!(
            mistakes(&job(&format!(", vault-id: {id}/shop"))),
            ["error[missing-key]: `secret-url` is missing beside `vault-id`"]
        );
    }
}
