//! Writes the SPDX 2.3 document as JSON, piece by piece.
//!
//! The image is the described package. It contains its layers, which contain the files that
//! remain of them, and the packages of the package databases. Every file has a SHA-1 because
//! SPDX 2.3 requires one (clause 8.4).

use super::packages::Package;
use super::purl;
use super::scan::{Contents, ImageFile};
use crate::image::manifest::Image;
use crate::oci::{Descriptor, Digest};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::io::{self, Write};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";

/// The facts that the document states.
pub struct Document<'a> {
    pub image: &'a Image,
    pub name: &'a str,
    pub created: &'a str,
    pub contents: &'a Contents,
    pub packages: &'a [Package],
    pub unread: &'a [String],
}

impl Document<'_> {
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(to, self).map_err(io::Error::from)
    }

    /// A URI that is unique for this image and this version of the program.
    fn namespace(&self) -> String {
        format!(
            "https://spdx.org/spdxdocs/shipway-{}-{}-{}",
            env!("CARGO_PKG_VERSION"),
            self.name,
            self.image.manifest.digest.hex()
        )
    }

    fn root(&self) -> Value {
        let digest = &self.image.manifest.digest;
        let architecture = &self.image.platform.architecture;
        json!({
            "SPDXID": IMAGE,
            "name": self.name,
            "versionInfo": digest,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "primaryPackagePurpose": "CONTAINER",
            "checksums": checksums(digest),
            "externalRefs": [reference(&purl::image(self.name, digest.as_str(), architecture))],
        })
    }

    fn layer(&self, index: usize, layer: &Descriptor) -> Value {
        let mut package = json!({
            "SPDXID": layer_id(index),
            "name": layer.digest,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "primaryPackagePurpose": "ARCHIVE",
            "checksums": checksums(&layer.digest),
        });
        if let Some(code) = self.verification_code(index) {
            package["filesAnalyzed"] = true.into();
            package["packageVerificationCode"] = json!({ "packageVerificationCodeValue": code });
        }
        package
    }

    /// The SHA-1 of the sorted SHA-1s of all files (clause 7.9), or `None` for a layer of
    /// which no file remains.
    fn verification_code(&self, layer: usize) -> Option<String> {
        let files = self.contents.files.values().filter(|file| file.layer == layer);
        let mut hashes: Vec<String> = files.map(|file| hex::encode(file.sha1)).collect();
        hashes.sort_unstable();
        let all = hashes.concat();
        (!all.is_empty()).then(|| hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, all.as_bytes())))
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("spdxVersion", "SPDX-2.3")?;
        map.serialize_entry("dataLicense", "CC0-1.0")?;
        map.serialize_entry("SPDXID", DOCUMENT)?;
        map.serialize_entry("name", self.name)?;
        map.serialize_entry("documentNamespace", &self.namespace())?;
        let tool = concat!("Tool: shipway-", env!("CARGO_PKG_VERSION"));
        let made = json!({ "created": self.created, "creators": [tool] });
        map.serialize_entry("creationInfo", &made)?;
        if !self.unread.is_empty() {
            let files = self.unread.join(", ");
            map.serialize_entry("comment", &format!("package databases not read: {files}"))?;
        }
        map.serialize_entry("packages", &Packages(self))?;
        map.serialize_entry("files", &Files(self))?;
        map.serialize_entry("relationships", &Relationships(self))?;
        map.end()
    }
}

struct Packages<'a>(&'a Document<'a>);

impl Serialize for Packages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = self.0;
        let mut all = serializer.serialize_seq(None)?;
        all.serialize_element(&document.root())?;
        for (index, layer) in document.image.layers.iter().enumerate() {
            all.serialize_element(&document.layer(index, layer))?;
        }
        for package in document.packages {
            all.serialize_element(&json!({
                "SPDXID": package.id,
                "name": package.name,
                "versionInfo": package.version,
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": false,
                "sourceInfo": format!("named by /{}", package.database),
                "externalRefs": [reference(&package.purl)],
            }))?;
        }
        all.end()
    }
}

struct Files<'a>(&'a Document<'a>);

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_seq(None)?;
        for (path, file) in &self.0.contents.files {
            all.serialize_element(&json!({
                "SPDXID": file_id(path),
                "fileName": format!("./{}", shown(path)),
                "checksums": [
                    { "algorithm": "SHA1", "checksumValue": hex::encode(file.sha1) },
                    { "algorithm": "SHA256", "checksumValue": hex::encode(file.sha256) },
                ],
            }))?;
        }
        all.end()
    }
}

struct Relationships<'a>(&'a Document<'a>);

impl Serialize for Relationships<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = self.0;
        let mut all = serializer.serialize_seq(None)?;
        all.serialize_element(&related(DOCUMENT, "DESCRIBES", IMAGE))?;
        for index in 0..document.image.layers.len() {
            all.serialize_element(&related(IMAGE, "CONTAINS", &layer_id(index)))?;
        }
        for package in document.packages {
            all.serialize_element(&related(IMAGE, "CONTAINS", &package.id))?;
        }
        for (path, ImageFile { layer, .. }) in &document.contents.files {
            all.serialize_element(&related(&layer_id(*layer), "CONTAINS", &file_id(path)))?;
        }
        all.end()
    }
}

fn related(from: &str, how: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": how, "relatedSpdxElement": to })
}

fn reference(purl: &str) -> Value {
    json!({
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl,
    })
}

/// A digest in SPDX's form.
fn checksums(digest: &Digest) -> Value {
    let algorithm = digest.algorithm().to_uppercase();
    json!([{ "algorithm": algorithm, "checksumValue": digest.hex() }])
}

/// Numbered, since two layers may have the same digest.
fn layer_id(index: usize) -> String {
    format!("SPDXRef-Layer-{index}")
}

/// Derived from the path, so that it does not change when other files do.
fn file_id(path: &[u8]) -> String {
    format!("SPDXRef-ImageFile-{}", &Digest::of(path).hex()[..20])
}

/// A path as text that can be converted back to the original bytes.
fn shown(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        text.push_str(&chunk.valid().replace('%', "%25"));
        text.extend(percent_encode(chunk.invalid(), NON_ALPHANUMERIC));
    }
    text
}
