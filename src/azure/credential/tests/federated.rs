//! Signing in with a token of GitHub, or of a file.

use super::{SCOPE, detect, form, issued, refused};
use crate::azure::credential::SignInMethod;
use crate::azure::fake::{FakeAzure, Reply, shown};
use crate::http::{Retry, Retryable as _};
use crate::secret::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// An unsigned token of GitHub Actions; the claims are read, the signature is not.
fn jwt(subject: &str) -> String {
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com",
        "sub": subject,
        "aud": "api://AzureADTokenExchange",
    });
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// The variables of a job that has `permissions: id-token: write`.
const IN_ACTIONS: [(&str, &str); 5] = [
    ("GITHUB_ACTIONS", "true"),
    ("AZURE_TENANT_ID", "tenant-1"),
    ("AZURE_CLIENT_ID", "client-1"),
    ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://pipelines.example.com/token?api-version=2.0"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-token"),
];

#[tokio::test]
async fn each_exchange_requests_a_new_github_token() {
    let minted = AtomicUsize::new(0);
    let fake = FakeAzure::start(move |asked| {
        if asked.to.starts_with("pipelines.example.com") {
            let count = minted.fetch_add(1, Ordering::SeqCst);
            return Reply::json(200, &json!({ "value": jwt(&format!("mint {count}")) }));
        }
        issued("entra-token", 200)
    })
    .await;
    let redactor = Redactor::default();
    let credential = detect(&fake, &redactor, &IN_ACTIONS).expect("a sign-in method");

    assert_eq!(credential.method(), Some(SignInMethod::GitHub));
    assert_eq!(credential.client_id(), Some("client-1"));
    for _ in 0..2 {
        credential.token(SCOPE).await.expect("a token");
    }

    let asked = fake.requests();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[0].query, "api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange");
    assert_eq!(asked[0].headers["authorization"], "Bearer runner-token");
    assert!(!asked[1].headers.contains_key("authorization"));
    assert_eq!(form(&asked[1])["client_assertion"], jwt("mint 0"));
    assert_eq!(form(&asked[3])["client_assertion"], jwt("mint 1"));
    let type_of = &form(&asked[1])["client_assertion_type"];
    assert_eq!(type_of, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!(redactor.redact(&format!("{} runner-token", jwt("mint 1"))), "*** ***");
}

#[tokio::test]
async fn a_subject_without_federated_credential_is_shown_with_the_command_that_adds_it() {
    let fake = FakeAzure::start(|asked| {
        if asked.to.starts_with("pipelines.example.com") {
            return Reply::json(200, &json!({ "value": jwt("repo:me/app:pull_request") }));
        }
        refused(700_213, "No matching federated identity record found.")
    })
    .await;
    let credential = detect(&fake, &Redactor::default(), &IN_ACTIONS).expect("a sign-in method");

    let error = credential.token(SCOPE).await.expect_err("no token");

    assert_eq!(
        shown(&error),
        "cannot sign in to Azure with GitHub's OIDC token\n  \
         login.microsoftonline.com answered 401: AADSTS700213: No matching federated identity record found.\n\
         help: the token's issuer is `https://token.actions.githubusercontent.com`, its subject \
         `repo:me/app:pull_request`, its audience `api://AzureADTokenExchange`; a federated \
         credential must match all three: `az ad app federated-credential create --id client-1 \
         --parameters '{\"name\":\"shipway\",\
         \"issuer\":\"https://token.actions.githubusercontent.com\",\
         \"subject\":\"repo:me/app:pull_request\",\
         \"audiences\":[\"api://AzureADTokenExchange\"]}'`"
    );
}

#[tokio::test]
async fn refusal_of_an_oidc_token_names_the_permission() {
    let fake = FakeAzure::start(|_| Reply::html(403, "no")).await;
    let credential = detect(&fake, &Redactor::default(), &IN_ACTIONS).expect("a sign-in method");

    let error = credential.token(SCOPE).await.expect_err("no token");

    assert_eq!(
        shown(&error),
        "cannot sign in to Azure with GitHub's OIDC token\n  cannot ask GitHub for an OIDC token\n  \
         GET https://pipelines.example.com/token: 403: no\n\
         help: the job needs `permissions: id-token: write`, and a pull request from a fork \
         never has it"
    );
}

#[tokio::test]
async fn oidc_endpoint_that_is_busy_may_be_asked_again() {
    let asked = AtomicUsize::new(0);
    let fake = FakeAzure::start(move |request| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::html(503, "busy"),
        1 => Reply::html(429, "slow down").with("retry-after", "3"),
        _ if request.to.starts_with("pipelines.example.com") => {
            Reply::json(200, &json!({ "value": jwt("repo:me/app:pull_request") }))
        }
        _ => issued("entra-token", 3_600),
    })
    .await;
    let credential = detect(&fake, &Redactor::default(), &IN_ACTIONS).expect("a sign-in method");

    let busy = credential.token(SCOPE).await.expect_err("busy");
    assert_eq!(busy.retry(), Retry::Backoff);
    let throttled = credential.token(SCOPE).await.expect_err("throttled");
    assert_eq!(throttled.retry(), Retry::After(Duration::from_secs(3)));
    assert_eq!(throttled.help(), None, "no permission is missing");
    assert_eq!(credential.token(SCOPE).await.expect("a token").expose(), "entra-token");
}

#[tokio::test]
async fn a_token_file_is_read_each_time() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"first\n").expect("written");
    let fake = FakeAzure::start(|_| issued("entra-token", 200)).await;
    let path = file.path().to_str().expect("a path").to_owned();
    let variables = [
        ("AZURE_TENANT_ID", "tenant-1"),
        ("AZURE_CLIENT_ID", "client-1"),
        ("AZURE_FEDERATED_TOKEN_FILE", path.as_str()),
    ];
    let credential = detect(&fake, &Redactor::default(), &variables).expect("a sign-in method");

    credential.token(SCOPE).await.expect("a token");
    std::fs::write(file.path(), "second").expect("written");
    credential.token(SCOPE).await.expect("a token");

    let asked = fake.requests();
    assert_eq!(form(&asked[0])["client_assertion"], "first");
    assert_eq!(form(&asked[1])["client_assertion"], "second");
    std::fs::write(file.path(), "\n").expect("written");
    let error = credential.token(SCOPE).await.expect_err("no token");
    assert_eq!(
        shown(&error),
        format!(
            "cannot sign in to Azure with workload identity\n  the file of the federated token, \
             `{path}`, is empty\nhelp: check `AZURE_FEDERATED_TOKEN_FILE`"
        )
    );
    file.close().expect("removed");
    let error = credential.token(SCOPE).await.expect_err("no file");
    assert_eq!(
        shown(&error),
        format!(
            "cannot sign in to Azure with workload identity\n  cannot read the federated token `{path}`\n  \
             No such file or directory (os error 2)\nhelp: check `AZURE_FEDERATED_TOKEN_FILE`"
        )
    );
}
