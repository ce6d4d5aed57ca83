//! The table of environment variables that hold credentials.
//!
//! Expressions that read one are tainted, secret values are masked in all output,
//! and no child process inherits any of them.

use super::credential_parts::credential_parts;
use crate::plan::expr::Scope;
use crate::plan::schema::{Plan, SecretSource};
use crate::secret::Redactor;
use std::collections::{BTreeMap, BTreeSet};

/// An environment variable that holds a credential, or with a `*` a family of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CredentialVariable {
    /// Compared without case.
    pub name: &'static str,
    /// Whether its value is masked in all output. Every entry taints expressions and
    /// is withheld from child processes. URLs, paths and values such as `true` are not
    /// masked: that would garble the output.
    pub masked: bool,
}

const fn masked(name: &'static str) -> CredentialVariable {
    CredentialVariable { name, masked: true }
}

const fn withheld(name: &'static str) -> CredentialVariable {
    CredentialVariable { name, masked: false }
}

/// The first match counts, so `INPUT_*` stands after the inputs that are masked.
const CREDENTIAL_VARIABLES: &[CredentialVariable] = &[
    // The runner of GitHub Actions.
    masked("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
    withheld("ACTIONS_ID_TOKEN_REQUEST_URL"),
    masked("ACTIONS_RUNTIME_TOKEN"),
    withheld("ACTIONS_RUNTIME_URL"),
    withheld("ACTIONS_CACHE_URL"),
    withheld("ACTIONS_RESULTS_URL"),
    masked("GITHUB_TOKEN"),
    masked("GITHUB_PAT"),
    masked("GH_TOKEN"),
    masked("GH_ENTERPRISE_TOKEN"),
    masked("GITHUB_ENTERPRISE_TOKEN"),
    masked("INPUT_TOKEN"),
    masked("INPUT_*TOKEN"),
    masked("INPUT_PASSWORD"),
    masked("INPUT_*PASSWORD"),
    withheld("INPUT_*"),
    // Collectors of OpenTelemetry.
    masked("OTEL_EXPORTER_OTLP_HEADERS"),
    masked("OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
    // Azure: its SDKs, its login action, Terraform's provider, Azure Pipelines.
    masked("AZURE_CLIENT_SECRET"),
    masked("AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    withheld("AZURE_CLIENT_CERTIFICATE_PATH"),
    withheld("AZURE_FEDERATED_TOKEN_FILE"),
    masked("AZURE_PASSWORD"),
    masked("AZURE_CREDENTIALS"),
    masked("AZURE_STORAGE_KEY"),
    masked("AZURE_STORAGE_CONNECTION_STRING"),
    masked("AZURE_STORAGE_SAS_TOKEN"),
    masked("ARM_CLIENT_SECRET"),
    masked("ARM_CLIENT_CERTIFICATE_PASSWORD"),
    masked("ARM_ACCESS_KEY"),
    masked("ARM_OIDC_TOKEN"),
    masked("ARM_OIDC_REQUEST_TOKEN"),
    withheld("ARM_OIDC_REQUEST_URL"),
    masked("SYSTEM_ACCESSTOKEN"),
    masked("IDENTITY_HEADER"),
    masked("MSI_SECRET"),
    // Registries of images and packages.
    masked("DOCKER_AUTH_CONFIG"),
    masked("DOCKER_PASSWORD"),
    masked("ACR_PASSWORD"),
    masked("REGISTRY_PASSWORD"),
    masked("*_REGISTRY_PASSWORD"),
    masked("NPM_TOKEN"),
    masked("NODE_AUTH_TOKEN"),
    masked("CARGO_REGISTRY_TOKEN"),
    // Others that a build machine often has.
    masked("AWS_SECRET_ACCESS_KEY"),
    masked("AWS_SESSION_TOKEN"),
    withheld("GOOGLE_APPLICATION_CREDENTIALS"),
    masked("VAULT_TOKEN"),
];

/// The first entry of the table that matches a variable.
pub fn credential(name: &str) -> Option<&'static CredentialVariable> {
    let name = name.to_ascii_uppercase();
    CREDENTIAL_VARIABLES.iter().find(|known| matches_pattern(known.name, &name))
}

/// Whether a variable is in the table or is named as if it held a secret. This counts in
/// the run of a fork, whose own plan says which variables are sources of secrets.
pub fn sounds_secret(name: &str) -> bool {
    const PARTS: [&str; 7] =
        ["TOKEN", "SECRET", "PASSW", "PASSPHRASE", "CREDENTIAL", "KEY", "CONNECTION_STRING"];
    const WORDS: [&str; 6] = ["AUTH", "PASS", "PAT", "PWD", "SAS", "DSN"];
    if credential(name).is_some() {
        return true;
    }
    let name = name.to_ascii_uppercase();
    // The folder that a shell is in, now and before.
    let is_folder = ["PWD", "OLDPWD"].contains(&name.as_str());
    let mut words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    !is_folder
        && (PARTS.iter().any(|part| name.contains(part)) || words.any(|word| WORDS.contains(&word)))
}

/// A `*` stands for at least one character; a pattern has at most one. The name is in upper case.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            name.len() > start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
        None => name == pattern,
    }
}

