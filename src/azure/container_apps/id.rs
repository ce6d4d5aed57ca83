//! Which app, and which environment.

use crate::azure::resource_id::ResourceParts;
use std::fmt;

const KIND: &str = "Microsoft.App/containerApps";

/// The resource id of an app.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AppId {
    pub subscription: String,
    pub resource_group: String,
    pub name: String,
}

impl AppId {
    /// Parses a resource id. Azure spells ids in varying case.
    pub fn parse(id: &str) -> Option<Self> {
        let ResourceParts { subscription, resource_group, name } = ResourceParts::of(KIND, id)?;
        Some(Self {
            subscription: subscription.to_owned(),
            resource_group: resource_group.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// The id is also the path of the app at Resource Manager.
impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, name } = self;
        write!(
            f,
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{KIND}/{name}"
        )
    }
}

/// The resource id of an environment, which is also its path at Resource Manager.
pub fn environment_id(subscription: &str, resource_group: &str, name: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
         Microsoft.App/managedEnvironments/{name}"
    )
}
