//! Reads layers in any compression.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead as _, BufReader, Read};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The compression of a stream, told by its first bytes because media types are sometimes
/// wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// The compression of a stream, and the stream from its start.
pub fn sniff<R: Read>(inner: R) -> io::Result<(Packing, BufReader<R>)> {
    let mut reader = BufReader::with_capacity(1 << 18, inner);
    let start = reader.fill_buf()?;
    let packing = if start.starts_with(&GZIP) {
        Packing::Gzip
    } else if start.starts_with(&ZSTD) {
        Packing::Zstd
    } else {
        Packing::Plain
    };
    Ok((packing, reader))
}

/// The decompressed stream.
pub fn unpacked<'a>(inner: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let (packing, reader) = sniff(inner)?;
    Ok(match packing {
        Packing::Plain => Box::new(reader),
        Packing::Gzip => Box::new(MultiGzDecoder::new(reader)),
        Packing::Zstd => Box::new(zstd::Decoder::with_buffer(reader)?),
    })
}

#[cfg(test)]
mod tests {
    use super::unpacked;
    use std::io::Read as _;

    fn read(bytes: &[u8]) -> String {
        let mut text = String::new();
        unpacked(bytes).expect("a stream").read_to_string(&mut text).expect("text");
        text
    }

    #[test]
    fn the_first_bytes_decide() {
        let gzip = |text: &str| {
            let mut compressor =
                libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
            let mut packed = vec![0; 100];
            let length = compressor.gzip_compress(text.as_bytes(), &mut packed).expect("room");
            packed.truncate(length);
            packed
        };

        assert_eq!(read(b"plain"), "plain");
        assert_eq!(read(b""), "");
        assert_eq!(read(&[gzip("one "), gzip("two")].concat()), "one two");
        let frames =
            ["one ", "two"].map(|text| zstd::bulk::compress(text.as_bytes(), 1).expect("zstd"));
        assert_eq!(read(&frames.concat()), "one two");
    }
}
