//! The secrets of the plan that are in vaults.

use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::cli::session::secrets::request;
use crate::run::outcome::StepError;
use crate::secret::{Source, VaultSecret};

/// The secrets in vaults, each with its name in the plan.
pub fn in_vaults(
    session: &PlanSession,
    connections: &Connections,
) -> Result<Vec<(String, VaultSecret)>, StepError> {
    let mut found = Vec::new();
    for name in session.plan.secrets.keys() {
        for source in request(session, name, connections)?.sources {
            if let Source::KeyVault(secret) = source {
                found.push((name.to_owned(), secret));
            }
        }
    }
    Ok(found)
}
