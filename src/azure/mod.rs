//! Azure: credentials, Resource Manager, container instances, registries, key vault.
