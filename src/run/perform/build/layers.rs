//! `build: { layers: … }`: puts files and folders onto a base image, without a
//! container engine.

use super::labels::with_source;
use super::platforms::{all_platforms, one_platform};
use crate::event::Verb;
use crate::image::layers::{LayerSource, Recipe, build as make};
use crate::image::{Image, Index, WorkControl};
use crate::oci::{Descriptor, Digest, Platform, Reference};
use crate::plan::schema::{Layer, Layers, Map, Text};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::blocking::run_blocking_with_progress;
use crate::run::perform::early_upload::{self, BuildJob};
use crate::run::perform::find_image::base_image;
use crate::run::perform::located_image::LocatedImage;
use crate::run::perform::names::{optional_plain, plain, plain_list};
use crate::run::perform::performer::{Job, Performer};
use crate::value::{bytes, counted};
use std::collections::BTreeMap;

/// The repository that has a layer of a base image, by the layer's digest.
type Origins = BTreeMap<Digest, Reference>;

/// Builds one image, or with `platforms` an index with an image for each.
pub async fn build(
    performer: &Performer,
    layers: &Layers,
    build: &BuildJob<'_>,
) -> Result<LocatedImage, AttemptError> {
    let job = build.job;
    let mut origins = Origins::new();
    if layers.platforms.is_empty() {
        let platform = one_platform(layers.platform.as_ref(), job)?;
        let base = base(performer, layers, &platform, job).await?;
        origins.extend(base.origins());
        let recipe = recipe(performer, layers, &platform, job)?;
        let image = one(performer, recipe, base, build).await?;
        return Ok(LocatedImage::new(image, origins));
    }
    let mut images = Vec::new();
    for platform in all_platforms(&layers.platforms, job)? {
        let base = base(performer, layers, &platform, job).await?;
        origins.extend(base.origins());
        let recipe = recipe(performer, layers, &platform, job)?;
        images.push(one(performer, recipe, base, build).await?);
    }
    let index = Index::write(&performer.services.images, &images)?;
    Ok(LocatedImage::new(index, origins))
}

/// What layers are put onto.
struct Base {
    /// `None` for `scratch`.
    image: Option<Image>,
    /// The repository that it was pulled from.
    repository: Option<Reference>,
}

impl Base {
    fn origins(&self) -> Origins {
        let layers = self.image.iter().flat_map(|image| &image.layers);
        let from = |repository: &Reference| {
            layers.map(|layer| (layer.digest.clone(), repository.clone())).collect()
        };
        self.repository.as_ref().map(from).unwrap_or_default()
    }
}

async fn base(
    performer: &Performer,
    layers: &Layers,
    platform: &Platform,
    job: &Job,
) -> Result<Base, StepError> {
    match plain(&layers.base, "base", &job.scope)?.as_str() {
        "scratch" | "" => Ok(Base { image: None, repository: None }),
        name => {
            let (image, repository) = base_image(performer, name, platform, job).await?;
            Ok(Base { image: Some(image), repository })
        }
    }
}

async fn one(
    performer: &Performer,
    recipe: Recipe,
    base: Base,
    BuildJob { job, upload }: &BuildJob<'_>,
) -> Result<Image, AttemptError> {
    let origin = base.image.as_ref().zip(base.repository.as_ref());
    let origin = origin.map(|(image, from)| from.with_digest(image.manifest.digest.clone()));
    let recipe = Recipe { base: base.image, ..recipe };
    let (images, upload) = (&performer.services.images, upload.clone());
    let store = images.clone();
    let built = run_blocking_with_progress(job, Verb::Packed, move |watch| {
        let early = |layer: &Descriptor| early_upload::send(upload.as_ref(), &store, layer);
        make(&store, &recipe, &WorkControl { early: &early, ..watch })
    });
    let built = built.await?;
    if let Some(origin) = origin {
        images.note_origin(&built.image.manifest.digest, &origin.to_string());
    }
    for layer in &built.layers {
        let how = if layer.reused { "unchanged" } else { "packed" };
        job.note(format!(
            "layer {}: {}, {} as {}, {how}",
            layer.descriptor.digest.short(),
            counted(layer.entries, "entry", "entries"),
            bytes(layer.unpacked),
            bytes(layer.descriptor.size)
        ));
    }
    Ok(built.image)
}

/// The recipe of the image for a platform, without its base.
fn recipe(
    performer: &Performer,
    layers: &Layers,
    platform: &Platform,
    job: &Job,
) -> Result<Recipe, StepError> {
    let scope = &job.scope;
    let list = |texts: &Option<Vec<Text>>, what| {
        texts.as_ref().map(|texts| plain_list(texts, what, scope)).transpose()
    };
    let pairs = |map: &Map<Text>, what| {
        map.iter()
            .map(|(key, text)| Ok((key.value.clone(), plain(text, what, scope)?)))
            .collect::<Result<Vec<_>, StepError>>()
    };
    let mut sources = Vec::new();
    for layer in &layers.layers {
        if is_for(layer, platform, job)? {
            sources.push(source(layer, job)?);
        }
    }
    Ok(Recipe {
        folder: performer.plan.folder_of(job.service),
        base: None,
        layers: sources,
        entrypoint: list(&layers.entrypoint, "entrypoint")?,
        cmd: list(&layers.cmd, "command")?,
        env: pairs(&layers.env, "variable of an image")?,
        expose: plain_list(&layers.expose, "port", scope)?
            .iter()
            .map(|port| port.parse().map_err(step_error))
            .collect::<Result<_, _>>()?,
        user: optional_plain(&layers.user, "user", scope)?,
        workdir: optional_plain(&layers.workdir, "working directory", scope)?,
        labels: with_source(
            pairs(&layers.labels, "label")?.into_iter().collect(),
            &performer.facts.source.labels,
            None,
        ),
        platform: platform.clone(),
        created: performer.facts.created()?,
        compression: layers.compression.resolve(scope)?,
    })
}

/// Whether a layer belongs to the image for a platform.
fn is_for(layer: &Layer, platform: &Platform, job: &Job) -> Result<bool, StepError> {
    let only = optional_plain(layer.platform.as_ref(), "platform", &job.scope)?;
    let only: Option<Platform> =
        only.map(|text| text.parse().map_err(StepError::new)).transpose()?;
    Ok(only.is_none_or(|only| only.takes(platform)))
}

fn source(layer: &Layer, job: &Job) -> Result<LayerSource, StepError> {
    let scope = &job.scope;
    let mode = optional_plain(&layer.mode, "mode", scope)?;
    let owner = optional_plain(&layer.owner, "owner", scope)?;
    Ok(LayerSource {
        from: plain(&layer.from, "path", scope)?.into(),
        to: plain(&layer.to, "path", scope)?,
        include: plain_list(&layer.include, "pattern", scope)?,
        exclude: plain_list(&layer.exclude, "pattern", scope)?,
        mode: mode.map(|mode| mode.parse()).transpose().map_err(step_error)?,
        owner: owner
            .map(|owner| owner.parse())
            .transpose()
            .map_err(step_error)?
            .unwrap_or_default(),
        ..LayerSource::default()
    })
}

fn step_error(error: impl std::fmt::Display) -> StepError {
    StepError::new(error.to_string())
}
