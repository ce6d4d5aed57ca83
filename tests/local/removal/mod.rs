//! `shipway down` and `shipway sweep`: what they remove, keep and say.

mod down;
mod previews;
mod stop;
mod sweep;

use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use crate::support::servers::Servers;
use reqwest::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;

const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000007";
const TOKEN: &str = "ghs_of_the_test";

impl Servers {
    /// The names of the container groups that exist.
    fn groups(&self) -> Vec<String> {
        let all = self.arm(Method::GET, &self.groups_path(), &Value::Null);
        let all = all["value"].as_array().expect("a list").iter();
        all.map(|group| group["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Replaces the tags of a group.
    fn tag(&self, group: &str, tags: &Value) {
        let path = format!("{}/{group}", self.groups_path());
        self.arm(Method::PATCH, &path, &json!({ "tags": tags }));
    }

    fn github(&self, path: &str) -> Value {
        let url = format!("https://api.github.com/repos/octo/demo/{path}");
        self.send(self.client.get(url).bearer_auth(TOKEN))
    }
}

/// A cloud with one resource group, one registry and this GitHub.
fn cloud(github: &Value, faults: &Value) -> CloudProcess {
    let mut github = github.clone();
    github["repository"] = "octo/demo".into();
    github["token"] = TOKEN.into();
    CloudProcess::start(json!({
        "subscription-id": SUBSCRIPTION,
        "resource-groups": [{ "name": "demo", "location": "westeurope" }],
        "registries": [{
            "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
            "admin-user": true,
        }],
        "github": github,
        "faults": faults,
    }))
}

/// Such a program in a clone of `octo/demo`, with this plan.
fn clone(plan: &str) -> Program {
    let program = Program::with_plan(plan).applets().file(".gitignore", ".shipway\n").committed();
    program.git(&["remote", "add", "origin", "https://github.com/octo/demo.git"]);
    program
}

/// The id of a run that began some hours ago.
fn run_id(hours: i64) -> String {
    const DIGITS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let time = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
    let mut rest = time.as_millisecond();
    let mut digits = Vec::new();
    for _ in 0..10 {
        digits.push(DIGITS[usize::try_from(rest & 31).expect("a digit")]);
        rest >>= 5;
    }
    digits.reverse();
    let time = String::from_utf8(digits).expect("ASCII");
    format!("{time}0000000000000000")
}

/// A time so many minutes from now.
fn minutes_from_now(minutes: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes)).to_string()
}

/// The lines of a table with single spaces between its cells, and without ages.
/// Lines by which the runner is told of secrets are left out.
fn squeezed(text: &str) -> String {
    let mut squeezed = String::new();
    for line in text.lines().filter(|line| !line.starts_with("::add-mask::")) {
        let is_age = |word: &str| {
            word.strip_suffix(['s', 'm']).is_some_and(|number| number.parse::<u32>().is_ok())
        };
        // How many comments a pull request has had is no matter here.
        let line = line.split("#issuecomment-").next().unwrap_or_default();
        let words = line.split_whitespace().map(|word| if is_age(word) { "AGE" } else { word });
        writeln!(squeezed, "{}", words.collect::<Vec<_>>().join(" ")).expect("text");
    }
    squeezed
}
