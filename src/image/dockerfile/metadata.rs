//! Compares the digest that buildx reports with the archive that it wrote.
//! `containerimage.digest` in its `--metadata-file` is the digest of the image or index that
//! the archive's `index.json` lists.

use super::error::DockerfileError;
use crate::oci::{LAYOUT_INDEX, Manifest};
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// The largest `index.json` of an archive that is read.
const MAX_INDEX_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "containerimage.digest")]
    digest: Option<String>,
}

/// Fails if the archive contains another image than the engine reports. Passes if the engine
/// reports no digest, as old builders do.
pub fn check(engine: &str, archive: &Path, metadata: &Path) -> Result<(), DockerfileError> {
    let read = |path: &Path, source| DockerfileError::Read { path: path.to_owned(), source };
    let said = match fs::read(metadata) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(read(metadata, error)),
    };
    let said: Metadata =
        serde_json::from_slice(&said).map_err(|error| read(metadata, error.into()))?;
    let wrote = listed(archive).map_err(|error| read(archive, error))?;
    match said.digest {
        Some(said) if !wrote.is_empty() && !wrote.contains(&said) => {
            let (engine, wrote) = (engine.to_owned(), wrote.join("`, `"));
            Err(DockerfileError::OtherDigest { engine, said, wrote })
        }
        _ => Ok(()),
    }
}

/// The digests that the archive lists. An archive without an index is reported later, by the
/// import.
fn listed(archive: &Path) -> io::Result<Vec<String>> {
    let mut archive = tar::Archive::new(File::open(archive)?);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        if entry.path()?.ends_with(LAYOUT_INDEX) {
            let index: Manifest = serde_json::from_reader(entry.take(MAX_INDEX_BYTES))?;
            return Ok(index.entries().iter().map(|one| one.digest.to_string()).collect());
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::http::Retryable as _;
    use crate::oci::Digest;
    use serde_json::json;
    use std::fs::{self, File};

    #[test]
    fn an_archive_with_another_digest_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let (archive, metadata) = (folder.path().join("image.tar"), folder.path().join("said"));
        let [built, other] = [b"built", b"other"].map(|bytes| Digest::of(bytes).to_string());
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = json!({"manifests": [{"mediaType": media_type, "digest": built, "size": 5}]});
        let index = index.to_string();
        let mut tar = tar::Builder::new(File::create(&archive).expect("a file"));
        for (name, bytes) in [("oci-layout", "{}"), ("index.json", index.as_str())] {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes.as_bytes()).expect("written");
        }
        tar.finish().expect("written");
        let check = || check("docker (buildx)", &archive, &metadata);
        let say = |said: &serde_json::Value| {
            fs::write(&metadata, said.to_string()).expect("written");
        };

        check().expect("nothing said");
        say(&json!({"buildx.build.ref": "default/default/x"}));
        check().expect("nothing said of a digest");
        say(&json!({"containerimage.digest": built}));
        check().expect("the same");
        say(&json!({"containerimage.digest": other}));
        let error = check().expect_err("another");
        assert_eq!(
            error.to_string(),
            format!("docker (buildx) reported the digest `{other}`, but wrote `{built}`")
        );
        assert_eq!(
            error.help().expect("help"),
            "build it again; if the digests still differ, the builder is broken"
        );
        fs::write(&metadata, "{").expect("written");
        let error = check().expect_err("no JSON");
        assert_eq!(error.to_string(), format!("cannot read `{}`", metadata.display()));
    }
}
