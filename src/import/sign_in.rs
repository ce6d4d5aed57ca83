//! How a workflow or a script signs in to a registry.

use super::names::login_host;
use super::plan::PlanBuilder;
use super::workflow::expression;
use super::workflow::scope::{Scope, Use};

/// A login, by texts of the workflow. They are converted only where the plan needs them:
/// converting a password makes a secret of the plan.
pub struct SignIn {
    pub line: usize,
    pub host: String,
    /// Whether the registry can only be one of Azure's.
    pub is_azure: bool,
    pub username: Option<String>,
    pub password: Option<String>,
}

impl SignIn {
    /// Records the login in the plan; Azure's registries need none.
    pub fn import(self, scope: &mut Scope<'_>, plan: &mut PlanBuilder) {
        let line = self.line;
        let mut converted = |source: &str, used| {
            let text = expression::text(source, used, scope);
            text.map_err(|missing| missing.note(line, plan)).ok()
        };
        let Some(host) = converted(&self.host, Use::Name) else { return };
        let host = login_host(&host);
        if self.is_azure || host.ends_with(".azurecr.io") {
            if self.password.is_some() {
                let text = format!(
                    "the stored password of `{host}` is not needed: Shipway signs in with the \
                     identity that deploys, which needs the role AcrPush"
                );
                plan.changed(line, text);
            }
            return;
        }
        let username = self.username.and_then(|username| converted(&username, Use::Name));
        let password = self.password.and_then(|password| converted(&password, Use::Value));
        if let (Some(username), Some(password)) = (username, password) {
            if host.contains("${{") {
                let text = format!(
                    "the stored password of `{host}` is kept, since its host is known only to a \
                     run: a registry of Azure needs none where the identity that deploys has the \
                     role AcrPush; leave its `login` out"
                );
                plan.changed(line, text);
            }
            plan.registry(&host).user = Some((username, password));
        } else {
            plan.needs_you(line, format!("write the login of `{host}` under `registries`"));
        }
    }
}
