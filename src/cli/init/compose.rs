//! The services of a compose file that are built here.

use super::dockerfile::FoundDockerfile;
use super::folder::{Folder, join};
use super::found::{DEFAULT_PORT, FoundBuild, FoundService};
use crate::draft::Node;
use crate::import::{ServiceSettings, compose_settings};
use serde_json::Value;

const FILES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// What a compose file brings to the plan.
#[derive(Default)]
pub struct Composed {
    pub services: Vec<FoundService>,
    pub secrets: Vec<(String, Node)>,
    pub notes: Vec<String>,
}

/// The services with `build`, in the order of the file, and notes about the others.
pub fn services(folder: &Folder, dockerfiles: &[FoundDockerfile]) -> Composed {
    let Some(file) = FILES.into_iter().find(|file| folder.has(file)) else {
        return Composed::default();
    };
    let text = folder.text(file);
    let parsed: Value = match serde_yaml::from_str(&text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let first = error.to_string().lines().next().unwrap_or_default().to_owned();
            let notes = vec![format!("`{file}` was left out: {first}")];
            return Composed { notes, ..Composed::default() };
        }
    };
    let all = parsed["services"].as_object().into_iter().flatten();
    let (built, pulled): (Vec<_>, Vec<_>) =
        all.partition(|(_, service)| !service["build"].is_null());
    let mut settings = compose_settings(&text);
    let mut composed = Composed::default();
    for (name, service) in &built {
        let own = settings.services.remove(*name).unwrap_or_default();
        composed.services.push(FoundService { settings: own, ..found(name, service, dockerfiles) });
    }
    let is_used = |name: &str| {
        let reference = format!("${{{{ secrets.{name} }}}}");
        let mut values = composed.services.iter().flat_map(|service| &service.settings.env);
        values.any(|(_, value)| *value == reference)
    };
    let secrets = settings.secrets.into_iter().filter(|(name, _)| is_used(name)).collect();
    let pulled: Vec<&str> = pulled.iter().map(|(name, _)| name.as_str()).collect();
    composed.notes.extend(note_pulled(file, &pulled).filter(|_| !built.is_empty()));
    composed.secrets = secrets;
    composed.notes.extend(composed.secrets.iter().map(|(name, _)| note_secret(name)));
    for (name, service) in &built {
        if !service["env_file"].is_null() {
            composed.notes.push(format!(
                "`env_file` of `{name}` in `{file}` was left out: write its variables in the `env` \
                 of the deploy"
            ));
        }
    }
    composed
}

fn note_pulled(file: &str, names: &[&str]) -> Option<String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} of `{file}` {} an image that is not built here, and {} left out: name the address \
             that the services reach it under in the `env` of their deploys",
            quoted.join(", "),
            if names.len() == 1 { "is" } else { "are" },
            if names.len() == 1 { "was" } else { "were" },
        )
    })
}

fn note_secret(name: &str) -> String {
    format!(
        "the plan has the secret `{name}`: pass the variable that it is read from in the \
         workflow's `env`"
    )
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
    let health_path = content.and_then(|content| content.health_path.clone());
    FoundService {
        name: name.to_owned(),
        build: FoundBuild::Dockerfile {
            context: context.to_owned(),
            dockerfile: named.filter(|file| *file != join(context, "Dockerfile")),
            target: build["target"].as_str().map(str::to_owned),
        },
        port: port.unwrap_or(DEFAULT_PORT),
        port_is_known: port.is_some() || health_path.is_none(),
        // Compose publishes the ports of all that is to be reached.
        has_address: port.is_some() || health_path.is_some(),
        path: health_path.unwrap_or_else(|| "/".to_owned()),
        settings: ServiceSettings::default(),
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
