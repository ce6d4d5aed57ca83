//! A client of Azure that knows the address and the credentials of a cloud.

use crate::support::cloud::client;
use reqwest::Method;
use serde_json::Value;
use shipway::testing::local::CloudFile;

/// A client that has signed in.
pub struct Azure {
    pub http: reqwest::Client,
    file: CloudFile,
}

impl Azure {
    pub fn of(file: CloudFile) -> Self {
        Self { http: client(&file), file }
    }

    pub async fn token(&self, audience: &str) -> String {
        let CloudFile { tenant_id, client_id, client_secret, .. } = &self.file;
        let url = format!("https://login.microsoftonline.com/{tenant_id}/oauth2/v2.0/token");
        let scope = format!("{audience}/.default");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id.as_str()),
            ("client_secret", client_secret.expose()),
            ("scope", &scope),
        ];
        let answer = self.http.post(url).form(&form).send().await.expect("sent");
        let answer: Value = answer.json().await.expect("JSON");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// Asks Resource Manager below the subscription.
    pub async fn arm(
        &self,
        method: Method,
        path: &str,
        version: &str,
        body: Value,
    ) -> (u16, Value) {
        let subscription = &self.file.subscription_id;
        let url = format!(
            "https://management.azure.com/subscriptions/{subscription}{path}?api-version={version}"
        );
        let token = self.token("https://management.azure.com").await;
        let request = self.http.request(method, url).bearer_auth(token).json(&body);
        let answer = request.send().await.expect("sent");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }
}
