//! Signs what was pushed, as `cosign sign` does: the manifest that the tags name, in each
//! repository. Of an index the images are not signed themselves, as by cosign without
//! `--recursive`: the digest of the index covers them.

mod key;
mod keyless;
mod manifest;

pub use key::signing_key;
pub use keyless::KeylessClients;
pub use manifest::SignedManifest;

use super::performer::{Job, Performer};
use super::references::repositories;
use super::signature_state::{KnownSigner, SignatureState};
use crate::event::Outputs;
use crate::plan::expr::Rendered;
use crate::plan::schema::{Push, SignWith};
use crate::registry::{Attached, KeylessAnnotations, NewSignature, StoredSignature};
use crate::run::outcome::AttemptError;
use crate::signing::{SigningKey, payload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use manifest::AttachedSignature;

/// Signs if the step asks for it. Returns the outputs.
pub async fn perform(
    performer: &Performer,
    push: &Push,
    job: &Job,
    manifest: &SignedManifest<'_>,
) -> Result<Outputs<Rendered>, AttemptError> {
    let Some(sign) = &push.sign else { return Ok(Outputs::new()) };
    let attached = match &sign.with {
        SignWith::Key(key) => {
            let password = sign.password.as_ref();
            let key = signing_key(performer, key, password, &job.scope).await?;
            by_key(performer, &key, manifest).await?
        }
        SignWith::Keyless(keyless) => {
            let clients = KeylessClients::new(&performer.services, keyless, &job.scope)?;
            clients.sign(&performer.services.clients.registry, manifest).await?
        }
    };
    for AttachedSignature { repository, attached, how } in &attached {
        let Attached { digest, already } = attached;
        let verb = if *already { "was attached" } else { "attached" };
        job.note(format!("signature{how} {verb} to `{}`: {digest}", repository.name()));
    }
    let first = attached.first();
    let name = first.map(|it| it.repository.with_digest(it.attached.digest.clone()).to_string());
    let name = Rendered::Plain(name.unwrap_or_default());
    Ok([("signature".to_owned(), name)].into_iter().collect())
}

async fn by_key<'a>(
    performer: &Performer,
    key: &SigningKey,
    manifest: &SignedManifest<'a>,
) -> Result<Vec<AttachedSignature<'a>>, AttemptError> {
    let (public, digest) = (key.public_key(), manifest.digest);
    let is_same = |stored: &StoredSignature| {
        let state = SignatureState::of(stored, &[KnownSigner::Key(&public)], digest);
        matches!(state, SignatureState::Valid(_))
    };
    let registry = &performer.services.clients.registry;
    let signed = repositories(manifest.targets).into_iter().map(|repository| {
        let payload = payload(repository, digest);
        let signature = STANDARD.encode(key.sign(&payload));
        let keyless = KeylessAnnotations::default();
        let new = NewSignature { payload: payload.into(), signature, keyless };
        let is_same = &is_same;
        async move {
            let attached = registry.add_signature(repository, digest, &new, is_same).await?;
            Ok::<_, AttemptError>(AttachedSignature { repository, attached, how: String::new() })
        }
    });
    try_join_all(signed).await
}
