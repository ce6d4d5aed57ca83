//! What the plan is to name: from the options, the folder's remote, Azure's tools, or what
//! a person answers in a terminal.

use super::arguments::InitArguments;
use super::look::{Look, resource_name};
use crate::cli::confirm::is_interactive;
use crate::cli::say;
use crate::oci::Reference;
use crate::resolve::{Git, HostEnvironment};
use std::io::{self, Write as _};
use std::num::NonZeroU16;
use std::path::Path;

pub struct Settings {
    pub name: String,
    pub registry: String,
    pub resource_group: String,
    pub location: String,
    /// The branch whose pushes go to production.
    pub branch: String,
    /// The port of each service.
    pub ports: Vec<u16>,
    /// Which of them are guesses: `option: value`.
    pub assumed: Vec<String>,
}

const DEFAULT_LOCATION: &str = "westeurope";

impl Settings {
    pub fn of(arguments: &InitArguments, host: &HostEnvironment, look: &Look) -> Self {
        let git = Git::read(host);
        let defaults = AzureDefaults::read(host);
        let repository = git.repository().and_then(|repository| resource_name(&repository.name));
        let name = arguments.name.clone().or(repository).unwrap_or_else(|| look.name.clone());
        let mut questions = Questions {
            asks: !arguments.yes && !arguments.print && is_interactive(),
            assumed: Vec::new(),
        };
        let registry =
            defaults.registry.unwrap_or_else(|| format!("{}.azurecr.io", registry_name(&name)));
        let registry = if look.services.is_empty() {
            // Nothing is pushed.
            registry
        } else {
            questions.registry(arguments.registry.clone(), &registry)
        };
        let resource_group = questions.value(
            "resource-group",
            "Resource group to deploy to",
            arguments.resource_group.clone(),
            defaults.resource_group.unwrap_or_else(|| name.clone()),
        );
        let location = questions.value(
            "location",
            "Region to deploy to",
            arguments.location.clone(),
            defaults.location.unwrap_or_else(|| DEFAULT_LOCATION.to_owned()),
        );
        let ports = look.services.iter().map(|service| {
            if service.port_is_known {
                return service.port;
            }
            questions.port(&service.name, service.port)
        });
        let ports = ports.collect();
        let branch = default_branch(&host.dir).or(git.branch.filter(|_| git.head.is_some()));
        Self {
            name,
            registry,
            resource_group,
            location,
            branch: branch.unwrap_or_else(|| "main".to_owned()),
            ports,
            assumed: questions.assumed,
        }
    }
}

/// The name of a registry, which has 5 to 50 letters and digits.
fn registry_name(name: &str) -> String {
    let mut letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if letters.len() < 5 {
        letters.push_str("registry");
    }
    letters.truncate(50);
    letters
}

/// The branch that the remote's HEAD was at when it was cloned.
fn default_branch(folder: &Path) -> Option<String> {
    let head = folder.ancestors().find_map(|folder| {
        std::fs::read_to_string(folder.join(".git/refs/remotes/origin/HEAD")).ok()
    })?;
    head.trim().strip_prefix("ref: refs/remotes/origin/").map(str::to_owned)
}

/// Whether a text is the host of a registry, which `HOST/IMAGE` may begin with.
fn is_registry(host: &str) -> bool {
    let image: Result<Reference, _> = format!("{host}/image").parse();
    image.is_ok_and(|image| image.host == host && image.repository == "image")
}

struct Questions {
    asks: bool,
    assumed: Vec<String>,
}

impl Questions {
    /// The option's value, else the answer, else the default, which is remembered.
    fn value(
        &mut self,
        option: &str,
        question: &str,
        given: Option<String>,
        default: String,
    ) -> String {
        if let Some(given) = given {
            return given;
        }
        if !self.asks {
            self.assumed.push(format!("--{option} {default}"));
            return default;
        }
        let mut error = io::stderr().lock();
        write!(error, "{question} [{default}]: ").and_then(|()| error.flush()).ok();
        drop(error);
        let mut line = String::new();
        if !matches!(io::stdin().read_line(&mut line), Ok(1..)) {
            // The end of the input, such as by Ctrl-D: there are no more answers.
            say::tell("");
            self.asks = false;
            return self.value(option, question, None, default);
        }
        let answer = line.trim();
        if answer.is_empty() { default } else { answer.to_owned() }
    }

    /// The host of the registry, which is asked for until it is one. What an option gives is
    /// refused with the plan.
    fn registry(&mut self, given: Option<String>, default: &str) -> String {
        let is_given = given.is_some();
        let mut answer = self.value("registry", "Registry to push to", given, default.to_owned());
        while self.asks && !is_given && !is_registry(&answer) {
            say::tell(&format!(
                "`{answer}` is not the host of a registry: such as `{default}` or `ghcr.io`"
            ));
            answer = self.value("registry", "Registry to push to", None, default.to_owned());
        }
        answer
    }

    /// The port of a service, which is asked for until it is one.
    fn port(&mut self, service: &str, default: u16) -> u16 {
        let question = format!("Port that `{service}` listens on");
        loop {
            let answer = self.value("port", &question, None, default.to_string());
            match answer.parse::<NonZeroU16>() {
                Ok(port) => return port.get(),
                Err(_) => {
                    say::tell(&format!("`{answer}` is not a port: a number from 1 to 65535"));
                }
            }
        }
    }
}

/// What `az config set defaults.…` has stored, or the variables that stand above it.
struct AzureDefaults {
    resource_group: Option<String>,
    location: Option<String>,
    registry: Option<String>,
}

impl AzureDefaults {
    fn read(host: &HostEnvironment) -> Self {
        let folder = host.var("AZURE_CONFIG_DIR").map(str::to_owned);
        let folder = folder.or_else(|| Some(format!("{}/.azure", host.var("HOME")?)));
        let text = folder
            .and_then(|folder| std::fs::read_to_string(Path::new(&folder).join("config")).ok())
            .unwrap_or_default();
        let value = |name: &str| {
            let variable = format!("AZURE_DEFAULTS_{}", name.to_ascii_uppercase());
            host.var(&variable).map(str::to_owned).or_else(|| ini_value(&text, "defaults", name))
        };
        let host_of = |name: String| {
            if name.contains('.') { name } else { format!("{name}.azurecr.io") }
        };
        Self {
            resource_group: value("group"),
            location: value("location"),
            registry: value("acr").map(host_of),
        }
    }
}

fn ini_value(text: &str, section: &str, key: &str) -> Option<String> {
    let header = format!("[{section}]");
    let lines = text.lines().map(str::trim).skip_while(|line| *line != header).skip(1);
    let mut own = lines.take_while(|line| !line.starts_with('['));
    own.find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim().to_owned()).filter(|value| !value.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::{ini_value, registry_name};

    #[test]
    fn registry_names_are_letters_and_digits() {
        assert_eq!(registry_name("store-front"), "storefront");
        assert_eq!(registry_name("api"), "apiregistry");
    }

    #[test]
    fn defaults_of_az_are_read_from_their_section() {
        let text = "[core]\ngroup = no\n\n[defaults]\ngroup = demo\nlocation=\n[x]\nacr = no\n";
        assert_eq!(ini_value(text, "defaults", "group").as_deref(), Some("demo"));
        assert_eq!(ini_value(text, "defaults", "location"), None);
        assert_eq!(ini_value(text, "defaults", "acr"), None);
    }
}
