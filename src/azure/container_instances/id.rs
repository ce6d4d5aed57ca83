//! Which container group.

use std::fmt;

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
        let parts: Vec<&str> = id.trim_matches('/').split('/').collect();
        let [subscriptions, subscription, groups, group, providers, provider, kind, name] = *parts
        else {
            return None;
        };
        let matches = subscriptions.eq_ignore_ascii_case("subscriptions")
            && groups.eq_ignore_ascii_case("resourceGroups")
            && providers.eq_ignore_ascii_case("providers")
            && provider.eq_ignore_ascii_case("Microsoft.ContainerInstance")
            && kind.eq_ignore_ascii_case("containerGroups");
        matches.then(|| Self {
            subscription: subscription.to_owned(),
            resource_group: group.to_owned(),
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
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
             Microsoft.ContainerInstance/containerGroups/{name}"
        )
    }
}
