//! The services of a compose file that are built here.

use super::dockerfile::FoundDockerfile;
use super::folder::{Folder, join};
use super::found::{DEFAULT_PORT, FoundBuild, FoundService};
use serde_json::Value;

const FILES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The services with `build`, in the order of the file, and notes about the others.
pub fn services(
    folder: &Folder,
    dockerfiles: &[FoundDockerfile],
) -> (Vec<FoundService>, Vec<String>) {
    let Some(file) = FILES.into_iter().find(|file| folder.has(file)) else {
        return (Vec::new(), Vec::new());
    };
    let parsed: Value = match serde_yaml::from_str(&folder.text(file)) {
        Ok(parsed) => parsed,
        Err(error) => {
            let first = error.to_string().lines().next().unwrap_or_default().to_owned();
            return (Vec::new(), vec![format!("`{file}` was left out: {first}")]);
        }
    };
    let all = parsed["services"].as_object().into_iter().flatten();
    let (built, pulled): (Vec<_>, Vec<_>) =
        all.partition(|(_, service)| !service["build"].is_null());
    let services = built.iter().map(|(name, service)| found(name, service, dockerfiles)).collect();
    let names: Vec<String> = pulled.iter().map(|(name, _)| format!("`{name}`")).collect();
    let mut notes = Vec::new();
    if !built.is_empty() && !names.is_empty() {
        notes.push(format!(
            "{} of `{file}` {} an image that is not built here, and {} left out: name the address \
             that the services reach it under in the `env` of their deploys",
            names.join(", "),
            if names.len() == 1 { "is" } else { "are" },
            if names.len() == 1 { "was" } else { "were" },
        ));
    }
    (services, notes)
}

fn found(name: &str, service: &Value, dockerfiles: &[FoundDockerfile]) -> FoundService {
    let build = &service["build"];
    let context = build.as_str().or_else(|| build["context"].as_str()).unwrap_or(".");
    let context = context.trim_start_matches("./").trim_end_matches('/');
    let context = if context == "." { "" } else { context };
    let named =
        build["dockerfile"].as_str().map(|file| join(context, file.trim_start_matches("./")));
    let path = named.clone().unwrap_or_else(|| join(context, "Dockerfile"));
    let content = dockerfiles.iter().find(|it| it.path == path).map(|it| &it.content);
    let exposed = content.and_then(|content| content.ports.first().copied());
    let port = published_port(&service["ports"]).or(exposed);
    FoundService {
        name: name.to_owned(),
        build: FoundBuild::Dockerfile {
            context: context.to_owned(),
            dockerfile: named.filter(|file| *file != join(context, "Dockerfile")),
            target: build["target"].as_str().map(str::to_owned),
        },
        port: port.unwrap_or(DEFAULT_PORT),
        port_is_known: port.is_some(),
        path: content
            .and_then(|content| content.health_path.clone())
            .unwrap_or_else(|| "/".to_owned()),
    }
}

/// The first port that the container listens on: of `8080:80`, `127.0.0.1:8080:80/tcp`,
/// or the mapping with `target`.
fn published_port(ports: &Value) -> Option<u16> {
    let one = |port: &Value| match port {
        Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        Value::String(text) => {
            let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
            let inner = text.rsplit(':').next().unwrap_or(text);
            inner.parse().ok().filter(|_| protocol == "tcp")
        }
        other => other["target"].as_u64().and_then(|number| number.try_into().ok()),
    };
    ports.as_array().into_iter().flatten().find_map(one)
}
