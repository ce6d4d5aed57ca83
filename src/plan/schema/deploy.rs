//! `deploy`: where an image runs.

use super::aci::{Aci, Container, InitContainer, VariableValue};
use super::container_app::ContainerApp;
use super::require::Require;
use super::text::{Map, Text};
use crate::oci::Reference;
use crate::plan::describe::{
    Key, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, choice, key, mapping,
};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::parse::{Entries, Reader};
use crate::plan::tree::{EntryKey, Kind};
use serde_json::Value;

mapping! {
    by hand
    /// To what an image is deployed.
    pub struct Deploy = "`deploy`" {
        flattened pub kind: DeployKind,
        /// Another image than what the service pushed.
        pub image: Option<Text> = key("image")
            .is::<Reference>()
            .names_image()
            .absent("what the service pushed"),
        /// What must hold of each image before anything is changed: `{ signed-by, provenance }`.
        pub require: Option<Require> = key("require").absent("nothing"),
    }
}

choice! {
    /// To what a service is deployed.
    pub enum DeployKind {
        /// Container group in Azure Container Instances.
        Aci(Box<Aci>) = key("aci"),
        /// App in Azure Container Apps.
        ContainerApp(Box<ContainerApp>) = key("container-app"),
    }
}

/// Keys that are kept for targets to come.
const RESERVED: [&str; 1] = ["batch-ai-job"];

impl PlanValue for Deploy {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if let Kind::Mapping(entries) = &slot.node.kind {
            let is_reserved = |name: &&EntryKey<'_>| RESERVED.contains(&&*name.value);
            if let Some(key) = entries.iter().map(|entry| &entry.key).find(is_reserved) {
                let message = format!("`{}` is not supported yet", key.value);
                let diagnostic = Diagnostic::error("not-yet-supported", message, &key.span);
                reader.report(diagnostic.help(
                    "`aci` deploys to Container Instances, `container-app` to Container Apps",
                ));
                return None;
            }
        }
        let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
        Self::from_entries(reader, &entries)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        Self::object().to_schema()
    }
}

impl DeployKind {
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let mut named =
            entries.keys().filter(|found| Self::KEYS.iter().any(|key| key.name == found.value));
        let chosen = named.next();
        if let (Some(first), Some(second)) = (chosen, named.next()) {
            reader.conflict(second, first, "a step deploys to one of them");
        }
        if chosen.is_none() {
            let help = "it deploys to Container Instances, and `container-app` to Container Apps";
            reader.missing(entries, "aci", help);
        }
        chosen
    }
}

/// What all targets have in common.
impl Deploy {
    /// The step's own resource group, which overrides the plan's.
    pub fn resource_group(&self) -> Option<&Text> {
        match &self.kind {
            DeployKind::Aci(aci) => aci.resource_group.as_ref(),
            DeployKind::ContainerApp(app) => app.resource_group.as_ref(),
        }
    }

    /// The containers beside the first.
    pub fn containers(&self) -> &[Container] {
        match &self.kind {
            DeployKind::Aci(aci) => &aci.containers,
            DeployKind::ContainerApp(_) => &[],
        }
    }

    /// The containers that run before the others.
    pub fn init_containers(&self) -> &[InitContainer] {
        match &self.kind {
            DeployKind::Aci(aci) => &aci.init_containers,
            DeployKind::ContainerApp(_) => &[],
        }
    }

    /// The keys below `aci`, if it deploys to a container group.
    pub fn aci(&self) -> impl Iterator<Item = &Aci> {
        let aci = match &self.kind {
            DeployKind::Aci(aci) => Some(&**aci),
            DeployKind::ContainerApp(_) => None,
        };
        aci.into_iter()
    }

    /// The keys below `container-app`, if it deploys to an app.
    pub fn container_app(&self) -> Option<&ContainerApp> {
        match &self.kind {
            DeployKind::Aci(_) => None,
            DeployKind::ContainerApp(app) => Some(app),
        }
    }

    /// The environment variables of each container.
    pub fn variables(&self) -> impl Iterator<Item = &Map<VariableValue>> {
        let app = self.container_app().map(|app| &app.env);
        let all = self.aci().flat_map(Aci::all_settings).map(|settings| &settings.env);
        let init = self.init_containers().iter().map(|container| &container.env);
        all.chain(init).chain(app)
    }

    /// Whether requests can reach it.
    pub fn has_ports(&self) -> bool {
        match &self.kind {
            DeployKind::Aci(aci) => aci.all_ports().next().is_some(),
            DeployKind::ContainerApp(app) => app.ingress.is_some(),
        }
    }

    /// What has to be said so that requests can reach it.
    pub fn port_help(&self) -> &'static str {
        match &self.kind {
            DeployKind::Aci(_) => "add the port on which it listens to `aci`, as in `ports: [80]`",
            DeployKind::ContainerApp(_) => {
                "add the port on which it listens to `container-app`, as in \
                 `ingress: { target-port: 80 }`"
            }
        }
    }

    /// The key that says to what it deploys.
    pub fn key(&self) -> &'static str {
        match &self.kind {
            DeployKind::Aci(_) => "aci",
            DeployKind::ContainerApp(_) => "container-app",
        }
    }

    /// What is deployed, as it is called.
    pub fn resource(&self) -> &'static str {
        match &self.kind {
            DeployKind::Aci(_) => "container group",
            DeployKind::ContainerApp(_) => "app",
        }
    }

    /// The service of the cloud that runs the image, as it is called.
    pub fn runs_on(&self) -> &'static str {
        match &self.kind {
            DeployKind::Aci(_) => "Container Instances",
            DeployKind::ContainerApp(_) => "Container Apps",
        }
    }

    /// Gives this image to each container that runs what the service pushed, and to the
    /// first.
    pub fn set_image(&mut self, image: &Text) {
        self.image = Some(image.clone());
        let DeployKind::Aci(aci) = &mut self.kind else { return };
        let further = aci.containers.iter_mut().map(|container| &mut container.image);
        let init = aci.init_containers.iter_mut().map(|container| &mut container.image);
        for named in further.chain(init) {
            named.get_or_insert_with(|| image.clone());
        }
    }

    /// The image of each container, init containers last; `None` stands for what the
    /// service pushed.
    pub fn images(&self) -> Vec<Option<&Text>> {
        let further = self.containers().iter().map(|it| it.image.as_ref());
        let init = self.init_containers().iter().map(|it| it.image.as_ref());
        std::iter::once(self.image.as_ref()).chain(further).chain(init).collect()
    }
}
