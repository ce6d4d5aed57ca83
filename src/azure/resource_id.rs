//! Resource ids of Resource Manager.

/// The parts of a resource id that tell one resource of a kind from another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResourceParts<'a> {
    pub subscription: &'a str,
    pub resource_group: &'a str,
    pub name: &'a str,
}

impl<'a> ResourceParts<'a> {
    /// Parses the id of a resource of this kind, such as
    /// `Microsoft.ContainerInstance/containerGroups`. Azure spells ids in varying case.
    pub fn of(kind: &str, id: &'a str) -> Option<Self> {
        let parts: Vec<&str> = id.trim_matches('/').split('/').collect();
        let [subscriptions, subscription, groups, resource_group, providers, provider, of, name] =
            *parts
        else {
            return None;
        };
        let (expected_provider, expected) = kind.split_once('/')?;
        let matches = subscriptions.eq_ignore_ascii_case("subscriptions")
            && groups.eq_ignore_ascii_case("resourceGroups")
            && providers.eq_ignore_ascii_case("providers")
            && provider.eq_ignore_ascii_case(expected_provider)
            && of.eq_ignore_ascii_case(expected);
        matches.then_some(Self { subscription, resource_group, name })
    }
}

#[cfg(test)]
mod tests {
    use super::ResourceParts;

    #[test]
    fn ids_are_read_in_any_case_and_of_one_kind_alone() {
        let id = "/subscriptions/s/resourcegroups/G/providers/Microsoft.App/containerapps/web";
        let found = ResourceParts::of("Microsoft.App/containerApps", id);
        let parts = ResourceParts { subscription: "s", resource_group: "G", name: "web" };
        assert_eq!(found, Some(parts));
        assert_eq!(ResourceParts::of("Microsoft.App/managedEnvironments", id), None);
        assert_eq!(ResourceParts::of("Microsoft.App/containerApps", "/subscriptions/s"), None);
    }
}
