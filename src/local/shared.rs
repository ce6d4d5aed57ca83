//! What all services of one local cloud share.

use super::entra::Tokens;
use super::faults::Faults;
use super::files::{FileError, create_folder};
use super::identity::Identity;
use super::registry::{Accounts, Storage, Upstream};
use super::request_log::RequestLog;
use super::vault::Vaults;
use super::world::World;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncWrite};

/// Both directions of a connection, of whatever kind: what the runtime gives
/// the proxy for a port of a container.
pub trait AsyncReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> AsyncReadWrite for T {}

/// A state folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("open the state of the local cloud in `{}`", state.display())]
pub struct OpenError {
    /// Which folder.
    pub state: PathBuf,
    /// Why not.
    pub source: FileError,
}

/// One local cloud, without its sockets. Held in an `Arc` by every service.
#[derive(Debug)]
pub struct Shared {
    /// What it started with, its empty ids filled in from the identity.
    pub world: World,
    /// Where everything that must survive a restart is kept. A service has a
    /// folder or file of its own name in it, such as `arm/`.
    pub state: PathBuf,
    /// Who is who.
    pub identity: Identity,
    /// Access tokens of the local Entra: issues and checks them.
    pub tokens: Tokens,
    /// Which registries there are and who may use them.
    pub accounts: Accounts,
    /// What the registries hold.
    pub storage: Storage,
    /// What comes from registries outside.
    pub upstream: Upstream,
    /// The vaults and their secrets.
    pub vaults: Vaults,
    /// What requests get instead of their answers.
    pub faults: Faults,
    /// The list of all requests. The proxy writes it; services do not.
    pub log: RequestLog,
}

impl Shared {
    /// Opens a state folder, or makes it, and adds to it what the world has.
    pub fn open(state: PathBuf, mut world: World) -> Result<Self, OpenError> {
        let failed = |source| OpenError { state: state.clone(), source };
        create_folder(&state).map_err(failed)?;
        let identity = Identity::open(&state, &world).map_err(failed)?;
        world.tenant_id.clone_from(&identity.tenant_id);
        world.subscription_id.clone_from(&identity.subscription_id);
        let storage = Storage::open(&state).map_err(failed)?;
        Ok(Self {
            upstream: Upstream::open(&state, &storage, &world),
            tokens: Tokens::new(&identity),
            accounts: Accounts::open(&state, &world).map_err(failed)?,
            storage,
            vaults: Vaults::open(&state, &world).map_err(failed)?,
            faults: Faults::new(&world.faults),
            log: RequestLog::open(&state).map_err(failed)?,
            world,
            identity,
            state,
        })
    }
}
