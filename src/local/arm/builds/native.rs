//! Builds without an engine. Base images are those of the local registries, and of the
//! registries outside that the initial state allows.

use super::super::handle::Arm;
use super::error::BuildError;
use super::runs::Run;
use crate::image::dockerfile::{BuildDirs, Instruction, NativeBuild, NeededImage};
use crate::image::{Image, Store, WorkControl};
use crate::local::registry::StoredManifest;
use crate::oci::{Digest, Manifest, Platform, Reference};
use std::fs::File;
use std::sync::atomic::AtomicBool;

pub async fn build(
    arm: &Arm,
    run: &Run,
    build: NativeBuild,
    store: &Store,
) -> Result<Image, BuildError> {
    let instructions = build.instructions();
    let mut pulled = Vec::new();
    for needed in build.images() {
        let image = pull(arm, needed, store).await.inspect_err(|_| {
            run.log.write(&format!("Step 1/{} : FROM {}", instructions.len(), needed.reference));
        })?;
        pulled.push(image);
    }
    let (store, scratch) = (store.clone(), store.root().with_file_name("scratch"));
    let built = tokio::task::spawn_blocking(move || {
        let made = std::fs::create_dir_all(&scratch);
        made.map_err(|error| BuildError::of(&error))?;
        let stop = AtomicBool::new(false);
        let control = WorkControl::new(&stop);
        let dirs = BuildDirs { store: &store, scratch_dir: &scratch, control, runner: None };
        Ok::<_, BuildError>(build.build(&dirs, &pulled))
    });
    let built = built.await.map_err(|error| BuildError::of(&error))??;
    // Those up to the one that failed, as docker shows them.
    let failed = built.as_ref().err().map(|error| error.line().unwrap_or_default());
    write_steps(run, &instructions, failed.unwrap_or(usize::MAX));
    let image = built.map_err(|error| BuildError::of(&error))?;
    run.log.write(&format!("Successfully built {}", &image.image_id().hex()[..12]));
    Ok(image)
}

fn write_steps(run: &Run, instructions: &[Instruction], last_line: usize) {
    let shown = instructions.iter().enumerate().filter(|(_, it)| it.line <= last_line);
    for (at, instruction) in shown {
        let number = at + 1;
        run.log.write(&format!("Step {number}/{} : {}", instructions.len(), instruction.text));
    }
}

/// Copies a base image from a local registry into the store, fetching it first where it is
/// outside.
async fn pull(arm: &Arm, needed: &NeededImage, store: &Store) -> Result<Image, BuildError> {
    let name = &needed.reference;
    let reference: Reference =
        name.parse().map_err(|_| BuildError::said(format!("invalid reference format: {name}")))?;
    let Reference { host, repository, .. } = &reference;
    let missing = || BuildError::said(format!("manifest for {name} not found: manifest unknown"));
    let manifest = manifest(arm, &reference, &needed.platform).await?.ok_or_else(missing)?;
    let listed: Manifest =
        serde_json::from_slice(&manifest.bytes).map_err(|error| BuildError::of(&error))?;
    for blob in listed.config.iter().chain(listed.layers()) {
        let fetched = arm.registries.upstream.whole(host, repository, &blob.digest).await;
        fetched.map_err(|error| BuildError::said(error.words()))?;
        let path = arm.registries.storage.blob_path(host, repository, &blob.digest);
        let mut file = File::open(path.ok_or_else(missing)?).map_err(|it| BuildError::of(&it))?;
        store.import(&mut file, blob).map_err(|error| BuildError::of(&error))?;
    }
    let stored = store.put(&manifest.media_type, &manifest.bytes);
    let stored = stored.map_err(|error| BuildError::of(&error))?;
    store.load(&stored.digest).map_err(|error| BuildError::of(&error))
}

/// The manifest of the image for a platform.
async fn manifest(
    arm: &Arm,
    reference: &Reference,
    platform: &Platform,
) -> Result<Option<StoredManifest>, BuildError> {
    let mut name = reference.manifest_name().to_owned();
    // An index, then the image that it lists.
    for _ in 0..2 {
        let Some(found) = stored(arm, reference, &name).await? else { return Ok(None) };
        match listed(&found, platform) {
            Listed::Image => return Ok(Some(found)),
            Listed::Other(digest) => name = digest.to_string(),
            Listed::Nothing => return Ok(None),
        }
    }
    Ok(None)
}

enum Listed {
    /// It is an image itself.
    Image,
    Other(Digest),
    Nothing,
}

fn listed(manifest: &StoredManifest, platform: &Platform) -> Listed {
    let read = serde_json::from_slice::<Manifest>(&manifest.bytes);
    let Ok(read) = read else { return Listed::Nothing };
    if read.config.is_some() {
        return Listed::Image;
    }
    let fits = |its: &Option<Platform>| its.as_ref().is_some_and(|its| platform.takes(its));
    let entry = read.entries().iter().find(|entry| fits(&entry.platform));
    entry.map_or(Listed::Nothing, |entry| Listed::Other(entry.digest.clone()))
}

async fn stored(
    arm: &Arm,
    reference: &Reference,
    name: &str,
) -> Result<Option<StoredManifest>, BuildError> {
    let Reference { host, repository, .. } = reference;
    let fetched = arm.registries.upstream.manifest(host, repository, name).await;
    fetched.map_err(|error| BuildError::said(error.words()))?;
    Ok(arm.registries.storage.manifest(host, repository, name))
}
