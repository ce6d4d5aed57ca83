//! Signing in with what the machine has: a managed identity, or the Azure CLI.

use super::{SCOPE, detect, issued};
use crate::azure::credential::SignInMethod;
use crate::azure::fake::{FakeAzure, Reply, shown};
use crate::http::{Retry, Retryable as _};
use crate::secret::Redactor;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

#[tokio::test]
async fn managed_identity_that_is_busy_may_be_asked_again() {
    let variables = [("PATH", "/nonexistent")];
    for (status, retry) in [(429, Retry::Backoff), (503, Retry::Backoff), (404, Retry::Never)] {
        let fake = FakeAzure::start(move |_| Reply::html(status, "no")).await;
        let credential = detect(&fake, &Redactor::default(), &variables).expect("no mistake yet");
        let error = credential.token(SCOPE).await.expect_err("no token");
        assert_eq!(error.retry(), retry, "{status}");
    }
}

#[tokio::test]
async fn the_identity_of_an_app_service_is_asked_for_without_a_proxy() {
    let fake = FakeAzure::start(|_| {
        // App Service sends the expiry as a string: here the year 2100.
        Reply::new(200, r#"{"access_token":"machine-token","expires_on":"4102444800"}"#)
    })
    .await;
    let endpoint = format!("http://{}/msi/token", fake.address);
    let variables = [
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        ("IDENTITY_HEADER", "header-value"),
        ("AZURE_CLIENT_ID", "client-1"),
    ];
    let redactor = Redactor::default();
    let credential = detect(&fake, &redactor, &variables).expect("a sign-in method");

    assert_eq!(credential.token(SCOPE).await.expect("a token").expose(), "machine-token");

    let asked = &fake.requests()[0];
    assert_eq!(asked.to, "/msi/token", "a path alone; a proxy would receive the whole URL");
    assert_eq!(
        asked.query,
        "api-version=2019-08-01&resource=https%3A%2F%2Fmanagement.azure.com&client_id=client-1"
    );
    assert_eq!(asked.headers["x-identity-header"], "header-value");
    assert_eq!(redactor.redact("machine-token header-value"), "*** ***");
}

/// A folder with the script as its program `az`.
fn az_script(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("az");
    let file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o755).open(path);
    file.expect("a file").write_all(script.as_bytes()).expect("written");
    folder
}

#[tokio::test]
async fn a_machine_without_identity_falls_back_to_the_cli() {
    let fake = FakeAzure::start(|_| Reply::new(400, r#"{"error":"invalid_request"}"#)).await;
    let folder = az_script(
        "#!/bin/sh\necho \"{\\\"accessToken\\\":\\\"$*\\\",\
                     \\\"expires_on\\\":4102444800,\\\"tokenType\\\":\\\"Bearer\\\"}\"\n",
    );
    let path = folder.path().to_str().expect("a path");
    let variables = [("PATH", path), ("AZURE_TENANT_ID", "tenant-1")];
    let credential = detect(&fake, &Redactor::default(), &variables).expect("a sign-in method");
    assert_eq!(credential.method(), None);

    let token = credential.token(SCOPE).await.expect("a token");

    let arguments = format!("account get-access-token -o json --scope {SCOPE} --tenant tenant-1");
    assert_eq!(token.expose(), arguments);
    assert_eq!(credential.method(), Some(SignInMethod::AzureCli));
}

#[tokio::test]
async fn without_a_sign_in_method_the_error_lists_why_each_is_missing() {
    let fake = FakeAzure::start(|_| Reply::new(400, r#"{"error":"invalid_request"}"#)).await;
    let variables = [("PATH", "/nonexistent"), ("GITHUB_ACTIONS", "true")];
    let credential = detect(&fake, &Redactor::default(), &variables).expect("no mistake yet");

    let error = credential.token(SCOPE).await.expect_err("no method");

    assert_eq!(
        shown(&error),
        "cannot find a way to sign in to Azure: a client secret: `AZURE_CLIENT_SECRET` is not set; \
         a client certificate: `AZURE_CLIENT_CERTIFICATE_PATH` is not set; \
         GitHub's OIDC token: the job has no `permissions: id-token: write`; \
         workload identity: `AZURE_FEDERATED_TOKEN_FILE` is not set; \
         the managed identity: `IDENTITY_ENDPOINT` is not set; \
         the managed identity: this machine has none; \
         the Azure CLI: az not found on PATH; \
         a device code: there is no terminal to show the code in\n\
         help: in GitHub Actions give the job `permissions: id-token: write` and set \
         `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`; elsewhere run `az login`, or set \
         `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`"
    );
}

#[tokio::test]
async fn a_cli_without_login_is_an_error_with_its_output() {
    let fake = FakeAzure::start(|_| Reply::new(400, r#"{"error":"invalid_request"}"#)).await;
    let folder = az_script(
        "#!/bin/sh\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n",
    );
    let path = folder.path().to_str().expect("a path");
    let credential =
        detect(&fake, &Redactor::default(), &[("PATH", path)]).expect("a sign-in method");

    let error = credential.token(SCOPE).await.expect_err("not logged in");

    let text = error.to_string();
    assert!(
        text.contains("; the Azure CLI: Please run 'az login' to setup account.; a device code: "),
        "{text}"
    );
}

#[tokio::test]
async fn incomplete_variables_are_an_error() {
    let fake = FakeAzure::start(|_| issued("never", 1)).await;
    let variables = [("AZURE_CLIENT_SECRET", "s3cr3t-value"), ("AZURE_CLIENT_ID", "")];

    let error = detect(&fake, &Redactor::default(), &variables).expect_err("incomplete");

    assert_eq!(
        shown(&error),
        "cannot sign in to Azure with a client secret: `AZURE_TENANT_ID` and `AZURE_CLIENT_ID` are not \
         set\nhelp: set `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`, or unset the others"
    );
    let variables =
        [("AZURE_CLIENT_SECRET", "s"), ("AZURE_TENANT_ID", "a b"), ("AZURE_CLIENT_ID", "c")];
    let error = detect(&fake, &Redactor::default(), &variables).expect_err("no tenant");
    assert!(shown(&error).contains("invalid tenant ID a b"), "{}", shown(&error));
}
