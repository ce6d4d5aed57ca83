//! `build: { image: … }`: takes an existing image as it is.

use crate::plan::schema::ExistingImage;
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::early_upload::BuildJob;
use crate::run::perform::find_image::find_image;
use crate::run::perform::located_image::LocatedImage;
use crate::run::perform::names::{optional_plain, plain};
use crate::run::perform::performer::Performer;

pub async fn fetch(
    performer: &Performer,
    existing: &ExistingImage,
    build: &BuildJob<'_>,
) -> Result<LocatedImage, AttemptError> {
    let scope = &build.job.scope;
    let name = plain(&existing.image, "image", scope)?;
    let platform = optional_plain(existing.platform.as_ref(), "platform", scope)?;
    let platform = platform.map(|text| text.parse().map_err(StepError::new)).transpose()?;
    Ok(find_image(performer, &name, platform.as_ref(), build).await?)
}
