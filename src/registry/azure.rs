//! Azure registries, some of whose behaviour is known without asking them.

/// Whether a host is an Azure registry, in any of Azure's clouds.
pub fn is_azure_registry(host: &str) -> bool {
    [".azurecr.io", ".azurecr.cn", ".azurecr.us"].iter().any(|end| host.ends_with(end))
}

/// The name of an Azure registry: the first label of its host.
pub fn registry_name(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}
