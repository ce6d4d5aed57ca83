//! Writes the image configuration: the recipe's settings on top of those of the base.
//!
//! OCI image specification, "Image Configuration". Unknown fields of the base are kept;
//! docker's records of when and where it built are dropped.

use super::error::LayerError;
use super::recipe::Recipe;
use crate::oci::Digest;
use serde_json::{Map, Value, json};

/// The order of the fields. It decides the digest of the configuration.
const FIELD_ORDER: [&str; 10] = [
    "created",
    "author",
    "architecture",
    "variant",
    "os",
    "os.version",
    "os.features",
    "config",
    "rootfs",
    "history",
];
/// Fields in which docker describes the container that it built in.
pub const BUILD_FIELDS: [&str; 5] =
    ["id", "parent", "container", "container_config", "docker_version"];

/// A packed layer of the recipe.
pub struct LayerHistory {
    pub diff_id: Digest,
    pub created_by: String,
}

/// The bytes of the configuration.
pub fn configuration(
    recipe: &Recipe,
    base: Map<String, Value>,
    made: &[LayerHistory],
) -> Result<Vec<u8>, LayerError> {
    let created = timestamp(recipe.created)?;
    let mut fields = base;
    for field in BUILD_FIELDS {
        fields.remove(field);
    }
    let mut config = object(&mut fields, "config")?;
    settings(recipe, &mut config)?;
    let mut rootfs = object(&mut fields, "rootfs")?;
    let mut diff_ids = array(&mut rootfs, "diff_ids")?;
    diff_ids.extend(made.iter().map(|made| made.diff_id.as_str().into()));
    let mut history = array(&mut fields, "history")?;
    history
        .extend(made.iter().map(|made| json!({"created": created, "created_by": made.created_by})));
    if settings_given(recipe) {
        let created_by = "shipway: configuration";
        history.push(json!({"created": created, "created_by": created_by, "empty_layer": true}));
    }

    fields.insert("created".into(), created.into());
    fields.insert("architecture".into(), recipe.platform.architecture.as_str().into());
    fields.insert("os".into(), recipe.platform.os.as_str().into());
    if let Some(variant) = &recipe.platform.variant {
        fields.insert("variant".into(), variant.as_str().into());
    }
    fields.insert("config".into(), sorted(config).into());
    fields.insert("rootfs".into(), json!({"type": "layers", "diff_ids": diff_ids}));
    fields.insert("history".into(), history.into());
    Ok(serde_json::to_vec(&ordered(fields)).expect("a configuration is text by text"))
}

/// The time of an image in RFC 3339.
pub fn timestamp(created: u64) -> Result<String, LayerError> {
    let seconds = i64::try_from(created).unwrap_or(i64::MAX);
    let timestamp = jiff::Timestamp::from_second(seconds);
    timestamp.map(|at| at.to_string()).map_err(|_| LayerError::Created { created })
}

fn settings_given(recipe: &Recipe) -> bool {
    recipe.entrypoint.is_some()
        || recipe.cmd.is_some()
        || recipe.user.is_some()
        || recipe.workdir.is_some()
        || !(recipe.env.is_empty() && recipe.expose.is_empty() && recipe.labels.is_empty())
}

fn settings(recipe: &Recipe, config: &mut Map<String, Value>) -> Result<(), LayerError> {
    if let Some(entrypoint) = &recipe.entrypoint {
        config.insert("Entrypoint".into(), json!(entrypoint));
        config.remove("Cmd");
    }
    if let Some(cmd) = &recipe.cmd {
        config.insert("Cmd".into(), json!(cmd));
    }
    for (key, value) in [("User", &recipe.user), ("WorkingDir", &recipe.workdir)] {
        if let Some(value) = value {
            config.insert(key.into(), value.as_str().into());
        }
    }
    if !recipe.env.is_empty() {
        let mut variables = array(config, "Env")?;
        for (name, value) in &recipe.env {
            set_variable(&mut variables, name, value);
        }
        config.insert("Env".into(), variables.into());
    }
    let ports = recipe.expose.iter().map(|port| (port.to_string(), json!({})));
    extend(config, "ExposedPorts", ports.collect())?;
    let labels = recipe.labels.iter().map(|(key, value)| (key.clone(), json!(value)));
    extend(config, "Labels", labels.collect())?;
    // Docker stores the ID of the base here.
    config.remove("Image");
    config.retain(|_, value| !value.is_null());
    Ok(())
}

fn set_variable(variables: &mut Vec<Value>, name: &str, value: &str) {
    let variable = json!(format!("{name}={value}"));
    let named = |known: &Value| {
        known.as_str().and_then(|text| text.split_once('=')).is_some_and(|(key, _)| key == name)
    };
    match variables.iter().position(named) {
        Some(at) => variables[at] = variable,
        None => variables.push(variable),
    }
}

fn extend(
    config: &mut Map<String, Value>,
    field: &'static str,
    more: Map<String, Value>,
) -> Result<(), LayerError> {
    if !more.is_empty() {
        let mut all = object(config, field)?;
        all.extend(more);
        config.insert(field.into(), sorted(all).into());
    }
    Ok(())
}

