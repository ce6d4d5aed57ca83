//! A configuration without logins for container engines and the programs of a fork.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Lets docker, podman and buildah find no login that is stored on this machine. The plug-ins,
/// contexts and builders of docker stay.
pub fn without_logins(environment: &mut BTreeMap<String, String>, folder: &Path) -> io::Result<()> {
    let own = folder.join("no-logins");
    std::fs::create_dir_all(&own)?;
    let mut settings = Map::from_iter([("auths".to_owned(), json!({}))]);
    if let Some(users) = users_folder(environment) {
        settings.insert("cliPluginsExtraDirs".to_owned(), json!([users.join("cli-plugins")]));
        let text = std::fs::read_to_string(users.join("config.json")).unwrap_or_default();
        let known: Value = serde_json::from_str(&text).unwrap_or_default();
        if let Some(context) = known.get("currentContext") {
            settings.insert("currentContext".to_owned(), context.clone());
        }
        let contexts = users.join("contexts");
        if contexts.is_dir() && !own.join("contexts").exists() {
            symlink(contexts, own.join("contexts"))?;
        }
        let builders = users.join("buildx").display().to_string();
        environment.entry("BUILDX_CONFIG".to_owned()).or_insert(builders);
    }
    let file = own.join("config.json");
    std::fs::write(&file, Value::Object(settings).to_string())?;
    environment.insert("DOCKER_CONFIG".to_owned(), own.display().to_string());
    environment.insert("REGISTRY_AUTH_FILE".to_owned(), file.display().to_string());
    Ok(())
}

/// The folder of docker's configuration.
fn users_folder(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let value = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let own = value("DOCKER_CONFIG").map(PathBuf::from);
    own.or_else(|| value("HOME").map(|home| Path::new(home).join(".docker")))
}

#[cfg(test)]
mod tests {
    use super::without_logins;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use std::fs;

    #[test]
    fn logins_go_and_builders_stay() {
        let home = tempfile::tempdir().expect("a folder");
        let docker = home.path().join(".docker");
        fs::create_dir_all(docker.join("contexts")).expect("made");
        let stored = json!({
            "auths": { "r.io": { "auth": "dTpodW50ZXIyMg==" } },
            "credsStore": "pass", "credHelpers": { "r.io": "pass" }, "currentContext": "rootless",
        });
        fs::write(docker.join("config.json"), stored.to_string()).expect("written");
        let home = [("HOME".to_owned(), home.path().display().to_string())];
        let run = docker.join("run");
        let mut environment = BTreeMap::default();
        // As in a run that is resumed.
        for _ in 0..2 {
            environment = home.clone().into();
            without_logins(&mut environment, &run).expect("written");
        }

        let own = run.join("no-logins");
        let text = fs::read_to_string(own.join("config.json")).expect("there");
        assert_eq!(
            serde_json::from_str::<Value>(&text).expect("JSON"),
            json!({
                "auths": {}, "cliPluginsExtraDirs": [docker.join("cli-plugins")],
                "currentContext": "rootless",
            })
        );
        assert!(own.join("contexts").is_dir());
        let file = own.join("config.json");
        for (name, path) in [
            ("DOCKER_CONFIG", &own),
            ("REGISTRY_AUTH_FILE", &file),
            ("BUILDX_CONFIG", &docker.join("buildx")),
        ] {
            assert_eq!(environment[name], path.display().to_string());
        }
    }
}
