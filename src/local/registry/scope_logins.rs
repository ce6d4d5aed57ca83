//! The scope maps and tokens of a registry, as its accounts keep them.

use super::accounts::Accounts;
use super::login::Grant;
use super::scope_tokens::ScopeTokens;
use crate::local::files::{FileError, write_json};
use jiff::Timestamp;

impl Accounts {
    /// What a token may do that logs in with this password.
    pub fn token_grants(&self, host: &str, name: &str, password: &str) -> Option<Vec<Grant>> {
        self.scope_tokens(host).grants(name, password, Timestamp::now())
    }

    /// Those of a registry; empty where it is not there.
    pub fn scope_tokens(&self, host: &str) -> ScopeTokens {
        self.read_azure(host, |account| account.scope_tokens.clone()).unwrap_or_default()
    }

    pub fn change_scope_tokens<T>(
        &self,
        host: &str,
        change: impl FnOnce(&mut ScopeTokens) -> T,
    ) -> Result<Option<T>, FileError> {
        let mut content = self.lock();
        let account = content.azure.get_mut(&host.to_ascii_lowercase());
        let Some(changed) = account.map(|account| change(&mut account.scope_tokens)) else {
            return Ok(None);
        };
        write_json(&self.path, &*content)?;
        Ok(Some(changed))
    }

    /// How many scope maps and tokens a registry has, without those that every one has.
    pub fn counts(&self, host: &str) -> (usize, usize) {
        let own = self.scope_tokens(host);
        (own.maps.len(), own.tokens.len())
    }
}
