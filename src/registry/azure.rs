//! Azure registries, some of whose behaviour is known without asking them.

pub use crate::oci::is_azure_registry;

/// The name of an Azure registry: the first label of its host.
pub fn registry_name(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}
