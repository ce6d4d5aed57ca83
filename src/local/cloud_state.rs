//! What one local cloud keeps in its state folder, and the services over it.
//!
//! Only `serve` sees all of it. Each service is given the parts that it needs.

use super::access::Access;
use super::entra::Tokens;
use super::faults::{Fault, Faults};
use super::files::{FileError, create_folder};
use super::identity::Identity;
use super::initial_state::InitialState;
use super::news::Teller;
use super::proxy::{Services, SigstoreService};
use super::registry::{Registries, RegistryServer};
use super::request_log::RequestLog;
use super::sigstore::{self, Sigstore};
use super::vault::Vaults;
use super::{entra, github, vault};
use axum::Router;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
#[error("cannot open the state of the local cloud in `{}`", folder.display())]
pub struct StateError {
    pub folder: PathBuf,
    pub source: FileError,
}

/// One local cloud without its sockets.
#[derive(Debug)]
pub struct CloudState {
    pub initial: InitialState,
    pub folder: PathBuf,
    pub tokens: Arc<Tokens>,
    pub access: Arc<Access>,
    pub registries: Arc<Registries>,
    pub vaults: Arc<Vaults>,
    pub faults: Arc<Faults>,
    pub log: RequestLog,
}

impl CloudState {
    /// Opens or creates a state folder and adds what `initial` has beyond it.
    pub fn open(
        folder: PathBuf,
        initial: InitialState,
        teller: Teller,
    ) -> Result<Self, StateError> {
        let failed = |source| StateError { folder: folder.clone(), source };
        create_folder(&folder).map_err(failed)?;
        let identity = Identity::open(&folder, &initial).map_err(failed)?;
        Ok(Self {
            access: Arc::new(Access::open(&folder, &initial, &identity).map_err(failed)?),
            tokens: Arc::new(Tokens::new(identity)),
            registries: Arc::new(Registries::open(&folder, &initial).map_err(failed)?),
            vaults: Arc::new(Vaults::open(&folder, &initial).map_err(failed)?),
            faults: Arc::new(Faults::open(&folder, all_faults(&initial), teller).map_err(failed)?),
            log: RequestLog::open(&folder).map_err(failed)?,
            initial,
            folder,
        })
    }

    pub fn identity(&self) -> &Identity {
        self.tokens.identity()
    }

    /// The services behind the proxy. Resource Manager is passed in because it
    /// also needs a container runtime, what signs because it may not be there.
    pub fn into_services(
        self,
        arm: Router,
        sigstore: Option<Arc<Sigstore>>,
    ) -> Result<Services, FileError> {
        let github_token = self.identity().github_token.clone();
        let github = self.initial.github.as_ref();
        let pull_request =
            github::EventPullRequest::new(github.and_then(|github| github.pull_request.clone()));
        Ok(Services {
            registry: RegistryServer::new(Arc::clone(&self.registries), Arc::clone(&self.tokens)),
            arm,
            entra: entra::router(Arc::clone(&self.tokens)),
            graph: entra::graph_router(Arc::clone(&self.tokens), Arc::clone(&self.access)),
            vault: vault::router(
                Arc::clone(&self.vaults),
                Arc::clone(&self.tokens),
                Arc::clone(&self.access),
            ),
            github: github::router(github, pull_request.clone(), github_token, &self.folder)?,
            sigstore: sigstore.map(|state| SigstoreService {
                router: sigstore::router(Arc::clone(&state)),
                state,
            }),
            pull_request,
            registries: self.registries,
            vaults: self.vaults,
            faults: self.faults,
            access: self.access,
            log: self.log,
        })
    }
}

/// Those that people wrote come first.
fn all_faults(initial: &InitialState) -> Vec<Fault> {
    let written = initial.fault_rules.iter().map(|rule| rule.fault().clone());
    written.chain(initial.faults.iter().map(Fault::from)).collect()
}
