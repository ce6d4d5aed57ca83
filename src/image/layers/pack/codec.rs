//! Compresses one block.
//!
//! Incompressible data is stored as it is: many images contain pictures and archives, for
//! which a compressor is slowest. Whether a piece is compressible is estimated from the
//! distribution of its bytes, in integers, so that every machine decides alike.

use super::source::BLOCK_BYTES;
use crate::image::layers::recipe::Compression;
use crate::oci::media_type;
use libdeflater::{CompressionLvl, Compressor};

/// libdeflate's fastest level compresses as well as level 2 of zlib in half the time. Level
/// 6 gives 7 percent less at two to three times the work.
const GZIP_LEVEL: i32 = 1;
/// Compresses better than gzip here at 1.5 times the speed. Level 3, zstd's default, gives 8
/// percent less at 1.5 times the work.
const ZSTD_LEVEL: i32 = 1;

/// The size of the pieces that are judged separately.
const PIECE_BYTES: usize = 16 << 10;
/// The sample of a piece: this many runs of this many bytes.
const RUNS_PER_PIECE: usize = 8;
const RUN_BYTES: usize = 128;
/// The sum of the squared byte counts of a sample with evenly distributed bytes.
const EVEN_SQUARE_SUM: usize = RUNS_PER_PIECE * RUN_BYTES
    + RUNS_PER_PIECE * RUN_BYTES * (RUNS_PER_PIECE * RUN_BYTES - 1) / 256;

impl Compression {
    /// Names everything that determines the compressed bytes of a stream. It is part of
    /// cache keys and must change with the library, the level and the block size.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip libdeflate-1.26 level-1 block-1MiB piece-16KiB",
            Self::Zstd => "zstd zstd-0.13 level-1 block-1MiB",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => media_type::LAYER_GZIP,
            Self::Zstd => media_type::LAYER_ZSTD,
        }
    }
}

/// The largest size of a compressed block.
pub fn bound(compression: Compression) -> usize {
    match compression {
        Compression::Gzip => BLOCK_BYTES / PIECE_BYTES * stored().gzip_compress_bound(PIECE_BYTES),
        Compression::Zstd => zstd::zstd_safe::compress_bound(BLOCK_BYTES),
    }
}

fn stored() -> Compressor {
    Compressor::new(CompressionLvl::new(0).expect("a level"))
}

pub enum Packer {
    Gzip { fast: Compressor, stored: Compressor },
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Packer {
    pub fn new(compression: Compression) -> Self {
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

    /// Compresses a block into a buffer of at least [`bound`] bytes, and returns the
    /// compressed size.
    pub fn pack(&mut self, block: &[u8], packed: &mut [u8]) -> usize {
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

/// Divides the block into members of equally compressible pieces, each with whether it is
/// dense.
fn members(block: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let first = rest.get(..PIECE_BYTES.min(rest.len())).filter(|piece| !piece.is_empty())?;
        let dense = is_dense(first);
        let alike = rest.chunks(PIECE_BYTES).take_while(|piece| is_dense(piece) == dense).count();
        let (member, left) = rest.split_at((alike * PIECE_BYTES).min(rest.len()));
        rest = left;
        Some((member, dense))
    })
}

/// Whether the bytes of a piece are so evenly distributed that compression would gain only a
/// few percent: the sum of the squared counts is within a quarter of the expected value for
/// random bytes.
fn is_dense(piece: &[u8]) -> bool {
    let step = piece.len() / RUNS_PER_PIECE;
    if step < RUN_BYTES {
        return false;
    }
    let mut counts = [0_usize; 256];
    for run in piece.chunks(step).take(RUNS_PER_PIECE) {
        for byte in &run[..RUN_BYTES] {
            counts[usize::from(*byte)] += 1;
        }
    }
    let squares: usize = counts.iter().map(|count| count * count).sum();
    squares * 4 < EVEN_SQUARE_SUM * 5
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, Packer, bound, is_dense, members};
    use crate::image::layers::pack::BLOCK_BYTES;
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
    fn only_noise_is_dense() {
        assert!(is_dense(&noise(PIECE_BYTES)));
        assert!(is_dense(&noise(1024)));
        assert!(!is_dense(&noise(1023)), "too short to say");
        assert!(!is_dense(&text(PIECE_BYTES)));
        assert!(!is_dense(&[0; PIECE_BYTES]));
        let six_bits: Vec<u8> = noise(PIECE_BYTES).iter().map(|byte| byte & 63).collect();
        assert!(!is_dense(&six_bits), "as in base64");
        let seven_bits: Vec<u8> = noise(PIECE_BYTES).iter().map(|byte| byte & 127).collect();
        assert!(!is_dense(&seven_bits));
    }

    #[test]
    fn members_end_where_the_kind_changes() {
        let block = [text(3 * PIECE_BYTES), noise(2 * PIECE_BYTES), text(100)].concat();
        let found: Vec<_> = members(&block).map(|(member, dense)| (member.len(), dense)).collect();
        assert_eq!(found, [(3 * PIECE_BYTES, false), (2 * PIECE_BYTES, true), (100, false)]);
        assert_eq!(members(&[]).count(), 0);
    }

    #[test]
    fn every_block_fits_and_is_unpacked_to_what_it_was() {
        let mixed = |piece| {
            let turns = [noise(piece), text(piece)];
            turns.iter().flatten().copied().cycle().take(BLOCK_BYTES).collect::<Vec<u8>>()
        };
        for compression in [Compression::Gzip, Compression::Zstd] {
            let mut packer = Packer::new(compression);
            let mut packed = vec![0; bound(compression)];
            for block in
                [noise(BLOCK_BYTES), text(BLOCK_BYTES), mixed(PIECE_BYTES), mixed(5000), text(1)]
            {
                let length = packer.pack(&block, &mut packed);
                let mut back = Vec::new();
                let mut reader = unpacked(&packed[..length]).expect("a stream");
                reader.read_to_end(&mut back).expect("unpacked");
                assert!(back == block, "{compression:?} {}", block.len());
            }
        }
    }
}
