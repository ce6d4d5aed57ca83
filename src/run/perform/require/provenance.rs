//! Whether an image has a provenance: one that is attached to it, as `push` does, or one
//! beside it in its index, as `BuildKit` does (moby/buildkit, `attestation-storage.md`).
//!
//! A provenance is not signed. It proves as much as the registry is trusted, or, in an
//! index that is signed, as much as that signature.

use super::attached::{self, AttachedLayer};
use super::image::{KnownIndex, KnownManifests};
use crate::oci::{Descriptor, Digest, Reference};
use crate::registry::Client;
use crate::run::outcome::StepError;
use crate::signing::quoted;
use serde::Deserialize;

const IN_TOTO: &str = "application/vnd.in-toto+json";
/// What the types of SLSA's provenance begin with, in all versions.
const PROVENANCE: &str = "https://slsa.dev/provenance/";
const BUILDKIT_KIND: &str = "vnd.docker.reference.type";
const BUILDKIT_ATTESTATION: &str = "attestation-manifest";
const BUILDKIT_SUBJECT: &str = "vnd.docker.reference.digest";

/// A statement of in-toto, of either version.
#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(default)]
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    digest: SubjectDigest,
}

#[derive(Deserialize)]
struct SubjectDigest {
    sha256: Option<String>,
}

/// What a statement is to an image.
enum Found {
    /// The type of its provenance.
    Provenance(String),
    /// A provenance of something else.
    OfOther,
    /// No provenance.
    Other,
}

/// Fails unless a provenance names the image, or an index that lists it.
pub async fn check(registry: &Client, known: &KnownManifests) -> Result<String, StepError> {
    let mut is_of_other = false;
    for (manifest, digest) in known.all() {
        for statement in statements(registry, known, manifest, digest).await? {
            match read(&statement.bytes, digest) {
                Found::Provenance(kind) => {
                    return Ok(format!("`{manifest}` has a provenance, {}", quoted(&kind)));
                }
                Found::OfOther => is_of_other = true,
                Found::Other => {}
            }
        }
    }
    let error = StepError::new(format!("`{}` has no provenance", known.shown()));
    let error = if is_of_other {
        error.because("the one that is attached to it names another image")
    } else {
        error
    };
    Err(error.help("attach one where it is pushed, as in `push: { provenance: true }`"))
}

fn read(statement: &[u8], digest: &Digest) -> Found {
    let Ok(statement) = serde_json::from_slice::<Statement>(statement) else {
        return Found::Other;
    };
    if !statement.predicate_type.starts_with(PROVENANCE) {
        return Found::Other;
    }
    let hex = digest.hex();
    let is_it = |subject: &Subject| subject.digest.sha256.as_deref() == Some(hex);
    if statement.subject.iter().any(is_it) {
        return Found::Provenance(statement.predicate_type);
    }
    Found::OfOther
}

/// The statements about a manifest, wherever they are.
async fn statements(
    registry: &Client,
    known: &KnownManifests,
    manifest: &Reference,
    digest: &Digest,
) -> Result<Vec<AttachedLayer>, StepError> {
    let attached = registry.referrers(manifest, None).await?.entries;
    // A list under a tag may not say what the artifacts are.
    let may_be = |entry: &Descriptor| entry.artifact_type().is_none_or(|kind| kind == IN_TOTO);
    let attached = attached.into_iter().filter(may_be).map(|entry| entry.digest);
    let beside = known.indexes.iter().flat_map(|index| beside(index, digest));
    let artifacts: Vec<Digest> = attached.chain(beside).collect();
    attached::layers(registry, manifest, &artifacts, |kind| kind == IN_TOTO).await
}

/// The attestations that an index lists for one of its images.
fn beside(index: &KnownIndex, digest: &Digest) -> impl Iterator<Item = Digest> {
    let annotation = |entry: &Descriptor, key: &str| entry.annotations.get(key).cloned();
    let is_about = move |entry: &&Descriptor| {
        annotation(entry, BUILDKIT_KIND).as_deref() == Some(BUILDKIT_ATTESTATION)
            && annotation(entry, BUILDKIT_SUBJECT).as_deref() == Some(digest.as_str())
    };
    index.entries.iter().filter(is_about).map(|entry| entry.digest.clone())
}
