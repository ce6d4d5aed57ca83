//! The Fulcio and the Rekor that a plan names, and who signs in a dry run.

use super::initial_state::Blueprint;
use crate::local::SigstoreHosts;
use crate::plan::expr::EvalError;
use crate::plan::schema::{
    Action, IdentityName, Keyless, Require, SignWith, Signer, SignerIdentity, Text,
};
use url::Url;

const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

impl Blueprint<'_> {
    /// `None` where the plan signs by keys alone.
    pub fn sigstore(&self, repository: &str) -> Result<Option<SigstoreHosts>, EvalError> {
        let (mut fulcio, mut rekor) = (Vec::new(), Vec::new());
        for keyless in self.keyless() {
            fulcio.extend(self.host_of(&keyless.fulcio)?);
            rekor.extend(self.host_of(&keyless.rekor)?);
        }
        if fulcio.is_empty() && rekor.is_empty() {
            return Ok(None);
        }
        for hosts in [&mut fulcio, &mut rekor] {
            hosts.sort_unstable();
            hosts.dedup();
        }
        let (identity, issuer) = self.job(repository)?;
        Ok(Some(SigstoreHosts { fulcio, rekor, identity, issuer }))
    }

    fn keyless(&self) -> impl Iterator<Item = &Keyless> {
        self.actions().filter_map(|action| match action {
            Action::Push(push) => match &push.sign.as_ref()?.with {
                SignWith::Keyless(keyless) => Some(keyless.as_ref()),
                SignWith::Key(_) => None,
            },
            _ => None,
        })
    }

    /// The host of a URL, with its port unless that is 443. What is no URL is reported by the
    /// run.
    fn host_of(&self, text: &Text) -> Result<Option<String>, EvalError> {
        let url = Url::parse(text.render(&self.scope)?.expose()).ok();
        Ok(url.and_then(|url| {
            let host = url.host_str()?.to_owned();
            Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
        }))
    }

    /// Who signs: the job that this is, or else the one that the plan requires, so that it can
    /// be tried elsewhere. The second is who issues the tokens.
    fn job(&self, repository: &str) -> Result<(String, String), EvalError> {
        let context = self.scope.context("github");
        let workflow = context.map(|github| github.get("workflow_ref").text());
        let github = |path: &str| (format!("https://github.com/{path}"), GITHUB_ISSUER.to_owned());
        if let Some(workflow) = workflow.filter(|workflow| !workflow.is_empty()) {
            return Ok(github(&workflow));
        }
        for SignerIdentity { name, issuer, .. } in self.required() {
            if let IdentityName::Exactly(name) = name {
                let (name, issuer) = (name.render(&self.scope)?, issuer.render(&self.scope)?);
                return Ok((name.expose().to_owned(), issuer.expose().to_owned()));
            }
        }
        Ok(github(&format!("{repository}/.github/workflows/shipway.yml@refs/heads/main")))
    }

    /// The identities that the plan requires.
    fn required(&self) -> impl Iterator<Item = &SignerIdentity> {
        let required = self.actions().filter_map(|action| match action {
            Action::Deploy(deploy) => deploy.require.as_ref(),
            Action::Verify(verify) => verify.require.as_ref(),
            _ => None,
        });
        let signers = required.flat_map(|require: &Require| &require.signed_by);
        signers.filter_map(|signer| match signer {
            Signer::Identity(identity) => Some(identity.as_ref()),
            Signer::Key(_) => None,
        })
    }
}
