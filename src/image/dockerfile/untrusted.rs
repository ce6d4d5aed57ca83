//! Entry points for the fuzz targets: Dockerfiles, and what the engines that build them print.

use super::arguments::declared_arguments;
use super::build_output::BuildOutput;
use super::native::{DockerfileLine, ParsedDockerfile, select};
use super::request::BuildRequest;

/// The words for a Dockerfile that cannot be built without an engine, or the images that it
/// needs. Neither files nor images are read.
pub fn dockerfile(text: &str) -> Result<Vec<String>, String> {
    drop(declared_arguments(text));
    let words = |error: super::native::NativeError| error.to_string();
    let place = DockerfileLine { file: "Dockerfile".to_owned(), line: 1 };
    drop(ParsedDockerfile::trigger(text, &place));
    let parsed = ParsedDockerfile::read("Dockerfile", text).map_err(words)?;
    let platform = "linux/amd64".parse().expect("a platform");
    let request = BuildRequest { platform, ..BuildRequest::default() };
    let selection = select("Dockerfile", &request, &parsed, true).map_err(words)?;
    Ok(selection.images.into_iter().map(|image| image.reference).collect())
}

/// Why a build failed, from the log of a service that built a Dockerfile.
pub fn build_output(dockerfile: &str, output: &str) -> Vec<String> {
    let mut read = BuildOutput::of_acr_tasks("Dockerfile", dockerfile);
    output.lines().for_each(|line| read.line(line));
    let failure = read.failure(1);
    let mut lines = vec![failure.error.to_string()];
    lines.extend(failure.lines);
    lines
}
