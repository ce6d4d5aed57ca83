//! What every handler of Resource Manager works on.

use super::builds::Builds;
use super::exec_sessions::ExecSessions;
use super::held::PublishedTeller;
use super::rate_limits::RateLimits;
use super::store::ResourceStore;
use super::stream_tokens::StreamTokens;
use crate::local::access::Access;
use crate::local::entra::Tokens;
use crate::local::identity::Identity;
use crate::local::registry::Registries;
use crate::local::runtime::Runtime;
use crate::local::vault::Vaults;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug)]
pub struct Arm {
    pub tokens: Arc<Tokens>,
    pub access: Arc<Access>,
    pub registries: Arc<Registries>,
    pub vaults: Arc<Vaults>,
    pub runtime: Runtime,
    pub builds: Builds,
    pub store: ResourceStore,
    pub folder: PathBuf,
    pub exec_sessions: ExecSessions,
    pub stream_tokens: StreamTokens,
    pub published: PublishedTeller,
    pub rate_limits: RateLimits,
}

impl Arm {
    pub fn identity(&self) -> &Identity {
        self.tokens.identity()
    }
}
