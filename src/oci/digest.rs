//! Digests: `sha256:…`, the name of content by its hash.

use ring::digest::{Context, SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A digest as the OCI image specification defines it ("Digests").
///
/// Kept as text: only SHA-256 is computed here, other algorithms are passed on.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

#[derive(Clone, Debug, thiserror::Error)]
#[error("`{0}` is not a digest, which is written `sha256:` and 64 hexadecimal digits")]
pub struct InvalidDigest(String);

impl Digest {
    /// The SHA-256 digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_sha256(digest(&SHA256, bytes).as_ref())
    }

    /// A digest from the 32 bytes of a SHA-256 hash.
    pub fn from_sha256(hash: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(hash)))
    }

    /// `sha256`, `sha384` or `sha512`.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(algorithm, _)| algorithm)
    }

    /// The hexadecimal digits after the colon.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The whole text, `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 hexadecimal digits, as docker shows ids to people.
    pub fn short(&self) -> &str {
        let hex = self.hex();
        &hex[..hex.len().min(12)]
    }
}

/// An unfinished SHA-256 hash.
///
/// Computed by `ring`, which TLS needs anyway: on machines without SHA
/// instructions its assembly is 1.5 times as fast as portable code.
#[derive(Clone)]
pub struct Hasher {
    context: Context,
    length: u64,
}

impl Hasher {
    pub fn new() -> Self {
        Self { context: Context::new(&SHA256), length: 0 }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// The number of bytes hashed so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The digest, and the number of bytes that were hashed.
    pub fn finish(self) -> (Digest, u64) {
        (Digest::from_sha256(self.context.finish().as_ref()), self.length)
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({} bytes)", self.length)
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let invalid = || InvalidDigest(text.to_owned());
        let (algorithm, hex) = text.split_once(':').ok_or_else(invalid)?;
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return Err(invalid()),
        };
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hex.len() != length || !hex.bytes().all(lower) {
            return Err(invalid());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, Hasher};

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn empty_content_has_a_digest() {
        assert_eq!(Digest::of(b"").as_str(), EMPTY);
        assert_eq!(Digest::of(b"").short(), "e3b0c44298fc");
    }

    #[test]
    fn hashing_in_pieces_gives_the_digest_of_the_whole() {
        let mut hasher = Hasher::new();
        hasher.update(b"ab");
        let before = hasher.clone();
        hasher.update(b"c");

        assert_eq!(hasher.length(), 3);
        assert_eq!(hasher.finish(), (Digest::of(b"abc"), 3));
        assert_eq!(before.finish(), (Digest::of(b"ab"), 2));
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").as_str(), abc);
    }

    #[test]
    fn text_that_is_not_a_digest_is_refused() {
        assert!(EMPTY.parse::<Digest>().is_ok());
        for wrong in ["", "sha256:", "sha256:abc", &EMPTY.to_uppercase(), "md5:00", "../../x"] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}
