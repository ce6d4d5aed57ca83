//! The identities that `signed-by` names.

use super::named_key::NamedKey;
use crate::plan::expr::Scope;
use crate::plan::literal::{HttpsUrl, Literal as _};
use crate::plan::schema::{IdentityName, SignerIdentity};
use crate::run::outcome::StepError;
use crate::run::perform::key_files::KeyFiles;
use crate::run::perform::names::name;
use crate::signing::{IdentityRule, KeylessSigner, KeylessTrust, Roots};

/// An identity whose keyless signatures count.
pub struct NamedIdentity {
    /// As the plan spells it.
    pub name: String,
    pub signer: KeylessSigner,
    pub trust: KeylessTrust,
}

impl NamedIdentity {
    /// Reads the certificates and the key that the plan names.
    pub fn read(
        identity: &SignerIdentity,
        files: &KeyFiles,
        scope: &Scope,
    ) -> Result<Self, StepError> {
        let text = identity.name.text();
        let given = name(text, "identity", scope)?;
        let rule = match &identity.name {
            IdentityName::Exactly(_) => IdentityRule::Exactly(given.clone()),
            IdentityName::Matching(_) => IdentityRule::matching(&given).map_err(|_| {
                StepError::new(format!("`{given}` is not a regular expression"))
                    .help("write one such as `https://github\\.com/octo/shop/.*`")
                    .at(&text.span)
            })?,
        };
        let issuer = name(&identity.issuer, "issuer", scope)?;
        HttpsUrl::parse(&issuer).map_err(|expected| {
            StepError::new(format!("`{issuer}` is not an issuer"))
                .because(expected)
                .help(
                    "write the `iss` of its tokens, which is \
                     `https://token.actions.githubusercontent.com` for jobs of GitHub Actions",
                )
                .at(&identity.issuer.span)
        })?;
        let roots = roots(identity, files, scope).map_err(|it| it.at(&identity.roots.span))?;
        let log_key = NamedKey::read_as("log-key", &identity.log_key, files, scope)
            .map_err(|it| it.at(&identity.log_key.span))?;
        let trust = KeylessTrust { roots, log_key: log_key.key, is_local: false };
        Ok(Self { name: given, signer: KeylessSigner { identity: rule, issuer }, trust })
    }

    /// Its name, with what it is verified by.
    pub fn shown(&self) -> String {
        let Self { name, signer, trust } = self;
        let (roots, log_key) = (trust.roots.fingerprint(), trust.log_key.fingerprint());
        format!("`{name}` of `{}` (roots {roots}, log key {log_key})", signer.issuer)
    }
}

fn roots(identity: &SignerIdentity, files: &KeyFiles, scope: &Scope) -> Result<Roots, StepError> {
    let path = name(&identity.roots, "file with certificates", scope)?;
    let text = files.read(&path).map_err(|why| {
        StepError::new(format!("cannot read the certificates `{path}`"))
            .because(why)
            .help("name a file as `roots`, relative to the plan's folder")
    })?;
    Roots::parse(&text).map_err(|error| {
        StepError::new(format!("`{path}` does not verify signatures"))
            .because(error.to_string())
            .help(error.help())
    })
}
