//! `shipway down` and `shipway sweep`: what they remove, keep and say.

mod down;
mod stop;
mod sweep;

use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use reqwest::Method;
use serde_json::{Value, json};
use shipway::testing::local::CloudFile;
use std::fmt::Write as _;

const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000007";
const TOKEN: &str = "ghs_of_the_test";

/// Asks the servers of a local cloud.
struct Servers {
    file: CloudFile,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Servers {
    fn of(cloud: &CloudProcess) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let file = CloudFile::read(&cloud.path).expect("a cloud file");
        let root = reqwest::Certificate::from_pem(file.ca.as_bytes()).expect("PEM");
        let proxy = reqwest::Proxy::all(file.proxy.expose()).expect("a proxy");
        let builder = reqwest::Client::builder().proxy(proxy).tls_certs_only([root]);
        let client = builder.user_agent("test").build().expect("a client");
        Self { file, client, runtime: tokio::runtime::Runtime::new().expect("a runtime") }
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Value {
        self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            assert!(answer.status().is_success(), "{answer:?}");
            answer.json().await.expect("JSON")
        })
    }

        "subscription-id": SUBSCRIPTION,
    /// Sends a request to Resource Manager.
    fn arm(&self, method: Method, path: &str, body: &Value) -> Value {
        let tenant = &self.file.tenant_id;
        let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.file.client_id),
            ("client_secret", self.file.client_secret.expose()),
            ("scope", "https://management.azure.com/.default"),
        ];
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let signed_in = self.client.post(url).body(form);
        let signed_in = signed_in.header("content-type", "application/x-www-form-urlencoded");
        let token = self.send(signed_in)["access_token"].as_str().expect("a token").to_owned();
        let url = format!("https://management.azure.com{path}?api-version={API_VERSION}");
        self.send(self.client.request(method, url).bearer_auth(token).json(body))
    }

    fn groups_path(&self) -> String {
        let subscription = &self.file.subscription_id;
        format!(
            "/subscriptions/{subscription}/resourceGroups/demo/providers/\
             Microsoft.ContainerInstance/containerGroups"
        )
    }

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
    let program = Program::with_plan(plan).busybox().file(".gitignore", ".shipway\n").committed();
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
        let words = line.split_whitespace().map(|word| if is_age(word) { "AGE" } else { word });
        writeln!(squeezed, "{}", words.collect::<Vec<_>>().join(" ")).expect("text");
    }
    squeezed
}
