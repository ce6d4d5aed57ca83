//! Which image a container runs.

use super::pull::{client_with, pull_login};
use crate::azure::registries::PullLogin;
use crate::oci::{Digest, Platform, Reference};
use crate::plan::schema::Text;
use crate::registry::Login;
use crate::run::outcome::StepError;
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::find_image::single_image;
use crate::run::perform::names::name;
use crate::run::perform::performer::Job;
use crate::run::perform::pinned_images::PinnedImage;

/// The image that the plan names, else the one that the service pushed. `runs_on` is the
/// service of the cloud that runs it.
pub fn image_of(named: Option<&Text>, runs_on: &str, job: &Job) -> Result<String, StepError> {
    if let Some(text) = named {
        return name(text, "image", &job.scope);
    }
    let pushed = job.handover.pushed.as_ref().ok_or_else(|| {
        StepError::new("there is no image to deploy")
            .help("push one in an earlier step, or name one with `image:`")
    })?;
    of_index(pushed, &job.handover.images, &Platform::default(), runs_on)
}

/// An image that the plan names, as it is sent: by its digest. An image that only
/// the identity of the service may read keeps its tag.
pub async fn deployed_image(
    settings: AzureSettings<'_>,
    image: &str,
    job: &Job,
) -> Result<String, StepError> {
    let reference: Reference = image.parse()?;
    match known_pin(settings, &reference).await? {
        PinnedImage::Digest(single) => {
            if reference.digest != single.digest {
                job.note(format!("`{reference}` is {single}"));
            }
            Ok(single.to_string())
        }
        PinnedImage::Unreadable { why } => {
            if reference.digest.is_none() {
                job.warn(format!(
                    "`{reference}` is deployed by its tag, because its digest cannot be read: {why}"
                ));
            }
            Ok(image.to_owned())
        }
    }
}

/// What a reference stands for, as the preflight found it, or else as it is now.
pub async fn known_pin(
    settings: AzureSettings<'_>,
    reference: &Reference,
) -> Result<PinnedImage, StepError> {
    match settings.performer.services.pinned_images.get(reference) {
        Some(pin) => Ok(pin),
        None => pin_image(settings, reference).await,
    }
}

/// Finds the single image for Azure's platform that a reference stands for: with
/// Shipway's login, else with the one that the service pulls with.
pub async fn pin_image(
    settings: AzureSettings<'_>,
    reference: &Reference,
) -> Result<PinnedImage, StepError> {
    let performer = settings.performer;
    let (registry, platform) = (&performer.services.clients.registry, Platform::default());
    let refused = match single_image(performer, registry, reference, &platform).await {
        Ok(single) => return Ok(PinnedImage::Digest(single)),
        Err(refused) if refused.needs_login => refused,
        Err(refused) => return Err(refused.error),
    };
    match pull_login(settings, &reference.host).await? {
        Some(PullLogin::User { username, password }) => {
            let login = Login::Basic { username, password };
            let registry = client_with(settings, &reference.host, login)?;
            match single_image(performer, &registry, reference, &platform).await {
                Ok(single) => Ok(PinnedImage::Digest(single)),
                // Such as a registry whose firewall lets in Azure and not this machine.
                Err(refused) if refused.needs_login => Ok(unreadable(&refused.error)),
                Err(refused) => Err(refused.error),
            }
        }
        Some(PullLogin::Identity(_)) => Ok(unreadable(&refused.error)),
        None => Err(refused.error),
    }
}

fn unreadable(error: &StepError) -> PinnedImage {
    PinnedImage::Unreadable { why: error.failure.chain.join(": ") }
}

/// Fails where an image is for no platform that the service of the cloud runs. Both of
/// Azure's run the same.
pub fn check_platforms(platforms: &[Platform], runs_on: &str) -> Result<(), StepError> {
    let wanted = Platform::default();
    if platforms.is_empty() || platforms.iter().any(|platform| wanted.takes(platform)) {
        return Ok(());
    }
    let all: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    Err(StepError::new(format!("the image is for {}, and {runs_on} run {wanted}", all.join(", ")))
        .help(format!("build it for {wanted}, or for both with `platforms`")))
}

/// The image for a platform in an index that was pushed: Container Instances
/// refuse an index.
fn of_index(
    pushed: &Reference,
    images: &[(Platform, Digest)],
    platform: &Platform,
    runs_on: &str,
) -> Result<String, StepError> {
    if images.is_empty() {
        return Ok(pushed.to_string());
    }
    let image = images.iter().find(|(other, _)| platform.takes(other));
    let image = image.map(|(_, digest)| pushed.with_digest(digest.clone()).to_string());
    image.ok_or_else(|| {
        let there: Vec<String> = images.iter().map(|(other, _)| other.to_string()).collect();
        let there = there.join(", ");
        StepError::new(format!("`{pushed}` is for {there}, and {runs_on} run {platform}"))
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
            of_index(&pushed, &images, &Platform::default(), "Container Instances")
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
