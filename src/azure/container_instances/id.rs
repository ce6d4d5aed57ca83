//! Which container group.

use crate::azure::resource_id::ResourceParts;
use std::fmt;

const KIND: &str = "Microsoft.ContainerInstance/containerGroups";

/// The resource id of a container group.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GroupId {
    pub subscription: String,
    pub resource_group: String,
    pub name: String,
}

impl GroupId {
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

/// The id is also the path of the group at Resource Manager.
impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, name } = self;
        write!(
            f,
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{KIND}/{name}"
        )
    }
}
