//! `build: { image: … }`: takes an existing image as it is. The program of an engine is ended with
//! the step.

use super::engine_store;
use crate::image::existing::EngineImage;
use crate::plan::schema::ExistingImage;
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::early_upload::BuildJob;
use crate::run::perform::find_image::find_image;
use crate::run::perform::located_image::LocatedImage;
use crate::run::perform::names::{optional_plain, plain};
use crate::run::perform::performer::Performer;
use std::collections::BTreeMap;

pub async fn fetch(
    performer: &Performer,
    existing: &ExistingImage,
    build: &BuildJob<'_>,
) -> Result<LocatedImage, AttemptError> {
    let scope = &build.job.scope;
    let name = plain(&existing.image, "image", scope)?;
    let platform = optional_plain(existing.platform.as_ref(), "platform", scope)?;
    let platform = platform.map(|text| text.parse().map_err(StepError::new)).transpose()?;
    if let Some(image) = EngineImage::parse(&name) {
        let product = engine_store::take(performer, &image, platform.as_ref(), build.job).await?;
        return Ok(LocatedImage::new(product, BTreeMap::new()));
    }
    let found = find_image(performer, &name, platform.as_ref(), build);
    build.job.unless_stopped(Box::pin(found)).await
}