/// The names of the variables from which the plan's secrets are read, in any
/// environment. Names that `scope` cannot evaluate are left out: reading such a secret is
/// an error before any child process starts.
pub fn secret_sources(plan: &Plan, scope: &Scope) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, secret) in plan.all_secrets() {
        for source in &secret.sources {
            if let SecretSource::Env(name) = &source.value
                && let Ok(name) = name.render(scope)
            {
                names.insert(name.expose().to_owned());
            }
        }
    }
    names
}

/// The environment for a child process: without credentials, and without the
/// variables from which the plan's secrets are read.
pub fn scrub(
    env: &BTreeMap<String, String>,
    sources: &BTreeSet<String>,
) -> BTreeMap<String, String> {
    let kept =
        env.iter().filter(|(name, _)| credential(name).is_none() && !sources.contains(*name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Files by which a program sets variables, the path, outputs and the summary of a job, also for
/// later steps, which may have secrets.
const COMMAND_FILES: [&str; 5] =
    ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];

/// The same for the programs of a fork's run, and without the files of the job.
pub fn scrub_for_fork(
    env: &BTreeMap<String, String>,
    sources: &BTreeSet<String>,
) -> BTreeMap<String, String> {
    let mut kept = scrub(env, sources);
    kept.retain(|name, _| !sounds_secret(name) && !COMMAND_FILES.contains(&name.as_str()));
    kept
}

/// Masks the values of secret variables in all output, whole and each credential in them, also
/// of those that the plan does not name: a library or a child may print them.
pub fn mask(env: &BTreeMap<String, String>, redactor: &Redactor) {
    for (name, value) in env {
        if !value.is_empty() && credential(name).is_some_and(|known| known.masked) {
            let source = format!("env.{name}");
            redactor.adopt(&source, value.clone());
            for part in credential_parts(value) {
                redactor.adopt(&source, part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{credential, mask, scrub, scrub_for_fork, sounds_secret};
    use crate::secret::Redactor;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn names_and_families_are_known() {
        for name in [
            "GITHUB_TOKEN",
            "github_token",
            "INPUT_GITHUB-TOKEN",
            "INPUT_TOKEN",
            "input_password",
            "SHOP_REGISTRY_PASSWORD",
        ] {
            assert!(credential(name).is_some_and(|known| known.masked), "{name}");
        }
        for name in ["INPUT_PLAN", "ACTIONS_RUNTIME_URL"] {
            assert!(credential(name).is_some_and(|known| !known.masked), "{name}");
        }
        for name in ["PATH", "GITHUB_SHA", "AZURE_CLIENT_ID", "INPUT_", "GITHUB_TOKENS"] {
            assert!(credential(name).is_none(), "{name}");
        }
    }

    #[test]
    fn children_get_neither_credentials_nor_sources_of_secrets() {
        let env = ["PATH", "GITHUB_TOKEN", "INPUT_PLAN", "NPM", "AZURE_CLIENT_ID", "SSH_AUTH_SOCK"];
        let env: BTreeMap<_, _> = env.map(|name| (name.to_owned(), "x".to_owned())).into();
        let kept = scrub(&env, &BTreeSet::from(["NPM".to_owned()]));
        assert_eq!(
            kept.into_keys().collect::<Vec<_>>(),
            ["AZURE_CLIENT_ID", "PATH", "SSH_AUTH_SOCK"]
        );
    }

    #[test]
    fn programs_of_a_fork_get_nothing_that_is_named_as_a_secret() {
        let secret = ["PRODKEY", "DB_PWD", "my_pat", "SSH_AUTH_SOCK", "MAIL_PASS", "x-secret-y"];
        for name in secret {
            assert!(sounds_secret(name), "{name}");
        }
        let plain = ["PWD", "OLDPWD", "PATH", "GIT_AUTHOR_NAME", "GITHUB_SHA", "COMPASS"];
        let files = ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"];
        for name in plain.iter().chain(&files) {
            assert!(!sounds_secret(name), "{name}");
        }
        let env = secret
            .iter()
            .chain(&plain)
            .chain(&files)
            .map(|name| ((*name).to_owned(), "x".to_owned()));
        let kept = scrub_for_fork(&env.collect(), &BTreeSet::from(["COMPASS".to_owned()]));
        assert_eq!(
            kept.into_keys().collect::<Vec<_>>(),
            ["GITHUB_SHA", "GIT_AUTHOR_NAME", "OLDPWD", "PATH", "PWD"]
        );
    }

    #[test]
    fn secrets_are_masked_and_the_rest_is_not() {
        let env = [("GITHUB_TOKEN", "ghs_hunter22"), ("INPUT_DRY-RUN", "false")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let redactor = Redactor::default();
        mask(&env, &redactor);
        assert_eq!(redactor.redact("false ghs_hunter22"), "false ***");
    }
}
