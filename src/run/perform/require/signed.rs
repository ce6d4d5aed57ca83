//! Whether an image is signed by one of the keys or identities.

use super::attached::{self, AttachedLayer};
use super::image::KnownManifests;
use super::named_key::names;
use super::named_signer::NamedSigner;
use crate::oci::{Digest, Reference};
use crate::registry::{Client, signature_tag};
use crate::run::outcome::StepError;
use crate::run::perform::signature_state::{KnownSigner, SignatureState, ValidSignature};
use crate::signing::{Bundle, KeylessProof, KeylessTrust};
use std::fmt;

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
        let mut refused = Vec::new();
        for (manifest, digest) in known.all() {
            for stored in self.registry.signatures(manifest, digest).await? {
                match SignatureState::of(&stored, &signers, digest) {
                    SignatureState::Valid(valid) => return Ok(self.found(manifest, &valid)),
                    state => {
                        let holder = Holder::Tag(signature_tag(manifest, digest));
                        refused.push(RefusedSignature { state, holder });
                    }
                }
            }
        }
        for (manifest, digest) in known.all() {
            for AttachedBundle { artifact, bundle } in bundles(self.registry, manifest).await? {
                match SignatureState::of_bundle(&bundle, &signers, digest) {
                    SignatureState::Valid(valid) => return Ok(self.found(manifest, &valid)),
                    state => {
                        let holder = Holder::Bundle(artifact);
                        refused.push(RefusedSignature { state, holder });
                    }
                }
            }
        }
        let names = names(self.signers.iter().map(NamedSigner::name));
        let has_keys = self.signers.iter().any(|signer| matches!(signer, NamedSigner::Key(_)));
        Err(Refusal { names: &names, has_keys }.of(known, &refused))
    }

    /// What was found, for the log: of an identity what the certificate and the log say, which
    /// a pattern in the plan does not.
    fn found(&self, manifest: &Reference, valid: &ValidSignature) -> String {
        let Some(KeylessProof { shown, log_index, is_local }) = &valid.proof else {
            return format!("`{manifest}` is signed by `{}`", self.signers[valid.by].name());
        };
        let local = if *is_local {
            " of the local cloud: whose job signs in a real run is not shown by this"
        } else {
            ""
        };
        format!("`{manifest}` is signed by {shown}, log entry {log_index}{local}")
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

/// A signature that does not count.
struct RefusedSignature {
    state: SignatureState,
    holder: Holder,
}

/// What has to be deleted to be rid of a signature.
enum Holder {
    /// The tag of the image's signatures.
    Tag(Reference),
    /// An artifact that is attached to the image.
    Bundle(Reference),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "the tag `{tag}`, which holds its signatures"),
            Self::Bundle(artifact) => {
                write!(f, "the bundle `{artifact}`, which is attached to the image")
            }
        }
    }
}

/// A bundle with the artifact that it is in.
struct AttachedBundle {
    artifact: Reference,
    bundle: Bundle,
}

/// The signatures in bundles that are attached to a manifest. All that is attached is
/// looked at: cosign gave bundles a wrong type in lists under a tag, or none.
async fn bundles(
    registry: &Client,
    manifest: &Reference,
) -> Result<Vec<AttachedBundle>, StepError> {
    let attached = registry.referrers(manifest, None).await?.entries;
    let attached: Vec<Digest> = attached.into_iter().map(|entry| entry.digest).collect();
    let layers = attached::layers(registry, manifest, &attached, Bundle::has_media_type).await?;
    let bundles = layers.into_iter().filter_map(|AttachedLayer { artifact, bytes }| {
        Some(AttachedBundle { artifact, bundle: Bundle::parse(&bytes)? })
    });
    Ok(bundles.collect())
}

/// Says why no signature counts.
struct Refusal<'a> {
    /// The signers in a sentence.
    names: &'a str,
    /// Whether a public key is among them.
    has_keys: bool,
}

impl Refusal<'_> {
    fn of(&self, known: &KnownManifests, refused: &[RefusedSignature]) -> StepError {
        let (image, names) = (known.shown(), self.names);
        match refused {
            [] => StepError::new(format!("`{image}` is not signed")).help(self.how_to_sign()),
            [only] => StepError::new(format!("`{image}` is not signed by {names}"))
                .because(format!("its signature is {}", only.state.refusal()))
                .help(self.remedy(only)),
            several => {
                let line = |(at, signature): (usize, &RefusedSignature)| {
                    format!("signature {} is {}", at + 1, signature.state.refusal())
                };
                // The one that comes closest tells most.
                let is_close = |signature: &&RefusedSignature| {
                    !matches!(signature.state, SignatureState::OtherKey)
                };
                let progress = |signature: &&RefusedSignature| match &signature.state {
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

    fn remedy(&self, signature: &RefusedSignature) -> String {
        let (names, RefusedSignature { state, holder }) = (self.names, signature);
        let delete = || format!("delete {holder}, and sign the image again");
        match state {
            SignatureState::Valid(_) | SignatureState::OtherKey => format!(
                "sign it with the private key of {names}, or add the public key of its signature to \
                 `signed-by`"
            ),
            SignatureState::Keyless(refusal) => refusal.help().map_or_else(delete, str::to_owned),
            SignatureState::OtherDigest(_) => {
                "sign this image: a signature of another one proves nothing of it".to_owned()
            }
            SignatureState::Damaged(_) => delete(),
        }
    }
}
