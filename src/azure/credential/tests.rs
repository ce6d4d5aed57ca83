//! Sign-ins against fakes of Entra, GitHub, the metadata service and the Azure CLI.

use super::{Credential, CredentialError, Detection, SignInMethod};
use crate::azure::Cloud;
use crate::azure::fake::{Asked, Fake, Reply, shown};
use crate::http::{Retry, Retryable as _};
use crate::secret::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
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
    fake: &Fake,
    redactor: &Redactor,
    variables: &[(&str, &str)],
) -> Result<Credential, CredentialError> {
    let metadata = format!("http://{}/metadata", fake.address);
    Detection {
        http: &fake.client,
        redactor,
        endpoints: &Cloud::Public.endpoints(),
        environment: &environment(variables),
    }
    .detect_at(Url::parse(&metadata).expect("a URL"))
}

fn form(asked: &Asked) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn a_client_secret_is_exchanged_once_for_each_scope() {
    let fake = Fake::start(|asked| {
        let vault = asked.body.contains("vault.azure.net");
        issued(if vault { "vault-token" } else { "arm-token" }, 3_600)
    })
    .await;
    let redactor = Redactor::default();
    let credential = fake.credential(&redactor);

    let tokens = futures::future::join_all((0..8).map(|_| credential.token(SCOPE))).await;
    let vault = credential.token("https://vault.azure.net/.default").await.expect("a token");

    assert!(tokens.iter().all(|token| token.as_ref().expect("a token").expose() == "arm-token"));
    assert_eq!(vault.expose(), "vault-token");
    let asked = fake.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].to, "login.microsoftonline.com/tenant-1/oauth2/v2.0/token");
    let form = form(&asked[0]);
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["client_id"], "client-1");
    assert_eq!(form["client_secret"], "s3cr3t-value");
    assert_eq!(form["scope"], SCOPE);
    assert_eq!(redactor.redact("arm-token vault-token"), "*** ***");
    assert_eq!(credential.method(), Some(SignInMethod::ClientSecret));
}