/// Removes and returns an object, by default an empty one.
fn object(
    fields: &mut Map<String, Value>,
    field: &'static str,
) -> Result<Map<String, Value>, LayerError> {
    match fields.remove(field) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(LayerError::BaseConfig { field }),
    }
}

/// Removes and returns a list, by default an empty one.
fn array(fields: &mut Map<String, Value>, field: &'static str) -> Result<Vec<Value>, LayerError> {
    match fields.remove(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(array)) => Ok(array),
        Some(_) => Err(LayerError::BaseConfig { field }),
    }
}

fn sorted(map: Map<String, Value>) -> Map<String, Value> {
    let mut fields: Vec<(String, Value)> = map.into_iter().collect();
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    fields.into_iter().collect()
}

/// Sorts known fields in their fixed order, then all others by name.
pub fn ordered(mut fields: Map<String, Value>) -> Map<String, Value> {
    let mut ordered = Map::new();
    for field in FIELD_ORDER {
        if let Some(value) = fields.remove(field) {
            ordered.insert(field.to_owned(), value);
        }
    }
    ordered.extend(sorted(fields));
    ordered
}

#[cfg(test)]
mod tests {
    use super::{LayerHistory, configuration};
    use crate::image::layers::recipe::Recipe;
    use crate::oci::Digest;
    use serde_json::{Map, Value};

    fn made() -> Vec<LayerHistory> {
        vec![LayerHistory { diff_id: Digest::of(b""), created_by: "shipway: `a` at `/a`".into() }]
    }

    fn text(recipe: &Recipe, base: &str) -> String {
        let base: Map<String, Value> = serde_json::from_str(base).expect("JSON");
        let bytes = configuration(recipe, base, &made()).expect("a configuration");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn from_scratch() {
        let recipe = Recipe {
            entrypoint: Some(vec!["/server".into()]),
            env: vec![("PORT".into(), "80".into()), ("A".into(), "b=c".into())],
            expose: vec!["80".parse().expect("a port"), "53/udp".parse().expect("a port")],
            labels: [("k".to_owned(), "v".to_owned())].into(),
            created: 1_700_000_000,
            ..Recipe::default()
        };

        assert_eq!(
            text(&recipe, "{}"),
            concat!(
                r#"{"created":"2023-11-14T22:13:20Z","architecture":"amd64","os":"linux","#,
                r#""config":{"Entrypoint":["/server"],"Env":["PORT=80","A=b=c"],"#,
                r#""ExposedPorts":{"53/udp":{},"80/tcp":{}},"Labels":{"k":"v"}},"#,
                r#""rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"#,
                r#""history":[{"created":"2023-11-14T22:13:20Z","created_by":"shipway: `a` at `/a`"},"#,
                r#"{"created":"2023-11-14T22:13:20Z","created_by":"shipway: configuration","empty_layer":true}]}"#,
            )
        );
    }

    #[test]
    fn over_a_base() {
        let base = r#"{
            "architecture": "amd64", "os": "linux", "container": "abc", "docker_version": "20",
            "config": {
                "Image": "sha256:1", "Env": ["PATH=/bin", "PORT=1"], "Cmd": ["sh"], "Volumes": null,
                "ExposedPorts": {"22/tcp": {}}, "StopSignal": "SIGINT", "User": "node"
            },
            "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]},
            "history": [{"created_by": "base"}], "moby.buildkit.buildinfo.v1": "x"
        }"#;
        let recipe = Recipe {
            entrypoint: Some(vec!["/server".into()]),
            env: vec![("PORT".into(), "80".into())],
            expose: vec!["80".parse().expect("a port")],
            ..Recipe::default()
        };

        assert_eq!(
            text(&recipe, base),
            concat!(
                r#"{"created":"1970-01-01T00:00:00Z","architecture":"amd64","os":"linux","#,
                r#""config":{"Entrypoint":["/server"],"Env":["PATH=/bin","PORT=80"],"#,
                r#""ExposedPorts":{"22/tcp":{},"80/tcp":{}},"StopSignal":"SIGINT","User":"node"},"#,
                r#""rootfs":{"type":"layers","diff_ids":["sha256:1","sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"#,
                r#""history":[{"created_by":"base"},"#,
                r#"{"created":"1970-01-01T00:00:00Z","created_by":"shipway: `a` at `/a`"},"#,
                r#"{"created":"1970-01-01T00:00:00Z","created_by":"shipway: configuration","empty_layer":true}],"#,
                r#""moby.buildkit.buildinfo.v1":"x"}"#,
            )
        );
    }

    #[test]
    fn a_malformed_base_config_is_named() {
        let base = serde_json::from_str(r#"{"config": {"Env": "PATH"}}"#).expect("JSON");
        let recipe = Recipe { env: vec![("A".into(), "b".into())], ..Recipe::default() };

        let error = configuration(&recipe, base, &[]).expect_err("wrong");
        assert_eq!(
            error.to_string(),
            "the field `Env` in the configuration of the base image is malformed"
        );
    }
}
