//! Files and folders onto a base, without any container engine.

use super::{Made, platform, told};
use crate::event::Verb;
use crate::image::layers::{Compression as Packing, LayerSource, Recipe, build as make};
use crate::image::{Image, Index, Watch};
use crate::oci::{Descriptor, Digest, Platform, Reference};
use crate::plan::schema::{Compression, Layer, Layers, Map, Text};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::names::{optional_name, plain, plain_list, plain_or};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::push::ahead::{self, Outbound};
use std::collections::BTreeMap;

/// The repository that holds a blob, by digest.
type Origins = BTreeMap<Digest, Reference>;

/// One image, or where `platforms` are given an index of one for each.
pub(super) async fn build(
    performer: &Performer,
    layers: &Layers,
    outbound: &Outbound<'_>,
) -> Result<Made, AttemptError> {
    let job = outbound.job;
    let mut origins = Origins::new();
    if layers.platforms.is_empty() {
        let platform = platform(layers.platform.as_ref(), job)?;
        let recipe = recipe(performer, layers, (&platform, &mut origins), job).await?;
        let image = one(performer, recipe, &origins, outbound).await?;
        return Ok(Made { product: image.into(), origins });
    }
    let mut images = Vec::new();
    for platform in several(&layers.platforms, job)? {
        let recipe = recipe(performer, layers, (&platform, &mut origins), job).await?;
        images.push(one(performer, recipe, &origins, outbound).await?);
    }
    let index = Index::write(&performer.images, &images);
    let index = index.map_err(|error| StepError::from_error(&error))?;
    Ok(Made { product: index.into(), origins })
}

/// Each platform once; an empty one is left out, as an empty tag is.
pub(super) fn several(texts: &[Text], job: &Job) -> Result<Vec<Platform>, StepError> {
    let mut platforms: Vec<Platform> = Vec::new();
    for text in texts {
        let Some(name) = optional_name(text, "platform", &job.scope)? else { continue };
        let platform = name.parse().map_err(StepError::new)?;
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    if platforms.is_empty() {
        return Err(StepError::new("every one of `platforms` is empty")
            .help("name one that is always there, such as `linux/amd64`"));
    }
    Ok(platforms)
}

async fn one(
    performer: &Performer,
    recipe: Recipe,
    origins: &Origins,
    Outbound { job, ahead }: &Outbound<'_>,
) -> Result<Image, AttemptError> {
    let base = recipe.base.as_ref().and_then(|base| {
        let from = origins.get(&base.layers.first()?.digest)?;
        Some(from.with_digest(base.manifest.digest.clone()))
    });
    let (store, ahead) = (performer.images.clone(), ahead.clone());
    let built = told(job, Verb::Packed, move |watch| {
        let early = |layer: &Descriptor| ahead::send(ahead.as_ref(), &store, layer);
        make(&store, &recipe, &Watch { early: &early, ..watch })
    });
    let built = built.await?;
    if let Some(base) = base {
        performer.images.note_origin(&built.image.manifest.digest, &base.to_string());
    }
    for layer in &built.layers {
        let how = if layer.reused { "unchanged" } else { "packed" };
        job.note(format!(
            "layer {}: {} entries, {} bytes as {}, {how}",
            layer.descriptor.digest.short(),
            layer.entries,
            layer.unpacked,
            layer.descriptor.size
        ));
    }
    Ok(built.image)
}

/// What is to be made for a platform. Adds where the layers of the base are.
async fn recipe(
    performer: &Performer,
    layers: &Layers,
    (platform, origins): (&Platform, &mut Origins),
    job: &Job,
) -> Result<Recipe, StepError> {
    let scope = &job.scope;
    let base = plain(&layers.base, "base", scope)?;
    let base = match base.as_str() {
        "scratch" | "" => None,
        reference => {
            let (base, from) = super::existing::base(performer, reference, platform, job).await?;
            if let Some(from) = from {
                let layers = base.layers.iter();
                origins.extend(layers.map(|layer| (layer.digest.clone(), from.clone())));
            }
            Some(base)
        }
    };
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
        folder: performer.folder.clone(),
        base,
        layers: sources,
        entrypoint: list(&layers.entrypoint, "entrypoint")?,
        cmd: list(&layers.cmd, "command")?,
        env: pairs(&layers.env, "variable of an image")?,
        expose: plain_list(&layers.expose, "port", scope)?
            .iter()
            .map(|port| port.parse().map_err(as_trouble))
            .collect::<Result<_, _>>()?,
        user: plain_or(&layers.user, "user", scope)?,
        workdir: plain_or(&layers.workdir, "working directory", scope)?,
        labels: pairs(&layers.labels, "label")?.into_iter().collect(),
        platform: platform.clone(),
        created: performer.created()?,
        compression: match layers.compression.resolve(scope)? {
            Compression::Gzip => Packing::Gzip,
            Compression::Zstd => Packing::Zstd,
        },
    })
}

/// Whether a layer is part of the image for a platform.
fn is_for(layer: &Layer, platform: &Platform, job: &Job) -> Result<bool, StepError> {
    let only = plain_or(layer.platform.as_ref(), "platform", &job.scope)?;
    let only: Option<Platform> =
        only.map(|text| text.parse().map_err(StepError::new)).transpose()?;
    Ok(only.is_none_or(|only| only.takes(platform)))
}

fn source(layer: &Layer, job: &Job) -> Result<LayerSource, StepError> {
    let scope = &job.scope;
    let mode = plain_or(&layer.mode, "mode", scope)?;
    let owner = plain_or(&layer.owner, "owner", scope)?;
    Ok(LayerSource {
        from: plain(&layer.from, "path", scope)?.into(),
        to: plain(&layer.to, "path", scope)?,
        include: plain_list(&layer.include, "pattern", scope)?,
        exclude: plain_list(&layer.exclude, "pattern", scope)?,
        mode: mode.map(|mode| mode.parse()).transpose().map_err(as_trouble)?,
        owner: owner
            .map(|owner| owner.parse())
            .transpose()
            .map_err(as_trouble)?
            .unwrap_or_default(),
        ..LayerSource::default()
    })
}

fn as_trouble(error: impl std::fmt::Display) -> StepError {
    StepError::new(error.to_string())
}
