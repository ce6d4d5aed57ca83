//! Whether an image is signed by one of the keys or identities.

use super::attached;
use super::image::KnownManifests;
use super::named_key::names;
use super::named_signer::NamedSigner;
use crate::oci::{Digest, Reference};
use crate::registry::Client;
use crate::run::outcome::StepError;
use crate::run::perform::signature_state::{KnownSigner, SignatureState};
use crate::signing::{Bundle, KeylessTrust};

/// What signatures are checked by.
pub struct SignedCheck<'a> {
    pub registry: &'a Client,
    pub signers: &'a [NamedSigner],
    /// The Fulcio and the Rekor of the local cloud, which it puts in the place of others.
    pub local: Option<&'a KeylessTrust>,
}

impl SignedCheck<'_> {
    /// Fails unless a signature of the image, or of an index that lists it, is valid.
    pub async fn check(&self, known: &KnownManifests) -> Result<String, StepError> {
        let trusted: Vec<Vec<&KeylessTrust>> =
            self.signers.iter().map(|signer| self.trusted(signer)).collect();
        let signers: Vec<KnownSigner<'_>> = self
            .signers
            .iter()
            .zip(&trusted)
            .map(|(signer, trusted)| match signer {
                NamedSigner::Key(key) => KnownSigner::Key(&key.key),
                NamedSigner::Identity(identity) => KnownSigner::Identity(&identity.signer, trusted),
            })
            .collect();
        let signed_by = |manifest: &Reference, by: usize| {
            let signer = &self.signers[by];
            let local = match signer {
                NamedSigner::Identity(_) if self.local.is_some() => {
                    ", where the local cloud's Fulcio and Rekor count too"
                }
                NamedSigner::Identity(_) | NamedSigner::Key(_) => "",
            };
            Ok(format!("`{manifest}` is signed by `{}`{local}", signer.name()))
        };
        let mut refused = Vec::new();
        for (manifest, digest) in known.all() {
            for stored in self.registry.signatures(manifest, digest).await? {
                match SignatureState::of(&stored, &signers, digest) {
                    SignatureState::Valid(by) => return signed_by(manifest, by),
                    state => refused.push(state),
                }
            }
        }
        for (manifest, digest) in known.all() {
            for bundle in bundles(self.registry, manifest).await? {
                match SignatureState::of_bundle(&bundle, &signers, digest) {
                    SignatureState::Valid(by) => return signed_by(manifest, by),
                    state => refused.push(state),
                }
            }
        }
        let names = names(self.signers.iter().map(NamedSigner::name));
        let has_keys = self.signers.iter().any(|signer| matches!(signer, NamedSigner::Key(_)));
        Err(Refusal { names: &names, has_keys }.of(known, &refused))
    }

    fn trusted<'s>(&'s self, signer: &'s NamedSigner) -> Vec<&'s KeylessTrust> {
        match signer {
            NamedSigner::Key(_) => Vec::new(),
            NamedSigner::Identity(identity) => {
                std::iter::once(&identity.trust).chain(self.local).collect()
            }
        }
    }
}

/// The signatures in bundles that are attached to a manifest. All that is attached is
/// looked at: cosign gave bundles a wrong type in lists under a tag, or none.
async fn bundles(registry: &Client, manifest: &Reference) -> Result<Vec<Bundle>, StepError> {
    let attached = registry.referrers(manifest, None).await?.entries;
    let attached: Vec<Digest> = attached.into_iter().map(|entry| entry.digest).collect();
    let layers = attached::layers(registry, manifest, &attached, Bundle::has_media_type).await?;
    Ok(layers.iter().filter_map(|layer| Bundle::parse(layer)).collect())
}

/// Says why no signature counts.
struct Refusal<'a> {
    /// The signers in a sentence.
    names: &'a str,
    /// Whether a public key is among them.
    has_keys: bool,
}

impl Refusal<'_> {
    fn of(&self, known: &KnownManifests, refused: &[SignatureState]) -> StepError {
        let (image, names) = (known.shown(), self.names);
        match refused {
            [] => StepError::new(format!("`{image}` is not signed")).help(self.how_to_sign()),
            [only] => StepError::new(format!("`{image}` is not signed by {names}"))
                .because(format!("its signature is {}", only.refusal()))
                .help(self.remedy(only)),
            several => {
                let line = |(at, state): (usize, &SignatureState)| {
                    format!("signature {} is {}", at + 1, state.refusal())
                };
                // The one that comes closest tells most.
                let is_close = |state: &&SignatureState| !matches!(state, SignatureState::OtherKey);
                let progress = |state: &&SignatureState| match state {
                    SignatureState::Keyless(refusal) => Some(refusal.clone()),
                    _ => None,
                };
                // The first of those that are as close.
                let close = several.iter().rev().filter(is_close);
                let closest = close.max_by_key(progress).unwrap_or(&several[0]);
                StepError::new(format!("`{image}` is not signed by {names}"))
                    .because(format!("it has {} signatures, and no valid one", several.len()))
                    .details(several.iter().enumerate().map(line))
                    .help(self.remedy(closest))
            }
        }
    }

    fn how_to_sign(&self) -> &'static str {
        if self.has_keys {
            "sign it where it is pushed, as in `push: { sign: { key: \"${{ secrets.NAME }}\" } }`"
        } else {
            "sign it where it is pushed, as in `push: { sign: { keyless: { fulcio: …, rekor: … } } }`"
        }
    }

    fn remedy(&self, state: &SignatureState) -> String {
        let names = self.names;
        match state {
            SignatureState::Valid(_) | SignatureState::OtherKey => format!(
                "sign it with the private key of {names}, or add the public key of its signature to \
                 `signed-by`"
            ),
            SignatureState::Keyless(refusal) => refusal.help().to_owned(),
            SignatureState::OtherDigest(_) => {
                "sign this image: a signature of another one proves nothing of it".to_owned()
            }
            SignatureState::Damaged(_) => {
                "delete the tag of its signatures, and sign the image again".to_owned()
            }
        }
    }
}
