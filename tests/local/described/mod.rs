//! Requests to the local cloud and its answers, compared with what Microsoft describes and with
//! what was recorded of the real services.

mod operations;
mod recorded;

use crate::support::cloud::client;
use crate::support::layout::layout;
use crate::support::program::applets;
use reqwest::Method;
use serde_json::{Value, json};
use shipway::testing::local::CloudFile;
use std::collections::HashMap;
use std::path::Path;

/// A client that has signed in to a cloud, and gets one token for each service.
struct Client {
    file: CloudFile,
    http: reqwest::Client,
    tokens: HashMap<&'static str, String>,
}

/// An answer, with its body as JSON where it has one.
struct Answer {
    status: u16,
    operation: Option<String>,
    body: Value,
}

impl Client {
    fn of(file: CloudFile) -> Self {
        Self { http: client(&file), file, tokens: HashMap::new() }
    }

    async fn token(&mut self, audience: &'static str) -> String {
        if let Some(token) = self.tokens.get(audience) {
            return token.clone();
        }
        let file = &self.file;
        let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", file.tenant_id);
        let scope = format!("{audience}/.default");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &file.client_id),
            ("client_secret", file.client_secret.expose()),
            ("scope", &scope),
        ];
        let answer = self.http.post(url).form(&form).send().await.expect("sent");
        let answer: Value = answer.json().await.expect("JSON");
        let token = answer["access_token"].as_str().expect("a token").to_owned();
        self.tokens.insert(audience, token.clone());
        token
    }

    /// Asks with a token for the host.
    async fn ask(&mut self, method: Method, url: &str, body: Option<&Value>) -> Answer {
        let is_vault = url.contains(".vault.azure.net");
        let audience =
            if is_vault { "https://vault.azure.net" } else { "https://management.azure.com" };
        let token = self.token(audience).await;
        self.send(method, url, body, Some(token)).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
        token: Option<String>,
    ) -> Answer {
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("sent");
        let status = answer.status().as_u16();
        let operation = answer.headers().get("azure-asyncoperation");
        let operation = operation.map(|url| url.to_str().expect("text").to_owned());
        let text = answer.text().await.expect("text");
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, operation, body }
    }
}

/// A layout of an image with a shell that knows a few commands.
fn shell_image(folder: &Path) {
    let shell = std::fs::read(applets()).expect("a program");
    let config = json!({ "Cmd": ["/bin/sh", "-c", "while true; do sleep 20; done"] });
    layout(folder, &[("bin/sh", shell.clone()), ("bin/busybox", shell)], &config);
}
