//! Files and folders onto a base, without any container engine.

use super::{off_the_loop, platform};
use crate::image::Image;
use crate::image::layers::{Compression as Packing, LayerSource, Recipe, build as make};
use crate::plan::schema::{Compression, Layer, Layers, Map, Text};
use crate::run::outcome::{Trouble, Undone};
use crate::run::perform::names::{plain, plain_list, plain_or};
use crate::run::perform::performer::{Job, Performer};

pub(super) async fn build(
    performer: &Performer,
    layers: &Layers,
    job: &Job,
) -> Result<Image, Undone> {
    let recipe = recipe(performer, layers, job).await?;
    let store = performer.images.clone();
    let built = off_the_loop(move |stop| make(&store, &recipe, stop)).await?;
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

async fn recipe(performer: &Performer, layers: &Layers, job: &Job) -> Result<Recipe, Trouble> {
    let scope = &job.scope;
    let platform = platform(layers.platform.as_ref(), job)?;
    let base = plain(&layers.base, "base", scope)?;
    let base = match base.as_str() {
        "scratch" | "" => None,
        reference => Some(super::existing::pull(performer, reference, &platform, job).await?),
    };
    let list = |texts: &Option<Vec<Text>>, what| {
        texts.as_ref().map(|texts| plain_list(texts, what, scope)).transpose()
    };
    let pairs = |map: &Map<Text>, what| {
        map.iter()
            .map(|(key, text)| Ok((key.value.clone(), plain(text, what, scope)?)))
            .collect::<Result<Vec<_>, Trouble>>()
    };
    let read = |layer| source(layer, job);
    Ok(Recipe {
        folder: performer.folder.clone(),
        base,
        layers: layers.layers.iter().map(read).collect::<Result<_, _>>()?,
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
        platform,
        created: performer.created()?,
        compression: match layers.compression.resolve(scope)? {
            Compression::Gzip => Packing::Gzip,
            Compression::Zstd => Packing::Zstd,
        },
    })
}

fn source(layer: &Layer, job: &Job) -> Result<LayerSource, Trouble> {
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

fn as_trouble(error: impl std::fmt::Display) -> Trouble {
    Trouble::new(error.to_string())
}
