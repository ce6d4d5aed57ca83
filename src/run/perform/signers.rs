//! Who may sign without a lasting key, and whose such signatures the local cloud makes.

use crate::signing::KeylessTrust;
use crate::sigstore::TokenSource;

/// What keyless signatures need of the place where the run is.
#[derive(Clone)]
pub struct Signers {
    /// Where the token comes from that says who signs.
    pub tokens: TokenSource,
    /// The Fulcio and the Rekor of the local cloud, which stand for those that the plan names.
    pub local: Option<KeylessTrust>,
}

impl Signers {
    pub fn local_trust(&self) -> Option<&KeylessTrust> {
        self.local.as_ref()
    }
}
