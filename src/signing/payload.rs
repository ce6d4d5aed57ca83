//! What a signature of an image says: "simple signing" (containers/image,
//! `docs/containers-signature.5.md`), as cosign writes it.

use crate::oci::{Digest, Reference};
use serde::Deserialize;
use serde_json::json;

const TYPE: &str = "cosign container image signature";

/// The payload of a signature, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payload {
    /// The manifest that is signed.
    pub digest: Digest,
}

#[derive(Deserialize)]
struct SimpleSigning {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: SignedImage,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct SignedImage {
    // cosign's specification spells it so, its code in lower case.
    #[serde(rename = "docker-manifest-digest", alias = "Docker-manifest-digest")]
    digest: String,
}

/// The payload for an image, which is named by its digest.
pub fn payload(image: &Reference, digest: &Digest) -> Vec<u8> {
    // cosign's name of Docker Hub.
    let host = if image.host == "docker.io" { "index.docker.io" } else { &image.host };
    let name = format!("{host}/{}", image.repository);
    json!({
        "critical": {
            "identity": { "docker-reference": name },
            "image": { "docker-manifest-digest": digest.as_str() },
            "type": TYPE,
        },
        "optional": null,
    })
    .to_string()
    .into_bytes()
}

impl Payload {
    /// Reads a payload. The error says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let read: SimpleSigning = serde_json::from_slice(bytes)
            .map_err(|error| format!("its payload is not simple signing: {error}"))?;
        let Critical { image, kind } = read.critical;
        if kind != TYPE {
            return Err(format!("its payload is a `{kind}`, not a `{TYPE}`"));
        }
        let digest = image.digest.parse();
        let digest =
            digest.map_err(|_| format!("`{}` in its payload is no digest", image.digest))?;
        Ok(Self { digest })
    }
}

#[cfg(test)]
mod tests {
    use super::{Payload, payload};
    use crate::oci::{Digest, Reference};

    #[test]
    fn the_payload_is_that_of_cosign() {
        let digest = Digest::of(b"");
        let image: Reference = "demo.azurecr.io/web:v1".parse().expect("a reference");
        let hub: Reference = "nginx".parse().expect("a reference");

        let written = payload(&image, &digest);

        assert_eq!(
            String::from_utf8_lossy(&written),
            "{\"critical\":{\"identity\":{\"docker-reference\":\"demo.azurecr.io/web\"},\
             \"image\":{\"docker-manifest-digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41\
             e4649b934ca495991b7852b855\"},\"type\":\"cosign container image signature\"},\
             \"optional\":null}"
        );
        assert_eq!(Payload::parse(&written), Ok(Payload { digest: digest.clone() }));
        let hub = String::from_utf8(payload(&hub, &digest)).expect("text");
        assert!(hub.contains("\"docker-reference\":\"index.docker.io/library/nginx\""), "{hub}");
    }

    #[test]
    fn what_else_is_signed_is_refused() {
        #[track_caller]
        fn refused(text: &str, wanted: &str) {
            assert_eq!(Payload::parse(text.as_bytes()), Err(wanted.to_owned()));
        }
        let with = |kind: &str, digest: &str| {
            format!(r#"{{"critical":{{"image":{{{digest}}},"type":"{kind}"}},"optional":{{}}}}"#)
        };
        let digest = Digest::of(b"");
        let spelled = format!(r#""Docker-manifest-digest":"{digest}""#);
        let known = "cosign container image signature";
        assert_eq!(Payload::parse(with(known, &spelled).as_bytes()), Ok(Payload { digest }));

        refused(
            "{}",
            "its payload is not simple signing: missing field `critical` at line 1 column 2",
        );
        refused(
            &with("atomic container signature", &spelled),
            "its payload is a `atomic container signature`, not a `cosign container image signature`",
        );
        refused(
            &with(known, r#""docker-manifest-digest":"v1""#),
            "`v1` in its payload is no digest",
        );
    }
}
