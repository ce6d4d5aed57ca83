//! What the plan needs of Azure, registries and this machine, as far as it is known
//! before a run.

use crate::cli::session::PlanSession;
use crate::oci::Reference;
use crate::plan::schema::{Action, BuildKind, Pull, SecretSource, Text};
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// One container group that the plan deploys.
#[derive(Clone, Debug)]
pub struct GroupNeed {
    pub service: String,
    pub name: Option<String>,
    pub label: Option<String>,
    pub resource_group: Option<String>,
    pub location: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Needs {
    pub groups: Vec<GroupNeed>,
    /// The resource group and the region of each app that the plan deploys.
    pub apps: BTreeSet<(String, Option<String>)>,
    /// Hosts of Azure's registries that are pushed to or pulled from.
    pub registries: BTreeSet<String>,
    /// Those among them that are pushed to.
    pub pushed: BTreeSet<String>,
    /// Registry and identity that pulls from it.
    pub pulls: Vec<(String, String)>,
    /// Whether any secret is in a vault.
    pub vaults: bool,
    /// Dockerfiles that are built.
    pub dockerfiles: Vec<PathBuf>,
}

const AZURE_REGISTRY: &str = ".azurecr.io";

impl Needs {
    pub fn of(session: &PlanSession) -> Self {
        let mut needs = Self::default();
        let azure = session.plan.azure.as_ref();
        let shared = |text: Option<&Text>| text.and_then(|text| name(session, text));
        let resource_group = shared(azure.and_then(|azure| azure.resource_group.as_ref()));
        let location = shared(azure.and_then(|azure| azure.location.as_ref()));
        for (service, found) in session.plan.services.iter() {
            for step in &found.steps {
                match &step.action {
                    Action::Tag(tag) => {
                        let images = tag.targets.iter().map(|target| &target.image);
                        needs.pushed.extend(images.filter_map(|image| host(session, image)));
                    }
                    Action::Build(build) => {
                        let folder = session.file.folder_of(&service.span);
                        needs.dockerfile(session, &folder, &build.kind);
                    }
                    Action::Deploy(deploy) => {
                        needs
                            .registries
                            .extend(deploy.image.iter().filter_map(|it| host(session, it)));
                        if let Some(app) = deploy.container_app() {
                            let own = shared(app.resource_group.as_ref());
                            let group = own.or_else(|| resource_group.clone());
                            needs.apps.extend(group.map(|group| (group, location.clone())));
                        }
                        for aci in deploy.aci() {
                            let own = |text: Option<&Text>| shared(text);
                            needs.groups.push(GroupNeed {
                                service: service.value.clone(),
                                name: own(aci.name.as_ref())
                                    .or_else(|| own(aci.dns_label.as_ref())),
                                label: own(aci.dns_label.as_ref()),
                                resource_group: own(aci.resource_group.as_ref())
                                    .or_else(|| resource_group.clone()),
                                location: own(aci.location.as_ref()).or_else(|| location.clone()),
                            });
                        }
                    }
                    Action::Push(_) | Action::Verify(_) | Action::Run(_) => {}
                }
            }
        }
        needs.pushed.retain(|host| host.ends_with(AZURE_REGISTRY));
        needs.registries.retain(|host| host.ends_with(AZURE_REGISTRY));
        needs.registries.extend(needs.pushed.iter().cloned());
        for (host, registry) in session.plan.registries.iter() {
            if let Some(Pull::Identity(identity)) = &registry.pull {
                let identity = name(session, identity);
                needs.pulls.extend(identity.map(|identity| (host.value.clone(), identity)));
            }
        }
        needs.vaults = session.plan.secrets.iter().any(|(_, declared)| {
            declared.sources.iter().any(|source| matches!(source.value, SecretSource::KeyVault(_)))
        });
        needs
    }

    /// Whether anything in Azure is needed.
    pub fn azure(&self) -> bool {
        !self.groups.is_empty()
            || !self.apps.is_empty()
            || !self.registries.is_empty()
            || self.vaults
    }

    /// The resource groups, each once.
    pub fn resource_groups(&self) -> BTreeSet<(String, Option<String>)> {
        self.of_groups().union(&self.apps).cloned().collect()
    }

    /// The resource groups that container groups are deployed to.
    pub fn of_groups(&self) -> BTreeSet<(String, Option<String>)> {
        let groups = self.groups.iter();
        groups.filter_map(|it| Some((it.resource_group.clone()?, it.location.clone()))).collect()
    }

    fn dockerfile(&mut self, session: &PlanSession, folder: &Path, build: &BuildKind) {
        let BuildKind::Dockerfile(build) = build else { return };
        let text = |text: &Text| name(session, text);
        let context = text(&build.context).unwrap_or_else(|| ".".to_owned());
        let file = build.dockerfile.as_ref().and_then(text);
        let file = file.unwrap_or_else(|| format!("{context}/Dockerfile"));
        self.dockerfiles.push(folder.join(file));
    }
}

/// A name, unless it depends on a step or a secret.
fn name(session: &PlanSession, text: &Text) -> Option<String> {
    let rendered = text.is_known_early().then(|| text.render(&session.scope).ok()).flatten()?;
    rendered.plain().map(str::to_owned).filter(|name| !name.is_empty())
}

fn host(session: &PlanSession, text: &Text) -> Option<String> {
    name(session, text)?.parse::<Reference>().ok().map(|reference| reference.host)
}
