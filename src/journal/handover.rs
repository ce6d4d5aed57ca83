//! What the steps of a service hand on to the later ones, beside their outputs.

use crate::oci::{Digest, Platform, Reference};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The state that a service's steps share. Each step receives what the step before
/// it handed on and returns the next version, which the journal keeps for `resume`
/// and `--from`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Handover {
    /// The manifest of the image that was built, in the image store.
    pub built: Option<Digest>,
    /// The repository of each blob that is not in the image store: promoting an
    /// image or building upon one does not download all its layers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub origins: BTreeMap<Digest, Reference>,
    /// The tags under which a registry has built the image; the next `push` removes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub build_tags: Vec<Reference>,
    /// The references of the last `tag`, in order.
    pub references: Vec<Reference>,
    /// What the last `push` pushed, as `repository@digest`.
    pub pushed: Option<Reference>,
    /// The images of a pushed index.
    #[serde(with = "by_platform", skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<(Platform, Digest)>,
    /// The target of the last `deploy`.
    pub deployed: Option<Deployed>,
}

/// The id of a deployed target. Its form is known to the deploy target that gave
/// it; for Azure it is the resource id.
#[derive(Clone, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct TargetId(String);

impl TargetId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for TargetId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

/// A deployed target and its addresses.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deployed {
    #[serde(rename = "resource-id")]
    pub target: TargetId,
    pub fqdn: Option<String>,
    pub ip: Option<String>,
    /// The URL of the first public port.
    pub url: Option<String>,
    /// The run that deployed it last, as its tags said. Earlier journals do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// Serialises pairs as an object with keys such as `linux/amd64`.
mod by_platform {
    use crate::oci::{Digest, Platform};
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use std::collections::BTreeMap;

    pub fn serialize<S: Serializer>(
        images: &[(Platform, Digest)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(images.iter().map(|(platform, digest)| (platform.to_string(), digest)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(Platform, Digest)>, D::Error> {
        let images = BTreeMap::<String, Digest>::deserialize(deserializer)?;
        let typed = |(platform, digest): (String, Digest)| Ok((platform.parse()?, digest));
        images.into_iter().map(typed).collect::<Result<_, String>>().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Deployed, Handover};
    use crate::oci::Digest;

    #[test]
    fn journals_of_earlier_versions_are_read() {
        let digest = Digest::of(b"image");
        let text = format!(
            r#"{{"built":"{digest}","platform":"linux/amd64,linux/arm64/v8","origins":{{"{digest}":"docker.io/library/alpine"}},"references":["demo.azurecr.io/web:v1"],"pushed":"demo.azurecr.io/web@{digest}","images":{{"linux/amd64":"{digest}"}},"deployed":{{"resource-id":"/subscriptions/1","fqdn":null,"ip":"1.2.3.4","url":null}}}}"#
        );
        let read: Handover = serde_json::from_str(&text).expect("a handover");

        let reference = |text: &str| text.parse().expect("a reference");
        let expected = Handover {
            built: Some(digest.clone()),
            origins: [(digest.clone(), reference("docker.io/library/alpine"))].into(),
            build_tags: Vec::new(),
            references: vec![reference("demo.azurecr.io/web:v1")],
            pushed: Some(reference(&format!("demo.azurecr.io/web@{digest}"))),
            images: vec![("linux/amd64".parse().expect("a platform"), digest)],
            deployed: Some(Deployed {
                target: "/subscriptions/1".to_owned().into(),
                ip: Some("1.2.3.4".into()),
                ..Deployed::default()
            }),
        };
        assert_eq!(read, expected);
        let written = serde_json::to_string(&read).expect("JSON");
        assert_eq!(written, text.replace(r#""platform":"linux/amd64,linux/arm64/v8","#, ""));
    }
}
