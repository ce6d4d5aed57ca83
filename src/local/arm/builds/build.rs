//! One run: from the uploaded context to the image in the registry.

use super::super::handle::Arm;
use super::error::BuildError;
use super::runs::Run;
use super::{engine, native, publish};
use crate::image::dockerfile::{BuildRequest, NativeBuild};
use crate::image::{Image, Store};
use crate::oci::Platform;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Performs a run and records how it ended.
pub async fn run(arm: Arc<Arm>, run: Run) {
    let started = Timestamp::now();
    run.change(|state| {
        state.status = "Running";
        state.started = Some(started.to_string());
    });
    let built = tokio::select! {
        built = perform(&arm, &run) => built,
        () = run.stop.cancelled() => Err(BuildError::Cancelled),
    };
    let seconds = Timestamp::now().duration_since(started).as_secs();
    let (status, images) = match built {
        Ok(images) => {
            run.log.write(&format!("Run ID: {} was successful after {seconds}s", run.id));
            ("Succeeded", images)
        }
        Err(BuildError::Cancelled) => {
            run.log.write(&format!("Run ID: {} was canceled", run.id));
            ("Canceled", Vec::new())
        }
        Err(BuildError::Failed { lines, code }) => {
            for line in lines {
                run.log.write(&line);
            }
            run.log.say("Container failed during run: build. No retries remaining.");
            run.log.write(&format!("failed to run step ID: build: exit status {code}"));
            run.log.write(&format!(
                "Run ID: {} failed after {seconds}s. Error: failed during run, err: exit status {code}",
                run.id
            ));
            ("Failed", Vec::new())
        }
    };
    run.change(|state| {
        state.status = status;
        state.images = images;
        state.finished = Some(Timestamp::now().to_string());
    });
    tidy(&arm, &run);
}

/// Errors are ignored: what stays only wastes space.
fn tidy(arm: &Arm, run: &Run) {
    std::fs::remove_dir_all(folder(arm, run)).ok();
    if let Some(source) = run.request["sourceLocation"].as_str()
        && let Some(file) = arm.builds.source_file(source)
    {
        std::fs::remove_file(file).ok();
    }
}

/// The folder of a run's files.
fn folder(arm: &Arm, run: &Run) -> PathBuf {
    arm.builds.folder.join("runs").join(&run.id)
}

async fn perform(arm: &Arm, run: &Run) -> Result<Vec<Value>, BuildError> {
    run.log.say("Downloading source code...");
    let folder = folder(arm, run);
    let context = folder.join("context");
    unpack(arm, run, &context).await?;
    run.log.say("Finished downloading source code");
    let request = request(run, &context)?;
    let store = Store::open(&folder.join("images")).map_err(|error| BuildError::of(&error))?;
    run.log.say("Launching container with name: build");
    let image = match NativeBuild::read(&request, false) {
        Ok(build) => native::build(arm, run, build, &store).await?,
        Err(error) if error.needs_engine() => engine::build(arm, run, &request, &store).await?,
        Err(error) => return Err(BuildError::of(&error)),
    };
    push(arm, run, &store, &image)
}

fn push(arm: &Arm, run: &Run, store: &Store, image: &Image) -> Result<Vec<Value>, BuildError> {
    let mut images = Vec::new();
    if run.request["isPushEnabled"] == json!(false) {
        return Ok(images);
    }
    for name in run.request["imageNames"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default().replace("{{.Run.ID}}", &run.id);
        let name = name.strip_prefix(&format!("{}/", run.host)).unwrap_or(&name);
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        run.log.say(&format!("Pushing image: {}/{repository}:{tag}, attempt 1", run.host));
        let target = publish::Target { host: &run.host, repository, tag };
        publish::image(&arm.registries.storage, store, image, &target)
            .map_err(|error| BuildError::of(&error))?;
        run.log.say(&format!("Successfully pushed image: {}/{repository}:{tag}", run.host));
        images.push(json!({
            "registry": run.host, "repository": repository, "tag": tag,
            "digest": image.manifest.digest,
        }));
    }
    Ok(images)
}

async fn unpack(arm: &Arm, run: &Run, into: &Path) -> Result<(), BuildError> {
    let source = run.request["sourceLocation"].as_str().unwrap_or_default();
    let Some(file) = arm.builds.source_file(source) else {
        return Err(BuildError::said(format!(
            "the local cloud builds uploaded contexts only, not '{source}'"
        )));
    };
    let into = into.to_owned();
    let unpacked = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&into)?;
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(File::open(file)?));
        archive.set_preserve_permissions(true);
        archive.unpack(&into)
    });
    let unpacked = unpacked.await.map_err(|error| BuildError::of(&error))?;
    unpacked.map_err(|error| {
        BuildError::said(format!("failed to download source code from '{source}': {error}"))
    })
}

/// The build in the words of the image module.
fn request(run: &Run, context: &Path) -> Result<BuildRequest, BuildError> {
    let asked = &run.request;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let platform = &asked["platform"];
    let mut name = format!(
        "{}/{}",
        platform["os"].as_str().unwrap_or("linux").to_ascii_lowercase(),
        platform["architecture"].as_str().unwrap_or("amd64")
    );
    if let Some(variant) = platform["variant"].as_str() {
        name = format!("{name}/{variant}");
    }
    let platform: Platform = name.parse().map_err(BuildError::said)?;
    let mut args = BTreeMap::new();
    for argument in asked["arguments"].as_array().into_iter().flatten() {
        if let (Some(name), Some(value)) = (text(&argument["name"]), text(&argument["value"])) {
            args.insert(name, value);
        }
    }
    let dockerfile = asked["dockerFilePath"].as_str().unwrap_or("Dockerfile");
    Ok(BuildRequest {
        context: context.to_owned(),
        dockerfile: Some(context.join(dockerfile)),
        args,
        target: text(&asked["target"]),
        platform,
        created: Some(0),
        state: context.join(".shipway"),
        ..BuildRequest::default()
    })
}
