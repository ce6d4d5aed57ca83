//! The path of a request. Resource Manager ignores the case of its fixed parts.

use percent_encoding::percent_decode_str;
use std::fmt;

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ResourcePath {
    /// As the client spells it.
    pub subscription: Option<String>,
    /// As the client spells it.
    pub resource_group: Option<String>,
    /// The part after `/providers/`, in lower case.
    pub provider: Option<String>,
    /// The remaining parts, as the client spells them.
    pub rest: Vec<String>,
    /// Whether the path stops at `/subscriptions` or `/resourceGroups`.
    pub is_list: bool,
}

impl ResourcePath {
    /// `None` for a path that does not begin with `/subscriptions`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = Vec::new();
        for word in text.split('/').filter(|word| !word.is_empty()) {
            words.push(percent_decode_str(word).decode_utf8().ok()?.into_owned());
        }
        let mut words = words.into_iter().peekable();
        if !words.next()?.eq_ignore_ascii_case("subscriptions") {
            return None;
        }
        let mut path = Self { subscription: words.next(), ..Self::default() };
        if path.subscription.is_none() {
            path.is_list = true;
            return Some(path);
        }
        if words.next_if(|word| word.eq_ignore_ascii_case("resourcegroups")).is_some() {
            path.resource_group = words.next();
            path.is_list = path.resource_group.is_none();
        }
        if words.next_if(|word| word.eq_ignore_ascii_case("providers")).is_some() {
            path.provider = words.next().map(|provider| provider.to_ascii_lowercase());
            path.is_list = path.provider.is_none();
        }
        path.rest = words.collect();
        Some(path)
    }

    /// The remaining parts in lower case, to match on.
    pub fn words(&self) -> Vec<String> {
        self.rest.iter().map(|word| word.to_ascii_lowercase()).collect()
    }
}

/// A resource id. It is compared ignoring case, and shown as it was spelled when
/// the resource was created.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceId<'a> {
    pub subscription: &'a str,
    pub resource_group: &'a str,
    /// Such as `Microsoft.ContainerInstance/containerGroups`.
    pub kind: &'a str,
    pub name: &'a str,
}

impl fmt::Display for ResourceId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, kind, name } = self;
        write!(
            f,
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{kind}/{name}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::ResourcePath;

    #[test]
    fn fixed_parts_match_in_any_case() {
        let path = ResourcePath::parse(
            "/SUBSCRIPTIONS/Sub/resourcegroups/My%20Group/Providers/Microsoft.ContainerInstance/containergroups/Web",
        )
        .expect("a path");
        assert_eq!(path.subscription.as_deref(), Some("Sub"));
        assert_eq!(path.resource_group.as_deref(), Some("My Group"));
        assert_eq!(path.provider.as_deref(), Some("microsoft.containerinstance"));
        assert_eq!(path.words(), ["containergroups", "web"]);
        assert_eq!(path.rest[1], "Web");
    }

    #[test]
    fn list_paths_are_told_from_member_paths() {
        assert!(ResourcePath::parse("/subscriptions").expect("a path").is_list);
        assert!(!ResourcePath::parse("/subscriptions/s").expect("a path").is_list);
        assert!(ResourcePath::parse("/subscriptions/s/resourceGroups").expect("a path").is_list);
        assert_eq!(ResourcePath::parse("/tenants"), None);
        assert_eq!(ResourcePath::parse("/"), None);
    }
}
