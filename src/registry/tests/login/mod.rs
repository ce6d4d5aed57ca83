//! Signing in, and the errors when it fails.

pub mod entra;
mod stored;

use crate::http::{Retry, Retryable as _};
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::{chain, client, client_with, image, noise, silent};
use crate::registry::{Client, Failure, Login, StoredLogins};
use crate::secret::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// `ci:right` in base64.
const RIGHT: &str = "Y2k6cmlnaHQ=";

fn by_password(registry: &FakeRegistry, password: &str) -> Client {
    let redactor = Redactor::default();
    let password = redactor.adopt("secrets.acr-password", password.to_owned());
    let login = Login::Basic { username: "ci".to_owned(), password };
    client_with(&registry.host(), login, &redactor)
}

fn stored(registry: &FakeRegistry, folder: &std::path::Path, env: &[(&str, &str)]) -> Client {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let login = Login::Stored(StoredLogins { home: Some(folder.to_owned()), env, user: None });
    client(&registry.host(), login)
}

fn plain(registry: &FakeRegistry, error: &dyn std::error::Error) -> String {
    chain(error).replace(&registry.host(), "HOST")
}

async fn refusal(client: &Client, registry: &FakeRegistry) -> Failure {
    let checked = client.check_login(&registry.host(), "web", "push").await;
    checked.expect_err("it is refused")
}

#[tokio::test]
async fn password_is_sent_only_after_a_challenge() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let client = by_password(&registry, "right");

    client.check_login(&registry.host(), "web", "push").await.expect("signed in");
    client.check_login(&registry.host(), "web", "push").await.expect("signed in");

    assert_eq!(registry.log(), "GET /v2/ -> 401\n+GET /v2/ -> 200\n+GET /v2/ -> 200");
}

#[tokio::test]
async fn wrong_password_error_names_its_source() {
    for asks in [Asks::Basic(RIGHT), Asks::Token(RIGHT)] {
        let registry = FakeRegistry::start().await;
        registry.asks(asks.clone());

        let error = refusal(&by_password(&registry, "wrong"), &registry).await;

        let path = if matches!(asks, Asks::Basic(_)) { "/v2/" } else { "/token" };
        assert_eq!(
            plain(&registry, &error),
            format!(
                "cannot sign in to `HOST` as `ci` with the password from `secrets.acr-password`\n\
                 GET http://HOST{path}: 401: UNAUTHORIZED: authentication required"
            )
        );
        assert_eq!(error.retry(), Retry::Never);
    }
}

#[tokio::test]
async fn page_in_the_place_of_a_token_is_named() {
    let html: &[(&str, &str)] = &[("content-type", "text/html; charset=utf-8")];
    let text: &[(&str, &str)] = &[("content-type", "text/plain")];
    for (headers, body, said) in [
        (
            html,
            "<!doctype html><TITLE>Sign in\n to Corp</TITLE>",
            "it is a page, `Sign in to Corp`, not",
        ),
        (html, "<html><p>hello", "it is a page, not"),
        (text, "hello", "it is `text/plain`, not"),
        (&[], "{\"token\": 7}", "it is not"),
        (&[], "", "it is empty, not"),
    ] {
        let registry = FakeRegistry::start().await;
        registry.asks(Asks::Token(RIGHT));
        registry.fault("GET /token", Fault::Answer(200, headers, body.to_owned()));

        let error = refusal(&by_password(&registry, "right"), &registry).await;

        assert_eq!(
            plain(&registry, &error),
            format!(
                "cannot sign in to `HOST`\nGET http://HOST/token: \
                 the answer cannot be read: {said} the JSON of a token"
            )
        );
        assert_eq!(error.retry(), Retry::Never);
        let help = error.help_for("HOST", "push").expect("help");
        assert_eq!(
            help.replace(&registry.host(), "HOST"),
            "something else than the registry may have answered, such as a proxy or a login page; is `HOST` a registry, and the one that you mean?"
        );
    }
}

#[tokio::test]
async fn concurrent_requests_share_one_token() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let target = format!("{}/web:one", registry.host());
    let push = image(&[noise(10, 1), noise(20, 2), noise(30, 3)], folder.path(), &[target]);

    by_password(&registry, "right").push(push, &silent).await.expect("a push");

    let log = registry.log();
    assert_eq!(log.matches("/token").count(), 1, "{log}");
    // One goes ahead to find out; the others wait for it.
    assert_eq!(log.matches("401").count(), 1, "{log}");
}

