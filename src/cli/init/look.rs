//! What a folder holds that can be deployed.

use super::compose::{self, Composed};
use super::dockerfile::{self, FoundDockerfile};
use super::folder::{Folder, split};
use super::found::{DEFAULT_PORT, FoundBuild, FoundService};
use super::image_files::ImageFiles;
use super::project::{self, Project};
use crate::draft::Node;
use crate::import::ServiceSettings;
use crate::value::GroupName;

/// What of a folder can be deployed, and what people should know about it.
pub struct Look {
    /// The name of the folder, as a name of resources.
    pub name: String,
    pub services: Vec<FoundService>,
    /// Files to write beside the plan.
    pub files: ImageFiles,
    /// Secrets that the plan has to declare, each with its source.
    pub secrets: Vec<(String, Node)>,
    /// What people should know.
    pub notes: Vec<String>,
    /// Workflows that deploy already, in the folder.
    pub deploying_workflows: Vec<String>,
}

/// Nothing was found that makes an image.
pub struct NothingFound {
    pub message: String,
    pub help: String,
}

impl Look {
    pub fn at(folder: &Folder, port: Option<u16>) -> Result<Self, NothingFound> {
        let mut look = Self {
            name: folder_name(folder),
            services: Vec::new(),
            files: ImageFiles::default(),
            secrets: Vec::new(),
            notes: Vec::new(),
            deploying_workflows: deploying_workflows(folder),
        };
        let dockerfiles = dockerfile::all(folder);
        let Composed { services: composed, secrets, mut notes } =
            compose::services(folder, &dockerfiles);
        look.secrets = secrets;
        look.notes.append(&mut notes);
        if composed.is_empty() {
            look.services = dockerfiles.iter().map(|file| look.of_dockerfile(file)).collect();
        } else {
            look.services = composed;
        }
        if look.services.is_empty() {
            look.of_project(folder)?;
        }
        if let Some(port) = port {
            for service in &mut look.services {
                (service.port, service.port_is_known) = (port, true);
            }
        }
        look.name_services();
        look.note_engine(&dockerfiles);
        Ok(look)
    }

    fn of_dockerfile(&self, file: &FoundDockerfile) -> FoundService {
        let port = file.content.ports.first().copied();
        FoundService {
            name: file.service().unwrap_or_else(|| self.name.clone()),
            build: FoundBuild::Dockerfile {
                context: file.context.clone(),
                dockerfile: (!file.has_default_name()).then(|| file.path.clone()),
                target: None,
            },
            port: port.unwrap_or(DEFAULT_PORT),
            port_is_known: port.is_some(),
            has_address: true,
            settings: ServiceSettings::default(),
            path: file.content.health_path.clone().unwrap_or_else(|| "/".to_owned()),
        }
    }

    fn of_project(&mut self, folder: &Folder) -> Result<(), NothingFound> {
        let project = project::find(folder).map_err(|why| NothingFound {
            message: why,
            help: "write a Dockerfile, then `shipway init` again".to_owned(),
        })?;
        let Project { build, files, port, port_is_known, note } = project;
        self.files = files;
        self.notes.extend(note);
        self.services.push(FoundService {
            name: self.name.clone(),
            build,
            port,
            port_is_known,
            has_address: true,
            settings: ServiceSettings::default(),
            path: "/".to_owned(),
        });
        Ok(())
    }

    /// Gives each service a name of its own that Azure takes.
    fn name_services(&mut self) {
        let mut taken: Vec<String> = Vec::new();
        for service in &mut self.services {
            let name = resource_name(&service.name).unwrap_or_else(|| "app".to_owned());
            let numbers =
                std::iter::once(name.clone()).chain((2..).map(|at| format!("{name}-{at}")));
            let free = numbers.into_iter().find(|name| !taken.contains(name)).unwrap_or(name);
            taken.push(free.clone());
            service.name = free;
        }
    }

    fn note_engine(&mut self, dockerfiles: &[FoundDockerfile]) {
        let runs = |file: &&FoundDockerfile| file.content.has_run;
        let mut files: Vec<&str> =
            dockerfiles.iter().filter(runs).map(|it| it.path.as_str()).collect();
        if self.files.has_dockerfile() {
            files.push("Dockerfile");
        }
        if !files.is_empty() {
            self.notes.push(format!(
                "`{}` has `RUN` lines, which docker, podman or buildah performs where one works, \
                 as docker does on GitHub's runners; without one they run in namespaces of Linux",
                files.join("`, `")
            ));
        }
    }
}

/// The name of a folder, as a name of resources.
pub fn folder_name(folder: &Folder) -> String {
    resource_name(&folder.name()).unwrap_or_else(|| "app".to_owned())
}

/// A name of a container group made of any text; `None` if nothing of it is left.
pub fn resource_name(text: &str) -> Option<String> {
    let mut name = String::new();
    for letter in text.to_ascii_lowercase().chars() {
        let kept = if letter.is_ascii_alphanumeric() { letter } else { '-' };
        if !(kept == '-' && (name.is_empty() || name.ends_with('-'))) {
            name.push(kept);
        }
    }
    // A preview adds the number of its pull request, and Azure takes 63 characters.
    name.truncate(40);
    let name = name.trim_end_matches('-').trim_start_matches(|first: char| first.is_ascii_digit());
    let name = name.trim_start_matches('-');
    name.parse::<GroupName>().ok().map(|_| name.to_owned())
}

/// Words of a workflow that deploys a container group or an image.
const DEPLOY_WORDS: [&str; 6] = [
    "azure/aci-deploy",
    "az container create",
    "docker/build-push-action",
    "az acr build",
    "docker push",
    "az container app",
];

fn deploying_workflows(folder: &Folder) -> Vec<String> {
    let is_one = |path: &&String| {
        let (parent, name) = split(path);
        let is_yaml = [".yml", ".yaml"].iter().any(|end| name.ends_with(end));
        parent == ".github/workflows" && is_yaml && {
            let text = folder.text(path).to_ascii_lowercase();
            DEPLOY_WORDS.iter().any(|word| text.contains(word))
        }
    };
    folder.files.iter().filter(is_one).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::resource_name;

    #[test]
    fn any_text_becomes_a_name_that_azure_takes() {
        let table = [
            ("Shop", Some("shop")),
            ("my_app v2", Some("my-app-v2")),
            ("--x--", Some("x")),
            ("2048", None),
            ("9lives", Some("lives")),
            ("日本", None),
        ];
        for (text, expected) in table {
            assert_eq!(resource_name(text).as_deref(), expected, "{text}");
        }
    }
}
