//! What a stored signature proves.

use crate::oci::Digest;
use crate::registry::StoredSignature;
use crate::signing::{Bundle, Payload, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a signature proves of a manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignatureState {
    /// The key with this number has signed the manifest.
    Valid(usize),
    /// None of the keys made it.
    OtherKey,
    /// One of the keys made it, for another manifest.
    OtherDigest(Digest),
    /// Why it cannot be verified.
    Damaged(String),
}

impl SignatureState {
    /// What `stored` proves of the manifest with a digest.
    pub fn of(stored: &StoredSignature, keys: &[&PublicKey], digest: &Digest) -> Self {
        if let Some(damage) = &stored.damage {
            return Self::Damaged(damage.clone());
        }
        let Ok(signature) = STANDARD.decode(&stored.signature) else {
            return Self::Damaged("it is not in base64".to_owned());
        };
        let by = keys.iter().position(|key| key.verifies(&stored.payload, &signature));
        let Some(by) = by else { return Self::OtherKey };
        // What is not signed by a known key is not even read.
        Self::over(by, Payload::parse(&stored.payload).map(|payload| payload.digest), digest)
    }

    /// What a bundle proves of the manifest with a digest.
    pub fn of_bundle(bundle: &Bundle, keys: &[&PublicKey], digest: &Digest) -> Self {
        let verifies = |key: &&PublicKey| key.verifies(&bundle.message, &bundle.signature);
        match keys.iter().position(verifies) {
            Some(by) => Self::over(by, bundle.digest.clone(), digest),
            None => Self::OtherKey,
        }
    }

    /// What a key has signed, beside what it should have.
    fn over(by: usize, signed: Result<Digest, String>, digest: &Digest) -> Self {
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
            Self::OtherDigest(digest) => format!("for another digest, {digest}"),
            Self::Damaged(why) => format!("damaged: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SignatureState;
    use crate::oci::{Digest, Reference};
    use crate::registry::StoredSignature;
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
            damage: None,
        };
        let state = |stored: &StoredSignature, keys: &[&PublicKey]| {
            SignatureState::of(stored, keys, &digest)
        };
        let stored = signed(payload(&image, &digest));

        assert_eq!(state(&stored, &[&other, &own]), SignatureState::Valid(1));
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
