//! What a principal may do at a scope, and which roles give it (Microsoft.Authorization).

use super::{Arm, ArmError};
use serde::Deserialize;

const API_VERSION: &str = "2022-04-01";

/// The ids of built-in roles (learn.microsoft.com, "Azure built-in roles").
pub const ACR_PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
const ACR_PUSH: &str = "8311e382-0749-4cb8-b61a-304f252e45ec";

/// The roles that let a principal pull images.
pub const PULLING_ROLES: [&str; 4] = [ACR_PULL, ACR_PUSH, CONTRIBUTOR, OWNER];

/// What one role of the caller permits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
}

/// The client for rights. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rights(Arm);

impl Rights {
    pub fn new(arm: Arm) -> Self {
        Self(arm)
    }

    /// Whether the signed-in identity may do this at a scope, by any of its roles.
    pub async fn may(&self, scope: &str, action: &str) -> Result<bool, ArmError> {
        let path = format!("{scope}/providers/Microsoft.Authorization/permissions");
        let permissions: Vec<Permission> = self.0.list(&path, API_VERSION).await?;
        Ok(permissions.iter().any(|permission| permission.permits(action)))
    }

    /// The ids of the roles that a principal has at a scope or above it.
    pub async fn roles(&self, scope: &str, principal: &str) -> Result<Vec<String>, ArmError> {
        #[derive(Deserialize)]
        struct Assignment {
            properties: Properties,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Properties {
            role_definition_id: String,
        }
        let filter = format!("%24filter=assignedTo('{principal}')");
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments?{filter}");
        let found: Vec<Assignment> = self.0.list(&path, API_VERSION).await?;
        let id = |assignment: Assignment| {
            let id = assignment.properties.role_definition_id;
            id.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
        };
        Ok(found.into_iter().map(id).collect())
    }
}

impl Permission {
    fn permits(&self, action: &str) -> bool {
        let is_in = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, action));
        is_in(&self.actions) && !is_in(&self.not_actions)
    }
}

/// Whether a pattern of a role covers an action: `*` stands for any text, and case does
/// not matter.
fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    // `userAssignedIdentities/*/assign/action` of the role Managed Identity Operator permits
    // `userAssignedIdentities/assign/action`, which Azure asks for.
    fits(&pattern, &action) || fits(&pattern.replace("/*/", "/"), &action)
}

fn fits(pattern: &str, action: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else { return false };
    let mut has_star = false;
    for part in parts {
        has_star = true;
        let Some(at) = rest.rfind(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || has_star && pattern.ends_with('*')
}

#[cfg(test)]
mod tests {
    use super::{Permission, covers};

    #[test]
    fn actions_are_matched_as_azure_does() {
        let push = "Microsoft.ContainerRegistry/registries/push/write";
        for pattern in
            ["*", "*/write", "microsoft.containerregistry/*", push, "Microsoft.*/registries/push/*"]
        {
            assert!(covers(pattern, push), "{pattern}");
        }
        for pattern in [
            "",
            "*/read",
            "Microsoft.ContainerRegistry/registries",
            "Microsoft.ContainerInstance/*",
        ] {
            assert!(!covers(pattern, push), "{pattern}");
        }
        let operator = "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action";
        assert!(covers(operator, "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"));
        assert!(!covers(operator, "Microsoft.ManagedIdentity/userAssignedIdentities/write"));
        let contributor = Permission {
            actions: vec!["*".into()],
            not_actions: vec!["Microsoft.Authorization/*/Write".into()],
        };
        assert!(contributor.permits(push));
        assert!(!contributor.permits("Microsoft.Authorization/roleAssignments/write"));
    }
}
