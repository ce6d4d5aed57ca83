//! Asks the servers of a local cloud, as clients other than Shipway would.

use super::cloud::client;
use super::cloud_process::CloudProcess;
use reqwest::Method;
use serde_json::Value;
use shipway::testing::local::CloudFile;

const API_VERSION: &str = "2023-05-01";

pub struct Servers {
    pub file: CloudFile,
    pub client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Servers {
    pub fn of(cloud: &CloudProcess) -> Self {
        Self::at(&cloud.file)
    }

    /// The servers of the cloud that this file describes.
    pub fn at(file: &CloudFile) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        Self { file: file.clone(), client: client(file), runtime }
    }

    /// The answer to a request that must succeed.
    pub fn send(&self, request: reqwest::RequestBuilder) -> Value {
        self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            assert!(answer.status().is_success(), "{answer:?}");
            answer.json().await.expect("JSON")
        })
    }

    /// Sends a request to Resource Manager.
    pub fn arm(&self, method: Method, path: &str, body: &Value) -> Value {
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

    /// The path of the container groups of the resource group `demo`.
    pub fn groups_path(&self) -> String {
        let subscription = &self.file.subscription_id;
        format!(
            "/subscriptions/{subscription}/resourceGroups/demo/providers/\
             Microsoft.ContainerInstance/containerGroups"
        )
    }
}