#[tokio::test]
async fn anonymous_client_is_told_to_sign_in() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));

    let error = refusal(&client(&registry.host(), Login::Anonymous), &registry).await;

    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST`: it asks for a login, and there is none"
    );
}

#[tokio::test]
async fn password_is_not_sent_to_a_token_server_that_the_registry_chose() {
    let registry = FakeRegistry::start().await;
    let challenge =
        &[("www-authenticate", "Bearer realm=\"https://auth.example.com/token\",service=\"x\"")];
    registry.fault("GET /v2/", Fault::Answer(401, challenge, String::new()));

    let error = refusal(&by_password(&registry, "right"), &registry).await;

    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST`: it sends logins to `auth.example.com`, another host"
    );
    let help = error.help_for("HOST", "push").expect("help").replace(&registry.host(), "HOST");
    assert_eq!(
        help,
        "if `auth.example.com` may have the password of `HOST`, name it in the environment \
         variable `SHIPWAY_TOKEN_HOSTS`"
    );
}

#[tokio::test]
async fn unknown_challenge_is_shown() {
    let registry = FakeRegistry::start().await;
    let challenge = &[("www-authenticate", "Negotiate")];
    registry.fault("GET /v2/", Fault::Answer(401, challenge, String::new()));

    let error = refusal(&by_password(&registry, "right"), &registry).await;

    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST`: it offers no supported scheme: `Negotiate`"
    );
}

#[tokio::test]
async fn fresh_token_refused_means_missing_permission() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token(RIGHT));
    let denied = "{\"token\":\"worthless\"}".to_owned();
    registry.fault("GET /token", Fault::Answer(200, &[], denied));

    let error = refusal(&by_password(&registry, "right"), &registry).await;

    assert_eq!(plain(&registry, &error), "cannot sign in to `HOST`: `ci` may not pull `web`");
}

#[tokio::test]
async fn token_claims_reveal_missing_permission() {
    let registry = FakeRegistry::start().await;
    let claims = json!({ "iat": 0, "exp": 900, "access": [
        { "type": "repository", "name": "web", "actions": ["pull"] }] });
    let token = format!("x.{}.y", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let realm = format!("Bearer realm=\"http://{}/token\"", registry.host());
    let headers: &'static [(&str, &str)] =
        Box::leak(Box::new([("www-authenticate", &*realm.leak())]));
    registry.fault("GET /v2/", Fault::Answer(401, headers, String::new()));
    registry.fault("GET /token", Fault::Answer(200, &[], json!({ "token": token }).to_string()));

    let error = refusal(&by_password(&registry, "right"), &registry).await;

    assert_eq!(plain(&registry, &error), "cannot sign in to `HOST`: `ci` may not push `web`");
}

#[tokio::test]
async fn invalid_token_response_is_not_quoted() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token(RIGHT));
    registry.fault("GET /token", Fault::Answer(200, &[], "s3cr3t".to_owned()));

    let error = refusal(&by_password(&registry, "right"), &registry).await;

    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST`\n\
         GET http://HOST/token: the answer cannot be read: it is not the JSON of a token"
    );
}

#[tokio::test]
async fn token_is_fetched_once_per_scope_and_after_expiry() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token(RIGHT));
    let client = by_password(&registry, "right");
    for token in ["short", "long"] {
        registry.takes_token(token);
    }
    registry.fault(
        "GET /token",
        Fault::Answer(200, &[], r#"{"token":"short","expires_in":0}"#.to_owned()),
    );
    registry.fault(
        "GET /token",
        Fault::Answer(200, &[], r#"{"token":"long","expires_in":300}"#.to_owned()),
    );

    for _ in 0..3 {
        client.check_login(&registry.host(), "web", "push").await.expect("signed in");
    }
    client.check_login(&registry.host(), "web", "pull").await.expect("signed in");

    let log = registry.log();
    let scopes: Vec<&str> = log.lines().filter(|line| line.contains("/token")).collect();
    assert_eq!(
        scopes,
        [
            "+GET /token scope=repository:web:pull,push -> 200",
            "+GET /token scope=repository:web:pull,push -> 200",
            "+GET /token scope=repository:web:pull -> 200",
        ]
    );
}

#[test]
fn debug_output_of_logins_has_no_password() {
    let redactor = Redactor::default();
    let password = redactor.adopt("secrets.x", "hunter22".to_owned());
    let login = Login::Basic { username: "ci".to_owned(), password };
    assert_eq!(format!("{login:?}"), "Basic");
}
