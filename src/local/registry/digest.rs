//! Digests with other algorithms than SHA-256, which clients may choose.

use crate::oci::Digest;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The digest of some bytes with the given algorithm. SHA-256 for unknown ones.
pub fn digest_as(algorithm: &str, bytes: &[u8]) -> Digest {
    let own = || Digest::of(bytes);
    let text = match algorithm {
        "sha384" => format!("sha384:{}", hex::encode(Sha384::digest(bytes))),
        "sha512" => format!("sha512:{}", hex::encode(Sha512::digest(bytes))),
        _ => return own(),
    };
    text.parse().unwrap_or_else(|_| own())
}

/// The digest of a file with the given algorithm. SHA-256 for unknown ones.
pub fn digest_of(path: &Path, algorithm: &str) -> io::Result<Digest> {
    let hash = match algorithm {
        "sha384" => hash_file::<Sha384>(path)?,
        "sha512" => hash_file::<Sha512>(path)?,
        _ => return Ok(Digest::from_sha256(&hash_file::<Sha256>(path)?)),
    };
    format!("{algorithm}:{}", hex::encode(hash)).parse().map_err(io::Error::other)
}

fn hash_file<H: sha2::Digest>(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let (mut hash, mut buffer) = (H::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().to_vec()),
            count => hash.update(&buffer[..count]),
        }
    }
}
