//! The initial state of a local cloud: everything that the plan expects to exist.

use super::placeholders::SecretValues;
use super::seeds::seed_image;
use crate::cli::plan_file::PlanFile;
use crate::cli::session::PlanSession;
use crate::journal::LocalCloudOptions;
use crate::local::{
    AnonymousAccess, AzureRegistry, GitHubRepository, Hidden, InitialState, OtherRegistry,
    PreloadedImage, PullRequest, RegistryUser, ResourceGroup, Vault, VaultSecret,
};
use crate::oci::Reference;
use crate::plan::expr::{EvalError, Scope, Value};
use crate::plan::schema::{Action, Login, Plan, Pull, Registry, Text, UserPassword};
use crate::registry::StoredLogins;
use crate::resolve::with_secrets;
use crate::run::outcome::StepError;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The location of the resources if the plan names none.
const DEFAULT_LOCATION: &str = "westeurope";

/// What the initial state is made from.
pub struct Blueprint<'a> {
    pub plan: &'a Plan,
    /// The contexts, with secrets.
    pub scope: Scope,
    /// The content of the vaults: by host, then by the name in the vault.
    vaults: &'a BTreeMap<String, BTreeMap<String, String>>,
    pub options: &'a LocalCloudOptions,
    /// Preloaded images: reference and folder of the OCI layout.
    pub seeds: Vec<(String, PathBuf)>,
    /// The plan's folder.
    pub file: &'a PlanFile,
    /// Asked whether a login is stored, never for one.
    stored_logins: StoredLogins,
}

impl<'a> Blueprint<'a> {
    pub fn of(
        session: &'a PlanSession,
        secrets: &'a SecretValues,
        options: &'a LocalCloudOptions,
    ) -> Result<Self, StepError> {
        let mut registered = Vec::new();
        for (name, value) in &secrets.values {
            let source = format!("secrets.{name}");
            let secret = session.redactor.register(&source, value.clone());
            let secret = secret.map_err(|error| StepError::new(error.to_string()))?;
            registered.push((name.clone(), secret));
        }
        let seeds = options.seed_image.iter().map(|text| seed_image(text));
        Ok(Self {
            plan: &session.plan,
            scope: with_secrets(session.scope.clone(), &session.plan, &registered)?,
            vaults: &secrets.vaults,
            seeds: seeds.collect::<Result<_, _>>()?,
            file: &session.file,
            stored_logins: StoredLogins::of(&session.host.env),
            options,
        })
    }
}

