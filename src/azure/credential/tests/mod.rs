//! Sign-ins against fakes of Entra, GitHub, the metadata service and the Azure CLI.

mod certificate;
mod device_code;
mod federated;
mod machine;
mod secret;

use crate::azure::Cloud;
use crate::azure::credential::{Credential, CredentialError, Detection, ShowText};
use crate::azure::fake::{FakeAzure, ReceivedRequest, Reply};
use crate::http::Retryable as _;
use crate::secret::Redactor;
use crate::value::SignIn;
use serde_json::json;
use std::collections::BTreeMap;
use url::Url;

const SCOPE: &str = "https://management.azure.com/.default";

fn issued(token: &str, expires_in: u32) -> Reply {
    Reply::json(
        200,
        &json!({ "token_type": "Bearer", "expires_in": expires_in, "access_token": token }),
    )
}

fn refused(code: u32, text: &str) -> Reply {
    let description = format!("AADSTS{code}: {text} Trace ID: 0 Correlation ID: 1 Timestamp: 2");
    Reply::json(
        401,
        &json!({
            "error": "invalid_client",
            "error_description": description,
            "error_codes": [code],
        }),
    )
}

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn detect(
    fake: &FakeAzure,
    redactor: &Redactor,
    variables: &[(&str, &str)],
) -> Result<Credential, CredentialError> {
    detect_with(fake, redactor, variables, SignIn::Auto, None)
}

fn detect_with(
    fake: &FakeAzure,
    redactor: &Redactor,
    variables: &[(&str, &str)],
    sign_in: SignIn,
    show: Option<ShowText>,
) -> Result<Credential, CredentialError> {
    let metadata = format!("http://{}/metadata", fake.address);
    Detection {
        http: &fake.client,
        redactor,
        endpoints: &Cloud::Public.endpoints(),
        environment: &environment(variables),
        sign_in,
        show,
        instead: None,
    }
    .detect_at(Url::parse(&metadata).expect("a URL"))
}

fn form(asked: &ReceivedRequest) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn code_of_a_fork_is_not_signed_in() {
    let credential = Credential::withheld(&Redactor::default());
    let error = credential.token(SCOPE).await.expect_err("withheld");
    assert_eq!(error.to_string(), "the code of a fork is not signed in to Azure");
    assert_eq!(
        error.help().as_deref(),
        Some(
            "a maintainer who has read its commit can check it out and run with `--allow-fork-deploy SHA`"
        )
    );
}
