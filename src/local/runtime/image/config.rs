//! What an image says about its program (OCI image specification, "Image
//! Configuration").

use super::files::{Image, ImageError};
use serde::Deserialize;
use std::fs;

/// The part of a configuration that a container needs.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Config {
    /// `NAME=VALUE`.
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    config: Option<Config>,
}

/// The search path of a container whose image names none, as Docker has it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Config {
    /// Reads it from the image's blob.
    pub(crate) fn read(image: &Image) -> Result<Self, ImageError> {
        let bytes = fs::read(&image.config).map_err(|source| ImageError::Io {
            verb: "read",
            path: image.config.clone(),
            source,
        })?;
        let document: Document = serde_json::from_slice(&bytes)
            .map_err(|source| ImageError::Config { reference: image.reference.clone(), source })?;
        Ok(document.config.unwrap_or_default())
    }

    /// The program: a command given takes the place of the entrypoint and of its
    /// arguments, as Container Instances does it.
    pub(crate) fn argv(&self, command: &[String]) -> Vec<String> {
        if !command.is_empty() {
            return command.to_vec();
        }
        let entrypoint = self.entrypoint.iter().flatten();
        entrypoint.chain(self.cmd.iter().flatten()).cloned().collect()
    }

    /// The image's variables under those given. `HOSTNAME` and `PATH` are there
    /// in any case.
    pub(crate) fn environment(
        &self,
        given: &[(String, String)],
        hostname: &str,
    ) -> Vec<(String, String)> {
        let image = self.env.iter().flatten().filter_map(|line| line.split_once('='));
        let image = image.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let base = [("PATH", PATH), ("HOSTNAME", hostname)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut environment: Vec<(String, String)> = Vec::new();
        for (name, value) in base.into_iter().chain(image).chain(given.iter().cloned()) {
            match environment.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => environment.push((name, value)),
            }
        }
        environment
    }

    /// Where the program starts; empty for the root.
    pub(crate) fn working_dir(&self) -> &str {
        self.working_dir.as_deref().unwrap_or_default()
    }

    /// As whom; empty for root.
    pub(crate) fn user(&self) -> &str {
        self.user.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Document, PATH};

    fn config(text: &str) -> Config {
        serde_json::from_str::<Document>(text).expect("JSON").config.unwrap_or_default()
    }

    #[test]
    fn a_command_takes_the_place_of_all() {
        let config = config(r#"{"config": {"Entrypoint": ["/server"], "Cmd": ["-v"]}}"#);
        assert_eq!(config.argv(&[]), ["/server", "-v"]);
        assert_eq!(config.argv(&["sh".to_owned()]), ["sh"]);
    }

    #[test]
    fn variables_given_win() {
        let config = config(r#"{"config": {"Env": ["A=1", "B=x=y", "odd"]}}"#);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            config.environment(&[pair("A", "2")], "web"),
            [pair("PATH", PATH), pair("HOSTNAME", "web"), pair("A", "2"), pair("B", "x=y")]
        );
    }

    #[test]
    fn nulls_and_gaps_are_nothing() {
        assert_eq!(config(r#"{"config": {"Cmd": null, "User": null}}"#), Config::default());
        assert_eq!(config("{}"), Config::default());
        assert_eq!(Config::default().user(), "");
        assert_eq!(Config::default().working_dir(), "");
    }
}
