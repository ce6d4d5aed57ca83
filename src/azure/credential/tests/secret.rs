//! Signing in with a client secret, and what Entra refuses.

use super::{SCOPE, form, issued, refused};
use crate::azure::credential::SignInMethod;
use crate::azure::fake::{FakeAzure, Reply, shown};
use crate::http::{Retry, Retryable as _};
use crate::secret::Redactor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test]
async fn a_client_secret_is_exchanged_once_for_each_scope() {
    let fake = FakeAzure::start(|asked| {
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
    let asked = fake.requests();
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
    // Less than the time for which a returned token must be valid, so it is not used again.
    let fake = FakeAzure::start(|_| issued("short-lived", 200)).await;
    let credential = fake.credential(&Redactor::default());

    for _ in 0..3 {
        credential.token(SCOPE).await.expect("a token");
    }
    assert_eq!(fake.requests().len(), 3);
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
            "check this machine's clock, and, where the token is in a file, that it is renewed \
             in time",
        ),
        (
            7_000_229,
            "the application has no service principal in tenant `tenant-1`; \
             `az ad sp create --id client-1` makes one",
        ),
        (
            7_000_112,
            "ask the tenant's administrator to enable the application `client-1`, or set \
             `AZURE_CLIENT_ID` to another",
        ),
        (
            500_011,
            "tenant `tenant-1` does not know the service that the token is for; check that the \
             plan's `azure.cloud` is the tenant's",
        ),
        (
            53_003,
            "a conditional access policy forbids it; ask the tenant's administrator to exempt \
             this workload",
        ),
    ];
    for (code, help) in cases {
        let fake = FakeAzure::start(move |_| refused(code, "No.")).await;
        let credential = fake.credential(&Redactor::default());

        let error = credential.token(SCOPE).await.expect_err("no token");

        let expected = format!(
            "cannot sign in to Azure with a client secret\n  login.microsoftonline.com answered 401: AADSTS{code}: No.\nhelp: {help}"
        );
        assert_eq!(shown(&error), expected);
        assert_eq!(error.retry(), Retry::Never);
    }
}

#[tokio::test]
async fn throttling_and_bad_gateways_are_transient() {
    let asked = AtomicUsize::new(0);
    let fake = FakeAzure::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::html(502, "<h1>bad gateway</h1>"),
        1 => Reply::new(429, r#"{"error":"throttled"}"#).with("retry-after", "7"),
        _ => issued("at-last", 3_600),
    })
    .await;
    let credential = fake.credential(&Redactor::default());

    let first = credential.token(SCOPE).await.expect_err("a bad gateway");
    let text = "cannot sign in to Azure with a client secret\n  login.microsoftonline.com answered 502: <h1>bad gateway</h1>";
    assert_eq!(shown(&first), text);
    assert_eq!(first.retry(), Retry::Backoff);
    let second = credential.token(SCOPE).await.expect_err("throttled");
    assert_eq!(second.retry(), Retry::After(Duration::from_secs(7)));
    assert_eq!(credential.token(SCOPE).await.expect("a token").expose(), "at-last");
}

#[tokio::test]
async fn an_answer_that_holds_no_token_names_the_host_and_is_not_read_whole() {
    let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(2 << 20));
    let url = "POST https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token";
    for (body, reason) in [
        ("<title>Sign in</title>", format!("{url}: it is not JSON")),
        (long.as_str(), format!("{url}: it has more than a megabyte")),
        ("{}", "it holds no token".to_owned()),
    ] {
        let body = body.to_owned();
        let fake = FakeAzure::start(move |_| Reply::html(200, &body)).await;
        let error = fake.credential(&Redactor::default()).token(SCOPE).await.expect_err("no token");

        let expected = format!(
            "cannot sign in to Azure with a client secret\n  \
             cannot read the answer of login.microsoftonline.com: {reason}"
        );
        assert_eq!(shown(&error), expected);
        assert_eq!(error.retry(), Retry::Never);
    }
}
