//! Compresses one block.
//!
//! What does not compress is not tried: pictures and archives are a good part of
//! most images, and a compressor is at its slowest on them. Whether a piece
//! compresses is told by how evenly its bytes are spread, in whole numbers, so
//! that every machine says the same.

use super::BLOCK;
use crate::image::layers::recipe::Compression;
use crate::oci::media_type;
use libdeflater::{CompressionLvl, Compressor};

/// The fastest level of libdeflate packs as tight as level 2 of zlib in half
/// the time. Sizes at level 6 are 7 percent smaller, at two to three times the
/// work.
const GZIP_LEVEL: i32 = 1;
/// Packs tighter than gzip's at a half more speed. Sizes at level 3, zstd's own
/// choice, are 8 percent smaller, at half a time more of the work.
const ZSTD_LEVEL: i32 = 1;

/// What is judged at once.
const PIECE: usize = 16 << 10;
/// Bytes that are looked at in a piece: so many runs of so many.
const RUNS: usize = 8;
const RUN: usize = 128;
/// The sum of the squares of how often each byte occurs among those, when chance
/// spreads them evenly.
const BY_CHANCE: usize = RUNS * RUN + RUNS * RUN * (RUNS * RUN - 1) / 256;

impl Compression {
    /// Names everything that the packed bytes depend on beside the stream. It
    /// must change when a library, a level or the block size does.
    pub(in crate::image::layers) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip libdeflate-1.26 level-1 block-1MiB piece-16KiB",
            Self::Zstd => "zstd zstd-0.13 level-1 block-1MiB",
        }
    }

    pub(in crate::image::layers) fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => media_type::LAYER_GZIP,
            Self::Zstd => media_type::LAYER_ZSTD,
        }
    }
}

/// The most that a block may become.
pub(super) fn bound(compression: Compression) -> usize {
    match compression {
        Compression::Gzip => BLOCK / PIECE * stored().gzip_compress_bound(PIECE),
        Compression::Zstd => zstd::zstd_safe::compress_bound(BLOCK),
    }
}

fn stored() -> Compressor {
    Compressor::new(CompressionLvl::new(0).expect("a level"))
}

/// One thread's compressor.
pub(super) enum Packer {
    Gzip { fast: Compressor, stored: Compressor },
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Packer {
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            Compression::Gzip => {
                let level = CompressionLvl::new(GZIP_LEVEL).expect("a level");
                Self::Gzip { fast: Compressor::new(level), stored: stored() }
            }
            Compression::Zstd => {
                Self::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL).expect("memory"))
            }
        }
    }

    /// Compresses a block into a buffer of at least [`bound`] bytes, and says how
    /// many it took.
    pub(super) fn pack(&mut self, block: &[u8], packed: &mut [u8]) -> usize {
        match self {
            Self::Gzip { fast, stored } => {
                let mut length = 0;
                for (member, dense) in members(block) {
                    let compressor = if dense { &mut *stored } else { &mut *fast };
                    let room = &mut packed[length..];
                    length += compressor.gzip_compress(member, room).expect("within the bound");
                }
                length
            }
            Self::Zstd(compressor) => {
                compressor.compress_to_buffer(block, packed).expect("memory, and within the bound")
            }
        }
    }
}

/// The block in members, each as long as its pieces are alike, and whether they
/// are dense.
fn members(block: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let first = rest.get(..PIECE.min(rest.len())).filter(|piece| !piece.is_empty())?;
        let dense = is_dense(first);
        let alike = rest.chunks(PIECE).take_while(|piece| is_dense(piece) == dense).count();
        let (member, left) = rest.split_at((alike * PIECE).min(rest.len()));
        rest = left;
        Some((member, dense))
    })
}

/// Whether the bytes of a piece are spread so evenly that packing would gain
/// less than a few percent: the sum of the squares of how often each occurs is
/// within a quarter of what chance gives.
fn is_dense(piece: &[u8]) -> bool {
    let step = piece.len() / RUNS;
    if step < RUN {
        return false;
    }
    let mut counts = [0_usize; 256];
    for run in piece.chunks(step).take(RUNS) {
        for byte in &run[..RUN] {
            counts[usize::from(*byte)] += 1;
        }
    }
    let squares: usize = counts.iter().map(|count| count * count).sum();
    squares * 4 < BY_CHANCE * 5
}

#[cfg(test)]
mod tests {
    use super::{PIECE, Packer, bound, is_dense, members};
    use crate::image::layers::pack::BLOCK;
    use crate::image::layers::recipe::Compression;
    use crate::image::stream::unpacked;
    use std::io::Read as _;

    /// Bytes without any order, the same each time.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 88_172_645_463_325_252_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..length).map(|_| next()).collect()
    }

    fn text(length: usize) -> Vec<u8> {
        b"const request = require('./request');\n".iter().copied().cycle().take(length).collect()
    }

    #[test]
    fn noise_is_dense_and_what_can_be_packed_is_not() {
        assert!(is_dense(&noise(PIECE)));
        assert!(is_dense(&noise(1024)));
        assert!(!is_dense(&noise(1023)), "too short to say");
        assert!(!is_dense(&text(PIECE)));
        assert!(!is_dense(&[0; PIECE]));
        let six_bits: Vec<u8> = noise(PIECE).iter().map(|byte| byte & 63).collect();
        assert!(!is_dense(&six_bits), "as in base64");
        let seven_bits: Vec<u8> = noise(PIECE).iter().map(|byte| byte & 127).collect();
        assert!(!is_dense(&seven_bits));
    }

    #[test]
    fn members_end_where_the_kind_changes() {
        let block = [text(3 * PIECE), noise(2 * PIECE), text(100)].concat();
        let found: Vec<_> = members(&block).map(|(member, dense)| (member.len(), dense)).collect();
        assert_eq!(found, [(3 * PIECE, false), (2 * PIECE, true), (100, false)]);
        assert_eq!(members(&[]).count(), 0);
    }

    #[test]
    fn every_block_fits_and_is_unpacked_to_what_it_was() {
        let mixed = |piece| {
            let turns = [noise(piece), text(piece)];
            turns.iter().flatten().copied().cycle().take(BLOCK).collect::<Vec<u8>>()
        };
        for compression in [Compression::Gzip, Compression::Zstd] {
            let mut packer = Packer::new(compression);
            let mut packed = vec![0; bound(compression)];
            for block in [noise(BLOCK), text(BLOCK), mixed(PIECE), mixed(5000), text(1)] {
                let length = packer.pack(&block, &mut packed);
                let mut back = Vec::new();
                let mut reader = unpacked(&packed[..length]).expect("a stream");
                reader.read_to_end(&mut back).expect("unpacked");
                assert!(back == block, "{compression:?} {}", block.len());
            }
        }
    }
}
