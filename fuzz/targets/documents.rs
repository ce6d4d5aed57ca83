//! JSON documents of a registry: manifests, indexes, descriptors, tokens, errors.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shipway::testing::oci::media_type;
use shipway::testing::registry::untrusted;

const KINDS: [&str; 4] = ["", media_type::MANIFEST, media_type::INDEX, media_type::DOCKER_MANIFEST];

fuzz_target!(|bytes: &[u8]| {
    for kind in KINDS {
        // Content is only found by a valid digest.
        for digest in untrusted::manifest(kind, bytes).unwrap_or_default() {
            assert!(digest.hex().len() >= 64 && !digest.as_str().contains('/'));
        }
    }
    untrusted::token(bytes);
    let said = untrusted::error(bytes);
    assert!(said.chars().count() <= 500 && !said.contains(char::is_control), "{said:?}");
});
