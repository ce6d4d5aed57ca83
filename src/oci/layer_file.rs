//! The file of a layer, plain or compressed.

use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io;
use std::io::{BufReader, Read, Seek as _};
use std::path::Path;

/// Opens a layer and decompresses it. The first bytes tell the compression more
/// reliably than media types do.
pub fn open_layer(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    let reader = BufReader::with_capacity(256 * 1024, file);
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(reader)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::stream::read::Decoder::with_buffer(reader)?),
        _ => Box::new(reader),
    })
}
