//! Reads layers and archives in any compression.

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use std::io::{self, BufRead as _, BufReader, Read};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BZIP2: &[u8] = b"BZh";
const XZ: &[u8] = b"\xfd7zXZ\0";

/// The compression of a stream, told by its first bytes because media types are sometimes
/// wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
    /// Only of archives: image layers are in none of the forms below.
    Bzip2,
    Xz,
}

/// The compression of a stream, and the stream from its start.
pub fn sniff<R: Read>(inner: R) -> io::Result<(Packing, BufReader<R>)> {
    let mut reader = BufReader::with_capacity(1 << 18, inner);
    let start = reader.fill_buf()?;
    let packing = if start.starts_with(&GZIP) {
        Packing::Gzip
    } else if start.starts_with(&ZSTD) {
        Packing::Zstd
    } else if start.starts_with(BZIP2) {
        Packing::Bzip2
    } else if start.starts_with(XZ) {
        Packing::Xz
    } else {
        Packing::Plain
    };
    Ok((packing, reader))
}

/// The decompressed stream.
pub fn unpacked<'a>(inner: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
    let (packing, reader) = sniff(inner)?;
    Ok(match packing {
        Packing::Plain => Box::new(reader),
        Packing::Gzip => Box::new(MultiGzDecoder::new(reader)),
        Packing::Zstd => Box::new(zstd::Decoder::with_buffer(reader)?),
        Packing::Bzip2 => Box::new(MultiBzDecoder::new(reader)),
        Packing::Xz => Box::new(XzReader::new(reader, true)),
    })
}

#[cfg(test)]
mod tests {
    use super::unpacked;
    use std::io::Read as _;

    // As `xz` and `bzip2` write them, each in two streams.
    const XZ_ONE_TWO: &[u8] = b"\
        \xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00\
        \x74\x2f\xe5\xa3\x01\x00\x03\x6f\x6e\x65\x20\x00\x5a\x8c\x83\xa3\x31\x35\xef\x7e\
        \x00\x01\x1c\x04\x6f\x2c\x9c\xc1\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a\
        \xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00\
        \x74\x2f\xe5\xa3\x01\x00\x02\x74\x77\x6f\x00\x00\x5d\xd3\x79\x29\x75\x28\x52\x03\
        \x00\x01\x1b\x03\x0b\x2f\xb9\x10\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a";
    const BZIP2_ONE_TWO: &[u8] = b"\
        \x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xcf\xba\xa0\xb4\x00\x00\x01\x91\x00\x40\
        \x00\x02\x01\xa0\x00\x21\x9a\x68\x33\x4d\x0c\xbc\x5d\xc9\x14\xe1\x42\x43\x3e\xea\
        \x82\xd0\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xcd\xdc\x8d\x9a\x00\x00\x00\x81\
        \x80\x00\x00\x84\x80\x20\x00\x21\x98\x19\x84\x61\x77\x24\x53\x85\x09\x0c\xdd\xc8\
        \xd9\xa0";

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
        assert_eq!(read(XZ_ONE_TWO), "one two");
        assert_eq!(read(BZIP2_ONE_TWO), "one two");
    }
}
