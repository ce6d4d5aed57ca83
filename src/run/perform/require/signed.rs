//! Whether an image is signed by one of the keys.

use super::attached;
use super::image::KnownManifests;
use super::named_key::{NamedKey, names};
use crate::oci::{Digest, Reference};
use crate::registry::Client;
use crate::run::outcome::StepError;
use crate::run::perform::signature_state::SignatureState;
use crate::signing::{Bundle, PublicKey};

/// Fails unless a signature of the image, or of an index that lists it, is valid.
pub async fn check(
    registry: &Client,
    known: &KnownManifests,
    named: &[NamedKey],
) -> Result<String, StepError> {
    let keys: Vec<&PublicKey> = named.iter().map(|named| &named.key).collect();
    let signed_by = |manifest: &Reference, by: usize| {
        Ok(format!("`{manifest}` is signed by `{}`", named[by].name))
    };
    let mut refused = Vec::new();
    for (manifest, digest) in known.all() {
        for stored in registry.signatures(manifest, digest).await? {
            match SignatureState::of(&stored, &keys, digest) {
                SignatureState::Valid(by) => return signed_by(manifest, by),
                state => refused.push(state),
            }
        }
    }
    for (manifest, digest) in known.all() {
        for bundle in bundles(registry, manifest).await? {
            match SignatureState::of_bundle(&bundle, &keys, digest) {
                SignatureState::Valid(by) => return signed_by(manifest, by),
                state => refused.push(state),
            }
        }
    }
    let names = names(named.iter().map(|named| named.name.as_str()));
    Err(refusal(known, &names, &refused))
}

/// The signatures in bundles that are attached to a manifest. All that is attached is
/// looked at: cosign gave bundles a wrong type in lists under a tag, or none.
async fn bundles(registry: &Client, manifest: &Reference) -> Result<Vec<Bundle>, StepError> {
    let attached = registry.referrers(manifest, None).await?.entries;
    let attached: Vec<Digest> = attached.into_iter().map(|entry| entry.digest).collect();
    let layers = attached::layers(registry, manifest, &attached, Bundle::has_media_type).await?;
    Ok(layers.iter().filter_map(|layer| Bundle::parse(layer)).collect())
}

fn refusal(known: &KnownManifests, names: &str, refused: &[SignatureState]) -> StepError {
    let image = known.shown();
    match refused {
        [] => StepError::new(format!("`{image}` is not signed")).help(
            "sign it where it is pushed, as in `push: { sign: { key: \"${{ secrets.NAME }}\" } }`",
        ),
        [only] => StepError::new(format!("`{image}` is not signed by {names}"))
            .because(format!("its signature is {}", only.refusal()))
            .help(remedy(only, names)),
        several => {
            let line = |(at, state): (usize, &SignatureState)| {
                format!("signature {} is {}", at + 1, state.refusal())
            };
            // The one that comes closest tells most.
            let is_close = |state: &&SignatureState| !matches!(state, SignatureState::OtherKey);
            let closest = several.iter().find(is_close).unwrap_or(&several[0]);
            StepError::new(format!("`{image}` is not signed by {names}"))
                .because(format!("it has {} signatures, and no valid one", several.len()))
                .details(several.iter().enumerate().map(line))
                .help(remedy(closest, names))
        }
    }
}

fn remedy(state: &SignatureState, names: &str) -> String {
    match state {
        SignatureState::Valid(_) | SignatureState::OtherKey => format!(
            "sign it with the private key of {names}, or add the public key of its signature to \
             `signed-by`"
        ),
        SignatureState::OtherDigest(_) => {
            "sign this image: a signature of another one proves nothing of it".to_owned()
        }
        SignatureState::Damaged(_) => {
            "delete the tag of its signatures, and sign the image again".to_owned()
        }
    }
}
