//! What a request does with the secrets of a vault, and the permission that it needs: one
//! of an access policy, or the action of a role.

use super::error::VaultError;
use super::limits::is_name;
use http::Method;

/// A request, by its method and path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VaultOperation<'a> {
    List,
    Versions { name: &'a str },
    Get { name: &'a str, version: Option<&'a str> },
    Set { name: &'a str },
    Update { name: &'a str, version: Option<&'a str> },
    Delete { name: &'a str },
    Backup { name: &'a str },
    Restore,
    ListDeleted,
    GetDeleted { name: &'a str },
    Recover { name: &'a str },
    Purge { name: &'a str },
}

impl<'a> VaultOperation<'a> {
    /// `parts` are those of the path. az sends a trailing slash where it names no version.
    pub fn of(method: &Method, parts: &[&'a str]) -> Result<Self, VaultError> {
        if let [_, name, ..] = parts
            && !is_name(name)
        {
            return Err(VaultError::bad(format!(
                "The request URI contains an invalid name: {name}"
            )));
        }
        Ok(match (method.as_str(), parts) {
            ("GET", ["secrets"]) => Self::List,
            ("POST", ["secrets", "restore"]) => Self::Restore,
            ("GET", ["secrets", name, "versions"]) => Self::Versions { name },
            ("POST", ["secrets", name, "backup"]) => Self::Backup { name },
            ("GET", ["secrets", name]) => Self::Get { name, version: None },
            ("GET", ["secrets", name, version]) => Self::Get { name, version: Some(version) },
            ("PUT", ["secrets", name]) => Self::Set { name },
            ("PATCH", ["secrets", name]) => Self::Update { name, version: None },
            ("PATCH", ["secrets", name, version]) => Self::Update { name, version: Some(version) },
            ("DELETE", ["secrets", name]) => Self::Delete { name },
            ("GET", ["deletedsecrets"]) => Self::ListDeleted,
            ("GET", ["deletedsecrets", name]) => Self::GetDeleted { name },
            ("POST", ["deletedsecrets", name, "recover"]) => Self::Recover { name },
            ("DELETE", ["deletedsecrets", name]) => Self::Purge { name },
            (_, ["secrets" | "deletedsecrets", ..]) => {
                let message = "The request method is not allowed.";
                return Err(VaultError::new(405, "MethodNotAllowed", message));
            }
            (_, [kind @ ("keys" | "certificates" | "deletedkeys" | "deletedcertificates"), ..]) => {
                let message = format!("The local cloud has no {kind} in vaults, only secrets.");
                return Err(VaultError::new(404, "NotFound", message));
            }
            _ => {
                let message = "The requested resource does not exist.";
                return Err(VaultError::new(404, "NotFound", message));
            }
        })
    }

    /// As access policies name it.
    pub fn permission(self) -> &'static str {
        match self {
            Self::List | Self::Versions { .. } | Self::ListDeleted => "list",
            Self::Get { .. } | Self::GetDeleted { .. } => "get",
            Self::Set { .. } | Self::Update { .. } => "set",
            Self::Delete { .. } => "delete",
            Self::Backup { .. } => "backup",
            Self::Restore => "restore",
            Self::Recover { .. } => "recover",
            Self::Purge { .. } => "purge",
        }
    }

    /// As roles name it (learn.microsoft.com, "Azure permissions for Security").
    pub fn action(self) -> &'static str {
        match self {
            Self::List | Self::Versions { .. } | Self::ListDeleted | Self::GetDeleted { .. } => {
                "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
            }
            Self::Get { .. } => "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            Self::Set { .. } => "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            Self::Update { .. } => "Microsoft.KeyVault/vaults/secrets/update/action",
            Self::Delete { .. } => "Microsoft.KeyVault/vaults/secrets/delete",
            Self::Backup { .. } => "Microsoft.KeyVault/vaults/secrets/backup/action",
            Self::Restore => "Microsoft.KeyVault/vaults/secrets/restore/action",
            Self::Recover { .. } => "Microsoft.KeyVault/vaults/secrets/recover/action",
            Self::Purge { .. } => "Microsoft.KeyVault/vaults/secrets/purge/action",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::VaultOperation;
    use http::Method;

    #[test]
    fn each_request_needs_a_permission_and_an_action() {
        let cases = [
            ("GET", "secrets", "list", "readMetadata/action"),
            ("GET", "secrets/a", "get", "getSecret/action"),
            ("GET", "secrets/a/versions", "list", "readMetadata/action"),
            ("PUT", "secrets/a", "set", "setSecret/action"),
            ("PATCH", "secrets/a/0", "set", "update/action"),
            ("DELETE", "secrets/a", "delete", "delete"),
            ("POST", "secrets/a/backup", "backup", "backup/action"),
            ("POST", "secrets/restore", "restore", "restore/action"),
            ("GET", "deletedsecrets", "list", "readMetadata/action"),
            ("POST", "deletedsecrets/a/recover", "recover", "recover/action"),
            ("DELETE", "deletedsecrets/a", "purge", "purge/action"),
        ];
        for (method, path, permission, action) in cases {
            let parts: Vec<&str> = path.split('/').collect();
            let method: Method = method.parse().expect("a method");
            let found = VaultOperation::of(&method, &parts).expect("an operation");
            assert_eq!(found.permission(), permission, "{path}");
            assert_eq!(found.action(), format!("Microsoft.KeyVault/vaults/secrets/{action}"));
        }
    }
}
