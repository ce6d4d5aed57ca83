//! The functions of templates that make names of other texts: the same ones as Azure's for the
//! same arguments, so that names of a template are those of the real cloud.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// The namespace of `guid` (learn.microsoft.com, "String functions for Bicep").
const NAMESPACE: [u8; 16] = [
    0x11, 0xfb, 0x06, 0xfb, 0x71, 0x2d, 0x4d, 0xdd, 0x98, 0xc7, 0xe7, 0x1b, 0xbd, 0x58, 0x88, 0x30,
];

/// RFC 4648 in lower case.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const UNIQUE_LENGTH: usize = 13;

/// `guid`: a UUID of version 5 (RFC 9562, section 5.5) of the arguments with `-` between.
pub fn guid(texts: &[&str]) -> String {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(&NAMESPACE);
    context.update(texts.join("-").as_bytes());
    let digest = context.finish();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// `uniqueString`: the 64-bit hash of the arguments with `-` between, in 13 letters. Case counts.
pub fn unique_string(texts: &[&str]) -> String {
    let hash = murmur(texts.join("-").as_bytes());
    let letter = |at: usize| {
        // The last letter has four bits alone.
        let bits = if at == 12 { hash << 1 } else { hash >> (59 - 5 * at) };
        char::from(LETTERS[usize::try_from(bits & 31).unwrap_or(0)])
    };
    (0..UNIQUE_LENGTH).map(letter).collect()
}

const FIRST: u32 = 0x239b_961b;
const SECOND: u32 = 0xab0e_9789;

/// `MurmurHash3` with two lanes of 32 bits, as Azure's template engine has it.
fn murmur(data: &[u8]) -> u64 {
    let (mut high, mut low) = (0_u32, 0_u32);
    let mut blocks = data.chunks_exact(8);
    for block in blocks.by_ref() {
        low ^= low_lane(&block[..4]);
        low = low.rotate_left(19).wrapping_add(high).wrapping_mul(5).wrapping_add(0x561c_cd1b);
        high ^= high_lane(&block[4..]);
        high = high.rotate_left(13).wrapping_add(low).wrapping_mul(5).wrapping_add(0x0bca_a747);
    }
    let tail = blocks.remainder();
    low ^= low_lane(&tail[..tail.len().min(4)]);
    high ^= high_lane(&tail[tail.len().min(4)..]);
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    low ^= length;
    high ^= length;
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    low = mixed(low);
    high = mixed(high);
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    u64::from(high) << 32 | u64::from(low)
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn low_lane(bytes: &[u8]) -> u32 {
    little_endian(bytes).wrapping_mul(FIRST).rotate_left(15).wrapping_mul(SECOND)
}

fn high_lane(bytes: &[u8]) -> u32 {
    little_endian(bytes).wrapping_mul(SECOND).rotate_left(17).wrapping_mul(FIRST)
}

fn mixed(mut hash: u32) -> u32 {
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::{guid, unique_string};

    #[test]
    fn unique_strings_are_those_of_bicep() {
        // Evaluated by Bicep itself.
        let group = "/subscriptions/00000000-0000-4000-8000-000000000084/resourceGroups/rg-p84";
        assert_eq!(unique_string(&[group, "p84fixture"]), "52p2c4jfs43ig");
        assert_eq!(unique_string(&[""]), "aaaaaaaaaaaaa");
        assert_ne!(unique_string(&["Test"]), unique_string(&["test"]));
    }

    #[test]
    fn guids_are_uuids_of_version_5() {
        // By another implementation: python3 -c 'uuid.uuid5(NAMESPACE, "a-b-c")'.
        assert_eq!(guid(&["a", "b", "c"]), "a98fa280-e03f-5afa-8d8e-92d0a9c201e8");
    }
}
