//! Which image a container runs.

use crate::oci::{Digest, Platform, Reference};
use crate::plan::schema::Text;
use crate::registry::PullError;
use crate::run::outcome::StepError;
use crate::run::perform::names::name;
use crate::run::perform::performer::{Job, Performer};

/// The image that the plan names, else the one that the service pushed.
pub fn image_of(named: Option<&Text>, job: &Job) -> Result<String, StepError> {
    if let Some(text) = named {
        return name(text, "image", &job.scope);
    }
    let pushed = job.handover.pushed.as_ref().ok_or_else(|| {
        StepError::new("there is no image to deploy")
            .help("push one in an earlier step, or name one with `image:`")
    })?;
    of_index(pushed, &job.handover.images, &Platform::default())
}

/// The single image for the platform where `image` is an index by digest. An
/// image that the registry does not describe to us stays as it is: Azure may have
/// access where we have not.
pub async fn single_image(performer: &Performer, image: &str) -> Result<String, StepError> {
    let reference = match image.parse::<Reference>() {
        Ok(reference) if reference.digest.is_some() => reference,
        Ok(_) | Err(_) => return Ok(image.to_owned()),
    };
    let platform = Platform::default();
    match performer.services.clients.registry.resolve(&reference, Some(&platform)).await {
        Ok(found) => Ok(reference.with_digest(found.descriptor.digest).to_string()),
        Err(error @ PullError::Platform { .. }) => Err(error.into()),
        Err(_) => Ok(image.to_owned()),
    }
}

/// The image for a platform in an index that was pushed: Container Instances
/// refuse an index.
fn of_index(
    pushed: &Reference,
    images: &[(Platform, Digest)],
    platform: &Platform,
) -> Result<String, StepError> {
    if images.is_empty() {
        return Ok(pushed.to_string());
    }
    let image = images.iter().find(|(other, _)| platform.takes(other));
    let image = image.map(|(_, digest)| pushed.with_digest(digest.clone()).to_string());
    image.ok_or_else(|| {
        let there: Vec<String> = images.iter().map(|(other, _)| other.to_string()).collect();
        let there = there.join(", ");
        StepError::new(format!("`{pushed}` is for {there}, and Container Instances run {platform}"))
            .help(format!("build it for {platform} too"))
    })
}

#[cfg(test)]
mod tests {
    use super::of_index;
    use crate::oci::{Digest, Platform, Reference};

    #[test]
    fn the_image_for_the_platform_is_deployed_of_an_index() {
        let index = Digest::of(b"index");
        let pushed: Reference = format!("demo.azurecr.io/web@{index}").parse().expect("valid");
        let pick = |images: &[(&str, &str)]| {
            let image = |(platform, content): &(&str, &str)| {
                (platform.parse().expect("a platform"), Digest::of(content.as_bytes()))
            };
            let images: Vec<(Platform, Digest)> = images.iter().map(image).collect();
            of_index(&pushed, &images, &Platform::default())
                .map_err(|error| error.failure.chain.join("; "))
        };

        assert_eq!(pick(&[]), Ok(pushed.to_string()));
        assert_eq!(
            pick(&[("linux/arm64/v8", "b"), ("linux/amd64", "c")]),
            Ok(format!("demo.azurecr.io/web@{}", Digest::of(b"c")))
        );
        assert_eq!(
            pick(&[("linux/arm64/v8", "b"), ("windows/amd64", "c")]),
            Err(format!(
                "`{pushed}` is for linux/arm64/v8, windows/amd64, and Container Instances run \
                 linux/amd64"
            ))
        );
    }
}
