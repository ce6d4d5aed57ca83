//! Signs with a new key, which Fulcio certifies, and has the signature logged by Rekor.

use super::manifest::{AttachedSignature, SignedManifest};
use crate::oci::{Digest, Reference};
use crate::plan::expr::{Rendered, Scope};
use crate::plan::literal::{HttpsUrl, Literal as _};
use crate::plan::schema::{Keyless, Text};
use crate::registry::{Client, KeylessAnnotations, NewSignature, StoredSignature};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::names::name;
use crate::run::perform::references::repositories;
use crate::run::perform::services::Services;
use crate::run::perform::signature_state::{KnownSigner, SignatureState};
use crate::run::perform::signers::Signers;
use crate::secret::{Redactor, Secret};
use crate::signing::{
    IdentityRule, KeylessEvidence, KeylessSigner, KeylessTrust, LogEntry, SignedContent,
    SigningKey, payload,
};
use crate::sigstore::{Fulcio, IdentityToken, IssuedCertificate, Rekor, SigstoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use url::Url;

/// What a keyless signature is made with.
pub struct KeylessClients<'a> {
    signers: &'a Signers,
    redactor: &'a Redactor,
    fulcio: Fulcio,
    rekor: Rekor,
    /// The token that the plan gives.
    given: Option<Secret>,
}

/// A key with its certificate, for the images of one step.
struct Certified<'a> {
    key: SigningKey,
    issued: IssuedCertificate,
    trust: KeylessTrust,
    signer: KeylessSigner,
    rekor: &'a Rekor,
}

impl<'a> KeylessClients<'a> {
    /// Evaluates what the plan says. Sends no request.
    pub fn new(
        services: &'a Services,
        keyless: &Keyless,
        scope: &Scope,
    ) -> Result<Self, StepError> {
        let http = &services.http;
        let given = keyless.identity_token.as_ref().map(|token| given_token(token, scope));
        Ok(Self {
            signers: &services.clients.signers,
            redactor: &services.redactor,
            fulcio: Fulcio { http: http.clone(), url: url(&keyless.fulcio, "fulcio", scope)? },
            rekor: Rekor { http: http.clone(), url: url(&keyless.rekor, "rekor", scope)? },
            given: given.transpose()?,
        })
    }

    /// A token that says who signs. The local cloud accepts its own alone.
    pub async fn token(&self) -> Result<IdentityToken, SigstoreError> {
        match &self.given {
            Some(given) if self.signers.local_trust().is_none() => IdentityToken::of(given.clone()),
            _ => self.signers.tokens.token(self.redactor).await,
        }
    }

    /// Signs a manifest in each of its repositories.
    pub(super) async fn sign<'m>(
        &self,
        registry: &Client,
        manifest: &SignedManifest<'m>,
    ) -> Result<Vec<AttachedSignature<'m>>, AttemptError> {
        let token = self.token().await?;
        let key = SigningKey::generate();
        let issued = self.fulcio.certify(&token, &key).await?;
        let log_key = self.rekor.public_key().await?;
        let trust = KeylessTrust { roots: issued.roots.clone(), log_key, is_local: false };
        let signer = signer_of(&issued);
        let certified = Certified { key, issued, trust, signer, rekor: &self.rekor };
        let signed = repositories(manifest.targets)
            .into_iter()
            .map(|repository| certified.sign(registry, repository, manifest.digest));
        try_join_all(signed).await
    }
}

/// The identity that a certificate is for.
fn signer_of(issued: &IssuedCertificate) -> KeylessSigner {
    let first = |all: &[String]| all.first().cloned().unwrap_or_default();
    KeylessSigner {
        identity: IdentityRule::Exactly(first(&issued.certificate.identities)),
        issuer: first(&issued.certificate.issuers),
    }
}

impl Certified<'_> {
    async fn sign<'m>(
        &self,
        registry: &Client,
        repository: &'m Reference,
        digest: &Digest,
    ) -> Result<AttachedSignature<'m>, AttemptError> {
        let there = registry.signatures(repository, digest).await?;
        let same = there.into_iter().find(|stored| self.is_same(stored, digest));
        let (new, already) = match same {
            Some(StoredSignature { payload, signature, keyless, .. }) => {
                (NewSignature { payload, signature, keyless }, true)
            }
            None => (self.new_signature(repository, digest).await?, false),
        };
        let index = new.keyless.entry.as_deref().and_then(|entry| LogEntry::parse(entry).ok());
        let index = index.map(|entry| entry.log_index).unwrap_or_default();
        let by = self.issued.certificate.shown();
        let how = format!(" by {by}, entry {index} of the log,");
        let attached = registry.add_signature(repository, digest, &new, &|_| already).await?;
        Ok(AttachedSignature { repository, attached, how })
    }

    /// Whether a signature is by the same identity, by the same Fulcio and Rekor.
    fn is_same(&self, stored: &StoredSignature, digest: &Digest) -> bool {
        let trusted = [&self.trust];
        let signer = KnownSigner::Identity(&self.signer, &trusted);
        matches!(SignatureState::of(stored, &[signer], digest), SignatureState::Valid(_))
    }

    /// Signs and logs, and verifies both as they are where the signature is required.
    async fn new_signature(
        &self,
        repository: &Reference,
        digest: &Digest,
    ) -> Result<NewSignature, AttemptError> {
        let payload = payload(repository, digest);
        let signature = self.key.sign(&payload);
        let signed = SignedContent { message: &payload, payload: &payload, signature: &signature };
        let IssuedCertificate { certificate, chain, .. } = &self.issued;
        let entry = self.rekor.log(&signed, certificate).await?.to_annotation();
        let certificate = certificate.to_pem();
        let evidence = KeylessEvidence::parse(Some(&certificate), Some(chain), Some(&entry));
        let checked =
            evidence.and_then(|evidence| self.signer.check(&signed, &evidence, &[&self.trust]));
        checked.map_err(|refusal| {
            StepError::new("the signature that was made does not verify")
                .because(format!("it is {}", refusal.text()))
                .help("are `fulcio` and `rekor` of the same Sigstore, and is this machine's clock right?")
        })?;
        let keyless = KeylessAnnotations {
            certificate: Some(certificate),
            chain: Some(chain.clone()),
            entry: Some(entry),
        };
        let signature = STANDARD.encode(&signature);
        Ok(NewSignature { payload: payload.into(), signature, keyless })
    }
}

fn url(text: &Text, what: &str, scope: &Scope) -> Result<Url, StepError> {
    let given = name(text, what, scope)?;
    let refused = |why: String| {
        StepError::new(format!("`{given}` is not the URL of `{what}`"))
            .because(why)
            .help(format!(
                "write the URL below which its `/api` is, such as `https://{what}.example.com`"
            ))
            .at(&text.span)
    };
    HttpsUrl::parse(&given).map_err(&refused)?;
    Url::parse(&given).map_err(|error| refused(error.to_string()))
}

fn given_token(text: &Text, scope: &Scope) -> Result<Secret, StepError> {
    match text.render_filled(scope, "a token")? {
        Rendered::Secret(token) => Ok(token),
        Rendered::Plain(_) => Err(StepError::new("the token that says who signs is not a secret")
            .help("declare it under `secrets`, and write `${{ secrets.NAME }}` as `identity-token`")
            .at(&text.span)),
    }
}

#[cfg(test)]
mod tests;
