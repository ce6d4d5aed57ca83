//! How an image wants its program to be started (OCI image specification, "Image
//! Configuration").

use super::files::{Image, ImageError};
use crate::oci::{ImageConfig, ImageProcess};
use std::fs;

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProgramConfig(ImageProcess);

/// Docker's default `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl ProgramConfig {
    pub fn read(image: &Image) -> Result<Self, ImageError> {
        let bytes = fs::read(&image.config).map_err(|source| ImageError::Io {
            verb: "read",
            path: image.config.clone(),
            source,
        })?;
        Self::parse(&bytes)
            .map_err(|source| ImageError::Config { reference: image.reference.clone(), source })
    }

    fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes).map(|config: ImageConfig| Self(config.process))
    }

    /// Program and arguments. As in Container Instances, a given command replaces the
    /// entrypoint and its arguments.
    pub fn argv(&self, command: &[String]) -> Vec<String> {
        if !command.is_empty() {
            return command.to_vec();
        }
        self.0.entrypoint.iter().chain(&self.0.cmd).cloned().collect()
    }

    /// The image's variables, overridden by those given. `HOSTNAME` and `PATH` are
    /// always set.
    pub fn environment(&self, given: &[(String, String)], hostname: &str) -> Vec<(String, String)> {
        let base = [("PATH", DEFAULT_PATH), ("HOSTNAME", hostname)];
        let image = self.0.env.iter().filter_map(|line| line.split_once('='));
        let given = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut environment: Vec<(String, String)> = Vec::new();
        for (name, value) in base.into_iter().chain(image).chain(given) {
            match environment.iter_mut().find(|(known, _)| known == name) {
                Some(known) => value.clone_into(&mut known.1),
                None => environment.push((name.to_owned(), value.to_owned())),
            }
        }
        environment
    }

    /// Empty for `/`.
    pub fn working_dir(&self) -> &str {
        &self.0.working_dir
    }

    /// Empty for root.
    pub fn user(&self) -> &str {
        &self.0.user
    }
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_PATH, ProgramConfig};

    fn config(text: &str) -> ProgramConfig {
        ProgramConfig::parse(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn a_command_replaces_entrypoint_and_arguments() {
        let config = config(r#"{"config": {"Entrypoint": ["/server"], "Cmd": ["-v"]}}"#);
        assert_eq!(config.argv(&[]), ["/server", "-v"]);
        assert_eq!(config.argv(&["sh".to_owned()]), ["sh"]);
    }

    #[test]
    fn given_variables_override_those_of_the_image() {
        let config = config(r#"{"config": {"Env": ["A=1", "B=x=y", "odd"]}}"#);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            config.environment(&[pair("A", "2")], "web"),
            [pair("PATH", DEFAULT_PATH), pair("HOSTNAME", "web"), pair("A", "2"), pair("B", "x=y")]
        );
    }

    #[test]
    fn null_and_missing_fields_are_empty() {
        assert_eq!(config(r#"{"config": {"Cmd": null, "User": null}}"#), ProgramConfig::default());
        assert_eq!(config("{}"), ProgramConfig::default());
        assert_eq!(ProgramConfig::default().user(), "");
        assert_eq!(ProgramConfig::default().working_dir(), "");
    }
}
