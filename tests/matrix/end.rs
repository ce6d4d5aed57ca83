//! What must be true at the end of a run that succeeded, whatever happened on the way.

use crate::support::state::newest;
use crate::support::{Finished, Program};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const URL: &str = "http://shop-demo.westeurope.azurecontainer.io:8080";

pub struct End<'a> {
    pub program: &'a Program,
    pub finished: &'a Finished,
    /// The state folder of the cloud.
    pub cloud: PathBuf,
    /// The secret that the container gets; empty if it does not matter.
    pub token: &'a str,
}

impl End<'_> {
    /// What its caller was told that is not as it must be.
    pub fn told(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.finished.code != 0 {
            found.push(format!("it ended with exit code {}", self.finished.code));
        }
        if self.finished.stdout != format!("{URL}\n") {
            found.push(format!("it printed {:?}", self.finished.stdout));
        }
        found
    }

    /// What is not as it must be.
    pub fn differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        let status = &self.result()["status"];
        if status != "succeeded" {
            found.push(format!("its result is {status}"));
        }
        found.extend(self.registry());
        found.extend(self.group());
        found
    }

    fn registry(&self) -> Vec<String> {
        let (digest, mut found) = (self.digest(), Vec::new());
        let repository = self.cloud.join("registry/hosts/demo.azurecr.io/shop");
        for tag in ["pr-7", "v1"] {
            let to = fs::read_to_string(repository.join("_tags").join(tag)).unwrap_or_default();
            if to.trim() != digest {
                found.push(format!("the tag `{tag}` is {to:?}, not {digest}"));
            }
        }
        let subject = repository.join("_referrers").join(digest.replace(':', "-"));
        let statements = names(&subject).len();
        if statements != 1 {
            found.push(format!("there are {statements} statements of provenance"));
        }
        found
    }

    /// Uploads that were opened at the registry and never closed, with or without those that
    /// got no data.
    pub fn open_uploads(&self, but_empty: bool) -> Option<String> {
        let folder = self.cloud.join("registry/uploads");
        let has_data =
            |name: &String| fs::metadata(folder.join(name)).is_ok_and(|file| file.len() > 0);
        let mut uploads = names(&folder);
        // The file of its state is beside that of its data.
        uploads
            .retain(|name| Path::new(name).extension().is_none() && (!but_empty || has_data(name)));
        (!uploads.is_empty()).then(|| format!("there are open uploads: {uploads:?}"))
    }

    fn group(&self) -> Vec<String> {
        let mut found = Vec::new();
        let groups = self.groups();
        let count = groups.as_object().map_or(0, serde_json::Map::len);
        if count != 1 {
            found.push(format!("there are {count} container groups"));
        }
        let body = &groups["demo/shop-demo"]["body"];
        let container = &body["properties"]["containers"][0]["properties"];
        let secret = &container["environmentVariables"][0]["secureValue"];
        let image = format!("demo.azurecr.io/shop@{}", self.digest());
        if container["image"] != image.as_str() {
            found.push(format!("the group runs {}, not {image}", container["image"]));
        }
        if !self.token.is_empty() && secret != self.token {
            found.push("the group does not have the secret".to_owned());
        }
        found
    }

    /// Whether the group lacks the mark that a later rollback looks for.
    pub fn unmarked(&self) -> Option<String> {
        let group = &self.groups()["demo/shop-demo"];
        let is_marked = group["body"]["tags"]["shipway-verified"] == "true";
        (!is_marked).then(|| "the group is not marked as verified".to_owned())
    }

    fn groups(&self) -> Value {
        read_json(&self.cloud.join("arm/resources.json"))["container-groups"].take()
    }

    /// What GitHub shows of it that is not as it must be.
    pub fn github_differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        let github = self.github();
        let list = |name: &str| github[name].as_array().cloned().unwrap_or_default();
        let comments = list("comments");
        if comments.len() != 1 {
            found.push(format!("there are {} comments", comments.len()));
        }
        let body = self.comment();
        for part in ["### shop: ✅ succeeded", &self.digest(), URL] {
            if !body.contains(part) {
                found.push(format!("the comment does not contain {part:?}: {body}"));
            }
        }
        let states = self.deployment_states();
        if states != ["success"] {
            found.push(format!("the deployments are {states:?}"));
        }
        let last = self.last_commit_state();
        if last.as_deref() != Some("success") {
            found.push(format!("the status of the commit is {last:?}"));
        }
        found
    }

    /// The last state of each deployment of GitHub's; empty where it has none.
    pub fn deployment_states(&self) -> Vec<String> {
        let github = self.github();
        let deployments = github["deployments"].as_array().cloned().unwrap_or_default();
        let state =
            |one: &Value| one["statuses"].as_array()?.last()?["state"].as_str().map(str::to_owned);
        deployments.iter().map(|one| state(one).unwrap_or_default()).collect()
    }

    /// The state that the commit got last.
    pub fn last_commit_state(&self) -> Option<String> {
        self.github()["statuses"].as_array()?.last()?["state"].as_str().map(str::to_owned)
    }

    fn github(&self) -> Value {
        read_json(&self.cloud.join("github.json"))
    }

    /// The body of the first comment; empty if there is none.
    pub fn comment(&self) -> String {
        self.github()["comments"][0]["body"].as_str().unwrap_or_default().to_owned()
    }

    /// What a run leaves behind that it should not.
    pub fn leftovers(&self, temporary: &Path) -> Vec<String> {
        let state = self.program.path(".shipway");
        let run = newest(self.program, "runs").unwrap_or_default();
        let folders = [
            run.join("scratch"),
            state.join("images/incoming"),
            state.join("registries/uploads"),
            temporary.to_owned(),
        ];
        let left = folders.iter().flat_map(|folder| {
            names(folder).into_iter().map(|name| folder.join(name).display().to_string())
        });
        left.map(|path| format!("it leaves `{path}`")).collect()
    }

    /// What it wrote to standard error, without what only the runner of a workflow reads.
    pub fn said(&self) -> String {
        let hidden = ["::add-mask::", "::group::", "::endgroup::"];
        let lines = self.finished.stderr.lines();
        let lines = lines.filter(|line| !hidden.iter().any(|word| line.starts_with(word)));
        lines.flat_map(|line| ["\n    ", line]).collect()
    }

    /// The digest that the newest run pushed; empty before that.
    pub fn digest(&self) -> String {
        let result = self.result();
        result["services"][0]["outputs"]["digest"].as_str().unwrap_or_default().to_owned()
    }

    /// The result file of the newest run.
    pub fn result(&self) -> Value {
        let run = newest(self.program, "runs").unwrap_or_default();
        read_json(&run.join("result.json"))
    }
}

fn read_json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// The names in a folder, none if it does not exist.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}