impl Blueprint<'_> {
    /// The subscription and its resource groups, the registries that the plan does
    /// not create, the vaults, and the pull request.
    pub fn initial_state(&self) -> Result<InitialState, EvalError> {
        let group = self.of_azure(|azure| azure.resource_group.as_ref())?;
        let location = self.of_azure(|azure| azure.location.as_ref())?;
        let location = location.unwrap_or_else(|| DEFAULT_LOCATION.to_owned());
        let group = group.unwrap_or_else(|| self.plan.name.value.clone());
        // A group that the plan creates is not there yet, and its registries are in another.
        let creates = self.plan.azure.as_ref().map(|azure| azure.create.resolve(&self.scope));
        let group =
            if creates.transpose()?.unwrap_or(false) { format!("{group}-shared") } else { group };
        let mut groups = vec![group.clone()];
        groups.extend(self.further_groups()?);
        groups.dedup();
        let named = |name| ResourceGroup { name, location: location.clone() };
        let (azure, other) = self.registries(&group)?;
        let github = self.github();
        Ok(InitialState {
            sigstore: self.sigstore(&github.repository)?,
            subscription_id: self
                .of_azure(|azure| azure.subscription.as_ref())?
                .unwrap_or_default(),
            resource_groups: groups.into_iter().map(named).collect(),
            registries: azure,
            other_registries: other,
            app_environments: self.app_environments(&group, &location)?,
            apps: self.apps_of_previews(&group)?,
            vaults: self.vaults.iter().map(|(host, secrets)| vault(host, secrets)).collect(),
            github: Some(github),
            runtime: self.options.runtime.unwrap_or_default(),
            offline: self.options.offline,
            seed_images: self
                .seeds
                .iter()
                .map(|(name, layout)| preloaded_image(name, layout))
                .collect(),
            allow_hosts: self.outside(),
            fault_rules: self.options.fault.clone(),
            ..InitialState::default()
        })
    }

    fn of_azure<'p>(
        &'p self,
        field: impl Fn(&'p crate::plan::schema::Azure) -> Option<&'p Text>,
    ) -> Result<Option<String>, EvalError> {
        let Some(text) = self.plan.azure.as_ref().and_then(field) else { return Ok(None) };
        let rendered = text.render(&self.scope)?.expose().to_owned();
        Ok(Some(rendered).filter(|text| !text.is_empty()))
    }

    fn further_groups(&self) -> Result<Vec<String>, EvalError> {
        let mut groups = Vec::new();
        for action in self.actions() {
            if let Action::Deploy(deploy) = action
                && let Some(text) = deploy.resource_group()
            {
                groups.push(text.render(&self.scope)?.expose().to_owned());
            }
            if let Action::Deploy(deploy) = action
                && let Some(app) = deploy.container_app()
                && let Some(text) = &app.environment.resource_group
            {
                groups.push(text.render(&self.scope)?.expose().to_owned());
            }
        }
        Ok(groups)
    }

    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.placed_actions().map(|(_, action)| action)
    }

    /// The actions of the plan, each with the folder that its paths start from.
    pub fn placed_actions(&self) -> impl Iterator<Item = (PathBuf, &Action)> {
        let services = self.plan.services.iter();
        services.flat_map(|(name, service)| {
            let folder = self.file.folder_of(&name.span);
            service.steps.iter().map(move |step| (folder.clone(), &step.action))
        })
    }

    /// The registries that the plan names, Azure's and others, without those that
    /// it creates.
    fn registries(
        &self,
        group: &str,
    ) -> Result<(Vec<AzureRegistry>, Vec<OtherRegistry>), EvalError> {
        let (mut azure, mut other) = (Vec::new(), Vec::new());
        for host in self.hosts() {
            let settings = self.plan.registries.get(&host);
            if settings.is_some_and(|registry| registry.create.is_some()) {
                continue;
            }
            let users = settings.map(|registry| self.users(registry)).transpose()?;
            let users = users.unwrap_or_default();
            if let Some(name) = host.strip_suffix(".azurecr.io") {
                azure.push(AzureRegistry {
                    name: name.to_owned(),
                    resource_group: group.to_owned(),
                    location: String::new(),
                    sku: "Standard".to_owned(),
                    // Without `pull` in the plan, the service pulls as the admin
                    // user.
                    admin_user: true,
                    anonymous_pull: settings
                        .is_some_and(|registry| matches!(registry.pull, Some(Pull::Anonymous))),
                    users,
                    host,
                });
            } else {
                let anonymous = self.anonymous(&host, settings);
                other.push(OtherRegistry { host, users, anonymous });
            }
        }
        Ok((azure, other))
    }

    /// What clients without a login may do at a registry that is not Azure's. Where
    /// the real run would use a stored login, the dry run uses none and may do
    /// everything. Without any login, it may only pull, as at the real registry.
    fn anonymous(&self, host: &str, settings: Option<&Registry>) -> Option<AnonymousAccess> {
        let is_insecure =
            || settings.is_some_and(|it| it.insecure.resolve(&self.scope).unwrap_or_default());
        let has_stored = || self.stored_logins.may_have(host, "").unwrap_or_default();
        let pushes = match settings.and_then(|registry| registry.login.as_ref()) {
            Some(Login::User(_)) => return None,
            Some(Login::Anonymous) => !PUBLIC.contains(&host),
            Some(Login::Entra | Login::Admin | Login::DockerConfig) | None => {
                is_loopback(host) || is_insecure() || has_stored()
            }
        };
        Some(if pushes { AnonymousAccess::All } else { AnonymousAccess::Pull })
    }

    /// The users that the plan signs in as: Shipway, and the service when it pulls.
    fn users(&self, registry: &Registry) -> Result<Vec<RegistryUser>, EvalError> {
        let pull = match &registry.pull {
            Some(Pull::User(user)) => Some(user),
            Some(Pull::Identity(_) | Pull::Anonymous) | None => None,
        };
        let login = match &registry.login {
            Some(Login::User(user)) => Some(user),
            Some(Login::Entra | Login::Admin | Login::DockerConfig | Login::Anonymous) | None => {
                None
            }
        };
        let one = |UserPassword { username, password }: &UserPassword| {
            Ok(RegistryUser {
                username: username.render(&self.scope)?.expose().to_owned(),
                password: Hidden::new(password.render(&self.scope)?.expose().to_owned()),
            })
        };
        login.into_iter().chain(pull).map(one).collect()
    }

    /// The hosts that the plan lists, and those of its images.
    fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = self.plan.registries.keys().map(str::to_owned).collect();
        for action in self.actions() {
            if let Action::Tag(tag) = action {
                hosts.extend(tag.targets.iter().filter_map(|target| self.host(&target.image)));
            }
        }
        let seeds = self.seeds.iter().map(|(name, _)| name.clone());
        let images = seeds.chain(self.bases()).chain(self.copied());
        hosts.extend(images.filter_map(|name| Some(name.parse::<Reference>().ok()?.host)));
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// The host of a reference, if it is known before the run.
    fn host(&self, text: &Text) -> Option<String> {
        let rendered = text.render(&self.scope).ok()?;
        rendered.expose().parse::<Reference>().ok().map(|reference| reference.host)
    }

    /// The fork that the pull request comes from.
    fn fork(&self) -> Option<String> {
        let path = ["event", "pull_request", "head", "repo", "full_name"];
        let context = |name: &str| self.scope.context(name).cloned().unwrap_or(Value::NULL);
        let from = path.iter().fold(context("github"), |value, member| value.get(member)).text();
        (context("pr").get("fork").text() == "true"
            && from != context("github").get("repository").text())
        .then_some(from)
    }

    fn github(&self) -> GitHubRepository {
        let text = |context: &str, member: &str| {
            let value = self.scope.context(context).map(|object| object.get(member));
            value.map(|value: Value| value.text()).unwrap_or_default()
        };
        let number = text("pr", "number").parse().ok();
        let pull_request = number.map(|number| PullRequest {
            number,
            title: format!("{} in a dry run", self.plan.name.value),
            head_sha: text("pr", "head-sha"),
            head_ref: text("pr", "branch"),
            head_repository: self.fork(),
            base_ref: text("pr", "base"),
            state: "open".to_owned(),
            closed_at: None,
            merged_at: None,
            author: text("pr", "author"),
            simulated: true,
        });
        let repository = text("github", "repository");
        let repository =
            if repository.is_empty() { "local/dry-run".to_owned() } else { repository };
        GitHubRepository {
            repository,
            token: Hidden::default(),
            pull_request,
            pull_requests: Vec::new(),
            collaborators: BTreeMap::new(),
            branches: Vec::new(),
            denied: Vec::new(),
        }
    }
}

/// Registries that anyone may pull from, and that let no client push without a login.
const PUBLIC: [&str; 7] = [
    "docker.io",
    "ghcr.io",
    "quay.io",
    "gcr.io",
    "registry.gitlab.com",
    "public.ecr.aws",
    "mcr.microsoft.com",
];

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn vault(host: &str, secrets: &BTreeMap<String, String>) -> Vault {
    let value = |(name, value): (&String, &String)| {
        (name.clone(), VaultSecret::Value(Hidden::new(value.clone())))
    };
    Vault { host: host.to_owned(), secrets: secrets.iter().map(value).collect() }
}

fn preloaded_image(reference: &str, layout: &Path) -> PreloadedImage {
    PreloadedImage { reference: reference.to_owned(), layout: layout.to_owned() }
}
