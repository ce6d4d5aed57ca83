//! What resources of a kind are called.

/// The words for a kind of resource.
#[derive(Debug, Eq, PartialEq)]
pub struct KindWords {
    /// The key of the plan that deploys to it, such as `aci`.
    pub key: &'static str,
    /// Such as `container group`.
    pub name: &'static str,
    /// Such as `group`, where the text before says what kind of it.
    pub short: &'static str,
    /// Why a resource of the kind has no URL.
    pub no_url: &'static str,
    /// What the plan has to say so that it gets one.
    pub url_help: &'static str,
}