#[tokio::test]
async fn a_token_that_expires_soon_is_renewed() {
    // 200 s are less than a returned token must be valid for.
    let fake = Fake::start(|_| issued("short-lived", 200)).await;
    let credential = fake.credential(&Redactor::default());

    for _ in 0..3 {
        credential.token(SCOPE).await.expect("a token");
    }
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn each_entra_error_code_has_its_remedy() {
    let cases = [
        (
            7_000_215,
            "`AZURE_CLIENT_SECRET` must hold the secret's value, not its id; \
             `az ad app credential reset --id client-1 --append` makes a new one",
        ),
        (
            7_000_222,
            "the client secret has expired; \
             `az ad app credential reset --id client-1 --append` makes a new one",
        ),
        (
            90_002,
            "there is no tenant `tenant-1` in this cloud; check `AZURE_TENANT_ID`, which \
             `az account show --query tenantId` prints, and the plan's `azure.cloud`",
        ),
        (
            700_016,
            "tenant `tenant-1` has no application `client-1`; check `AZURE_CLIENT_ID` and \
             `AZURE_TENANT_ID`",
        ),
        (
            700_024,
            "the token had expired when Entra read it; check this machine's clock, and that \
             the token file is renewed in time",
        ),
        (
            7_000_229,
            "the application has no service principal in tenant `tenant-1`; \
             `az ad sp create --id client-1` makes one",
        ),
        (7_000_112, "an administrator has disabled the application `client-1`"),
        (
            500_011,
            "tenant `tenant-1` does not know the service that the token is for; check that the \
             plan's `azure.cloud` is the tenant's",
        ),
        (
            53_003,
            "a conditional access policy forbids it; ask the tenant's administrator to except \
             this workload",
        ),
    ];
    for (code, help) in cases {
        let fake = Fake::start(move |_| refused(code, "No.")).await;
        let credential = fake.credential(&Redactor::default());

        let error = credential.token(SCOPE).await.expect_err("no token");

        let expected = format!(
            "cannot sign in to Azure with a client secret\n  AADSTS{code}: No.\nhelp: {help}"
        );
        assert_eq!(shown(&error), expected);
        assert_eq!(error.retry(), Retry::Never);
    }
}

#[tokio::test]
async fn throttling_and_bad_gateways_are_transient() {
    let asked = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::text(502, "<h1>bad gateway</h1>"),
        1 => Reply::new(429, r#"{"error":"throttled"}"#).with("retry-after", "7"),
        _ => issued("at-last", 3_600),
    })
    .await;
    let credential = fake.credential(&Redactor::default());

    let first = credential.token(SCOPE).await.expect_err("a bad gateway");
    let text = "cannot sign in to Azure with a client secret\n  502: <h1>bad gateway</h1>";
    assert_eq!(shown(&first), text);
    assert_eq!(first.retry(), Retry::Backoff);
    let second = credential.token(SCOPE).await.expect_err("throttled");
    assert_eq!(second.retry(), Retry::After(Duration::from_secs(7)));
    assert_eq!(credential.token(SCOPE).await.expect("a token").expose(), "at-last");
}

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
    let fake = Fake::start(move |asked| {
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

    let asked = fake.asked();
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
    let fake = Fake::start(|asked| {
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
         AADSTS700213: No matching federated identity record found.\n\
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
    let fake = Fake::start(|_| Reply::text(403, "no")).await;
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
    let fake = Fake::start(move |request| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::text(503, "busy"),
        1 => Reply::text(429, "slow down").with("retry-after", "3"),
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
async fn managed_identity_that_is_busy_may_be_asked_again() {
    let variables = [("PATH", "/nonexistent")];
    for (status, retry) in [(429, Retry::Backoff), (503, Retry::Backoff), (404, Retry::Never)] {
        let fake = Fake::start(move |_| Reply::text(status, "no")).await;
        let credential = detect(&fake, &Redactor::default(), &variables).expect("no mistake yet");
        let error = credential.token(SCOPE).await.expect_err("no token");
        assert_eq!(error.retry(), retry, "{status}");
    }
}

#[tokio::test]
async fn a_token_file_is_read_each_time() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"first\n").expect("written");
    let fake = Fake::start(|_| issued("entra-token", 200)).await;
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

    let asked = fake.asked();
    assert_eq!(form(&asked[0])["client_assertion"], "first");
    assert_eq!(form(&asked[1])["client_assertion"], "second");
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

#[tokio::test]
async fn the_identity_of_an_app_service_is_asked_for_without_a_proxy() {
    let fake = Fake::start(|_| {
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

    let asked = &fake.asked()[0];
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
    let fake = Fake::start(|_| Reply::new(400, r#"{"error":"invalid_request"}"#)).await;
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
    let fake = Fake::start(|_| Reply::new(400, r#"{"error":"invalid_request"}"#)).await;
    let variables = [("PATH", "/nonexistent"), ("GITHUB_ACTIONS", "true")];
    let credential = detect(&fake, &Redactor::default(), &variables).expect("no mistake yet");

    let error = credential.token(SCOPE).await.expect_err("no method");

    assert_eq!(
        shown(&error),
        "cannot find a way to sign in to Azure: a client secret: `AZURE_CLIENT_SECRET` is not set; \
         GitHub's OIDC token: the job has no `permissions: id-token: write`; \
         workload identity: `AZURE_FEDERATED_TOKEN_FILE` is not set; \
         the managed identity: `IDENTITY_ENDPOINT` is not set; \
         the managed identity: this machine has none; \
         the Azure CLI: az not found on PATH\n\
         help: in GitHub Actions give the job `permissions: id-token: write` and set \
         `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`; elsewhere run `az login`, or set \
         `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`"
    );
}

#[tokio::test]
async fn a_cli_without_login_is_an_error_with_its_output() {
    let fake = Fake::start(|_| Reply::new(400, r#"{"error":"invalid_request"}"#)).await;
    let folder = az_script(
        "#!/bin/sh\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n",
    );
    let path = folder.path().to_str().expect("a path");
    let credential =
        detect(&fake, &Redactor::default(), &[("PATH", path)]).expect("a sign-in method");

    let error = credential.token(SCOPE).await.expect_err("not logged in");

    let text = error.to_string();
    assert!(text.ends_with("; the Azure CLI: Please run 'az login' to setup account."), "{text}");
}

#[tokio::test]
async fn incomplete_variables_are_an_error() {
    let fake = Fake::start(|_| issued("never", 1)).await;
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
