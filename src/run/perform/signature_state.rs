//! What a stored signature proves.

use crate::oci::Digest;
use crate::registry::StoredSignature;
use crate::signing::{
    Bundle, KeylessEvidence, KeylessProof, KeylessRefusal, KeylessSigner, KeylessTrust, Payload,
    PublicKey, SignedContent,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a signature proves of a manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignatureState {
    Valid(ValidSignature),
    /// None of the keys made it.
    OtherKey,
    /// Why none of the identities made it.
    Keyless(KeylessRefusal),
    /// One of the signers made it, for another manifest.
    OtherDigest(Digest),
    /// Why it cannot be verified.
    Damaged(String),
}

/// A signature that counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ValidSignature {
    /// The number of the signer that made it.
    pub by: usize,
    /// What its certificate and its log say; `None` for one by a key.
    pub proof: Option<KeylessProof>,
}

/// One whose signature counts.
#[derive(Clone, Copy, Debug)]
pub enum KnownSigner<'a> {
    Key(&'a PublicKey),
    /// An identity, by a Fulcio and a Rekor of which any is trusted.
    Identity(&'a KeylessSigner, &'a [&'a KeylessTrust]),
}

impl SignatureState {
    /// What `stored` proves of the manifest with a digest.
    pub fn of(stored: &StoredSignature, signers: &[KnownSigner<'_>], digest: &Digest) -> Self {
        if let Some(damage) = &stored.damage {
            return Self::Damaged(damage.clone());
        }
        let Ok(signature) = STANDARD.decode(&stored.signature) else {
            return Self::Damaged("it is not in base64".to_owned());
        };
        let (message, keyless) = (&*stored.payload, &stored.keyless);
        let signed = SignedContent { message, payload: message, signature: &signature };
        let evidence = KeylessEvidence::parse(
            keyless.certificate.as_deref(),
            keyless.chain.as_deref(),
            keyless.entry.as_deref(),
        );
        match signer(signers, &signed, &evidence) {
            // What is not signed by a known signer is not even read.
            Ok(by) => Self::over(by, Payload::parse(message).map(|payload| payload.digest), digest),
            Err(state) => state,
        }
    }

    /// What a bundle proves of the manifest with a digest.
    pub fn of_bundle(bundle: &Bundle, signers: &[KnownSigner<'_>], digest: &Digest) -> Self {
        match signer(signers, &bundle.content(), &bundle.evidence) {
            Ok(by) => Self::over(by, bundle.digest.clone(), digest),
            Err(state) => state,
        }
    }

    /// What a signer has signed, beside what it should have.
    fn over(by: ValidSignature, signed: Result<Digest, String>, digest: &Digest) -> Self {
        match signed {
            Ok(signed) if signed == *digest => Self::Valid(by),
            Ok(signed) => Self::OtherDigest(signed),
            Err(why) => Self::Damaged(why),
        }
    }

    /// What keeps it from being valid; fits after "its signature is ".
    pub fn refusal(&self) -> String {
        match self {
            Self::Valid(_) => "valid".to_owned(),
            Self::OtherKey => "by another key".to_owned(),
            Self::Keyless(refusal) => refusal.text(),
            Self::OtherDigest(digest) => format!("for another digest, {digest}"),
            Self::Damaged(why) => format!("damaged: {why}"),
        }
    }
}

/// The first signer that made a signature, or why there is none.
fn signer(
    signers: &[KnownSigner<'_>],
    signed: &SignedContent<'_>,
    evidence: &Result<KeylessEvidence, KeylessRefusal>,
) -> Result<ValidSignature, SignatureState> {
    let (mut closest, mut has_keys) = (None, false);
    for (at, signer) in signers.iter().enumerate() {
        match signer {
            KnownSigner::Key(key) => {
                has_keys = true;
                if key.verifies(signed.message, signed.signature) {
                    return Ok(ValidSignature { by: at, proof: None });
                }
            }
            KnownSigner::Identity(identity, trusted) => {
                let checked = evidence.as_ref().map_err(Clone::clone);
                match checked.and_then(|evidence| identity.check(signed, evidence, trusted)) {
                    Ok(proof) => return Ok(ValidSignature { by: at, proof: Some(proof) }),
                    Err(refusal) => closest = closest.max(Some(refusal)),
                }
            }
        }
    }
    match closest {
        // One by a key may have been meant for one of the keys.
        Some(KeylessRefusal::NoCertificate) if has_keys => Err(SignatureState::OtherKey),
        Some(refusal) => Err(SignatureState::Keyless(refusal)),
        None => Err(SignatureState::OtherKey),
    }
}

#[cfg(test)]
mod tests {
    use super::{KnownSigner, SignatureState, ValidSignature};
    use crate::oci::{Digest, Reference};
    use crate::registry::{KeylessAnnotations, StoredSignature};
    use crate::signing::{PublicKey, payload, testing};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn only_a_known_key_over_the_very_digest_is_valid() {
        let digest = Digest::of(b"image");
        let image: Reference = "demo.azurecr.io/web".parse().expect("a reference");
        let key = testing::plain_key();
        let (own, other) = (key.public_key(), testing::cosign_public_key());
        let signed = |content: Vec<u8>| StoredSignature {
            signature: STANDARD.encode(key.sign(&content)),
            payload: content.into(),
            keyless: KeylessAnnotations::default(),
            damage: None,
        };
        let state = |stored: &StoredSignature, keys: &[&PublicKey]| {
            let signers: Vec<_> = keys.iter().map(|key| KnownSigner::Key(key)).collect();
            SignatureState::of(stored, &signers, &digest)
        };
        let stored = signed(payload(&image, &digest));

        let valid = ValidSignature { by: 1, proof: None };
        assert_eq!(state(&stored, &[&other, &own]), SignatureState::Valid(valid));
        assert_eq!(state(&stored, &[&other]), SignatureState::OtherKey);
        let elsewhere = Digest::of(b"another");
        assert_eq!(
            state(&signed(payload(&image, &elsewhere)), &[&own]),
            SignatureState::OtherDigest(elsewhere)
        );
        let changed = StoredSignature {
            payload: payload(&image, &digest)[1..].to_vec().into(),
            ..stored.clone()
        };
        assert_eq!(state(&changed, &[&own]), SignatureState::OtherKey);
        assert_eq!(
            state(&StoredSignature { signature: "?".into(), ..stored.clone() }, &[&own]),
            SignatureState::Damaged("it is not in base64".into())
        );
        assert_eq!(
            state(&StoredSignature { damage: Some("gone".into()), ..stored }, &[&own]),
            SignatureState::Damaged("gone".into())
        );
        assert_eq!(
            state(&signed(b"{}".to_vec()), &[&own]).refusal(),
            "damaged: its payload is not simple signing: missing field `critical` at line 1 column 2"
        );
    }
}
