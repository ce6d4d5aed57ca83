//! Signing in, and the errors when it fails.

use super::tls_proxy::TlsProxy;
use crate::http::{Retry, Retryable as _};
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::{
    chain, client, client_with, image, noise, reference, silent,
};
use crate::registry::{
    Client, EntraTokens, Failure, Login, RegistryTiming, Settings, StoredLogins,
};
use crate::secret::{Redactor, Secret};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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

struct Entra {
    asked: AtomicU32,
    redactor: Redactor,
}

#[async_trait]
impl EntraTokens for Entra {
    async fn token(&self, scope: &str) -> Result<Secret, Box<dyn crate::http::Retryable>> {
        assert_eq!(scope, "https://containerregistry.azure.net/.default");
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.redactor.adopt("entra", "of-entra".to_owned()))
    }

    fn tenant(&self) -> Option<String> {
        Some("tenant-1".to_owned())
    }
}

#[tokio::test]
async fn entra_token_is_exchanged_once() {
    let registry = FakeRegistry::start().await;
    // Both the exchange and what it becomes carry this.
    registry.asks(Asks::Token("of-entra"));
    let entra = Arc::new(Entra { asked: AtomicU32::new(0), redactor: Redactor::default() });
    let client = client(&registry.host(), Login::Entra(entra.clone()));

    client.check_login(&registry.host(), "web", "push").await.expect("signed in");
    client.check_login(&registry.host(), "api", "push").await.expect("signed in");

    assert_eq!(
        registry.log(),
        "\
GET /v2/ -> 401
POST /oauth2/exchange -> 200
POST /token -> 200
+GET /v2/ -> 200
POST /token -> 200
+GET /v2/ -> 200"
    );
    assert_eq!(entra.asked.load(Ordering::Relaxed), 1);
}

/// A client of `demo.azurecr.io`, which is the fake behind a proxy.
async fn azure(registry: &FakeRegistry, trusting: bool) -> (Client, TlsProxy) {
    let proxy = TlsProxy::start("demo.azurecr.io", registry.host()).await;
    let entra = Arc::new(Entra { asked: AtomicU32::new(0), redactor: Redactor::default() });
    let timing = RegistryTiming { pauses: Vec::new(), ..RegistryTiming::default() };
    let settings = Settings { azure: Some(entra), timing, ..Settings::default() };
    let client = Client::new(proxy.client(trusting), Redactor::default(), settings);
    (client, proxy)
}

#[tokio::test]
async fn azure_registry_login_needs_no_challenge() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token("of-entra"));
    let (client, _proxy) = azure(&registry, true).await;

    client.check_login("demo.azurecr.io", "web", "push").await.expect("signed in");

    assert_eq!(
        registry.log(),
        "POST /oauth2/exchange -> 200\nPOST /oauth2/token -> 200\n+GET /v2/ -> 200"
    );
}

#[tokio::test]
async fn host_named_like_azure_falls_back_to_the_challenge() {
    let registry = FakeRegistry::start().await;
    registry.fault("POST /oauth2/exchange", Fault::Answer(404, &[], String::new()));
    let (client, _proxy) = azure(&registry, true).await;

    client.check_login("demo.azurecr.io", "web", "push").await.expect("open to all");

    assert_eq!(registry.log(), "POST /oauth2/exchange -> 404\nGET /v2/ -> 200");
}

#[tokio::test]
async fn unknown_entra_identity_is_explained() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token("of-another-user"));
    let (client, _proxy) = azure(&registry, true).await;

    let error = client.check_login("demo.azurecr.io", "web", "push").await.expect_err("unknown");

    assert_eq!(
        chain(&error),
        "cannot sign in to `demo.azurecr.io` with Entra ID\n\
         POST https://demo.azurecr.io/oauth2/exchange: 401: UNAUTHORIZED: authentication required"
    );
    let Failure::Login(error) = error else { panic!("a login") };
    assert_eq!(
        error.help().as_deref(),
        Some(
            "the identity is not known to the tenant of `demo.azurecr.io`; check the tenant you are signed in to"
        )
    );
}

#[tokio::test]
async fn untrusted_certificate_is_refused() {
    let registry = FakeRegistry::start().await;
    let (client, _proxy) = azure(&registry, false).await;

    let wanted = reference("demo.azurecr.io/web:one");
    let folder = tempfile::tempdir().expect("a folder");
    let push = image(&[], folder.path(), &[wanted.to_string()]);
    let error = client.push(push, &silent).await.expect_err("not trusted");

    assert_eq!(error.to_string(), "cannot check what `demo.azurecr.io/web` holds");
    assert_eq!(
        error.help().as_deref(),
        Some(
            "this machine does not trust the authority that signed the certificate of `demo.azurecr.io`: name its certificate file in `SSL_CERT_FILE`"
        )
    );
    assert_eq!(registry.log(), "");
}

#[tokio::test]
async fn identity_token_is_exchanged() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token("refresh_token=of-docker"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(".docker/config.json");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let auths = json!({ "auths": { registry.host(): {
        "auth": STANDARD.encode("00000000-0000-0000-0000-000000000000:"),
        "identitytoken": "of-docker" } } });
    std::fs::write(&file, auths.to_string()).expect("a file");

    let client = stored(&registry, folder.path(), &[]);
    client.check_login(&registry.host(), "web", "push").await.expect("signed in");

    assert_eq!(registry.log(), "GET /v2/ -> 401\nPOST /token -> 200\n+GET /v2/ -> 200");
}

/// Writes a credential helper and the configuration that names it.
fn helper(folder: &std::path::Path, host: &str, script: &str) -> String {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    let program = bin.join("docker-credential-fake");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a file");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let config = json!({ "credHelpers": { host: "fake" } });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("a file");
    format!("{}:/usr/bin:/bin", bin.display())
}

#[tokio::test]
async fn credential_helper_is_run() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"test "$1" = get || exit 7
read -r host
test -n "$host" || exit 8
echo "{\"ServerURL\":\"$host\",\"Username\":\"ci\",\"Secret\":\"right\"}""#;
    let path = helper(folder.path(), &registry.host(), script);
    let config = folder.path().to_str().expect("text");

    let client = stored(&registry, folder.path(), &[("DOCKER_CONFIG", config), ("PATH", &path)]);

    client.check_login(&registry.host(), "web", "push").await.expect("signed in");
}

#[tokio::test]
async fn credential_helper_may_be_empty_or_broken() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().to_str().expect("text").to_owned();
    let host = registry.host();

    let path =
        helper(folder.path(), &host, "echo credentials not found in native keychain; exit 1");
    let client = stored(&registry, folder.path(), &[("DOCKER_CONFIG", &config), ("PATH", &path)]);
    let error = refusal(&client, &registry).await;
    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST`: it asks for a login, and there is none"
    );

    let path = helper(folder.path(), &host, "echo the keychain is locked >&2; exit 1");
    let client = stored(&registry, folder.path(), &[("DOCKER_CONFIG", &config), ("PATH", &path)]);
    let error = refusal(&client, &registry).await;
    assert_eq!(
        plain(&registry, &error),
        "cannot ask `docker-credential-fake` for the login to `HOST`\nthe keychain is locked"
    );

    let client =
        stored(&registry, folder.path(), &[("DOCKER_CONFIG", &config), ("PATH", "/nowhere")]);
    let Failure::Login(error) = refusal(&client, &registry).await else { panic!("a login") };
    assert_eq!(
        error.help().expect("help").replace(&config, "FOLDER").replace(&host, "HOST"),
        "`FOLDER/config.json` names the helper `docker-credential-fake`, which is not installed; \
         name a login for `HOST` under `registries`, or run `docker login HOST`"
    );
}

#[tokio::test]
async fn invalid_login_file_is_named() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("auth.json");
    let name = file.to_str().expect("text");
    for (text, reason) in [
        ("{", "it is not a login file (`config.json`), line 1".to_owned()),
        (
            &json!({ "auths": { registry.host(): { "auth": "s3cr3t!" } } }).to_string(),
            "an `auth` is not base64 of `user:password`".to_owned(),
        ),
    ] {
        std::fs::write(&file, text).expect("a file");
        let client = stored(&registry, folder.path(), &[("REGISTRY_AUTH_FILE", name)]);

        let error = refusal(&client, &registry).await;

        assert_eq!(
            plain(&registry, &error).replace(name, "FILE"),
            format!("cannot read the stored logins in `FILE`\n{reason}")
        );
    }
}

#[tokio::test]
async fn login_is_found_beside_invalid_entries() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("auth.json");
    let name = file.to_str().expect("text");
    let config = json!({
        "auths": { "other.example": "?", registry.host(): { "auth": RIGHT, "username": null } },
        "credHelpers": null,
    });
    std::fs::write(&file, config.to_string()).expect("a file");

    let client = stored(&registry, folder.path(), &[("REGISTRY_AUTH_FILE", name)]);

    client.check_login(&registry.host(), "web", "push").await.expect("signed in");
}

#[tokio::test]
async fn login_from_the_environment_comes_first() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let host = registry.host();
    let auth = |auth: &str| json!({ "auths": { (&host): { "auth": auth } } }).to_string();
    std::fs::write(folder.path().join("config.json"), auth(&STANDARD.encode("ci:old")))
        .expect("a file");
    let docker = ("DOCKER_CONFIG", folder.path().to_str().expect("text"));
    let with =
        |value: &str| stored(&registry, folder.path(), &[("DOCKER_AUTH_CONFIG", value), docker]);

    with(&auth(RIGHT)).check_login(&host, "web", "push").await.expect("signed in");

    let error = refusal(&with(&auth(&STANDARD.encode("ci:wrong"))), &registry).await;
    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST` as `ci` with the password from `env.DOCKER_AUTH_CONFIG`\n\
         GET http://HOST/v2/: 401: UNAUTHORIZED: authentication required"
    );
    // What is elsewhere alone is found there.
    let error = refusal(&with(r#"{ "auths": {} }"#), &registry).await;
    assert!(plain(&registry, &error).contains("/config.json`"), "{error}");

    let Failure::Login(error) = refusal(&with("s3cr3t"), &registry).await else {
        panic!("a login")
    };
    assert_eq!(
        plain(&registry, &error),
        "cannot read the stored logins in the variable `DOCKER_AUTH_CONFIG`\n\
         it is not a login file (`config.json`), line 1"
    );
    assert_eq!(
        error.help().as_deref(),
        Some(
            "repair or unset `DOCKER_AUTH_CONFIG`, or name a login for the host under `registries`"
        )
    );
}

#[tokio::test]
async fn fifo_in_place_of_a_login_file_does_not_block() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("auth.json");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let name = fifo.to_str().expect("text");

    let client = stored(&registry, folder.path(), &[("REGISTRY_AUTH_FILE", name)]);
    let error = refusal(&client, &registry).await;
    assert_eq!(
        plain(&registry, &error).replace(name, "FILE"),
        "cannot read the stored logins in `FILE`\nit is no regular file"
    );

    let client = stored(&registry, folder.path(), &[("REGISTRY_AUTH_FILE", "/dev/null")]);
    let error = refusal(&client, &registry).await;
    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST`: it asks for a login, and there is none"
    );
}

#[tokio::test]
async fn podman_login_of_a_repository_applies_to_it_only() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let podman = folder.path().join("containers/auth.json");
    std::fs::create_dir_all(podman.parent().expect("a folder")).expect("a folder");
    let auths = json!({ "auths": {
        format!("{}/team", registry.host()): { "auth": RIGHT },
        registry.host(): { "auth": STANDARD.encode("ci:wrong") },
    } });
    std::fs::write(&podman, auths.to_string()).expect("a file");
    let runtime = folder.path().to_str().expect("text");

    let client = stored(&registry, folder.path(), &[("XDG_RUNTIME_DIR", runtime)]);

    client.check_login(&registry.host(), "team/web", "push").await.expect("signed in");
    client.check_login(&registry.host(), "other", "push").await.expect_err("another login");
}

#[tokio::test]
async fn every_stored_login_format_is_read() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let host = registry.host();
    let ways = [
        json!({ "auths": { host.clone(): { "auth": RIGHT } } }),
        json!({ "auths": { format!("https://{host}/v2/"): { "auth": RIGHT } } }),
        json!({ "auths": { host.clone(): { "username": "ci", "password": "right" } } }),
        json!({ "auths": { host.clone(): {} }, "credsStore": "fake" }),
        json!({ "credHelpers": { host.clone(): "fake" }, "credsStore": "another" }),
    ];
    for config in ways {
        let folder = tempfile::tempdir().expect("a folder");
        let script = r#"read -r host; echo '{"Username":"ci","Secret":"right"}'"#;
        let path = helper(folder.path(), &host, script);
        let file = folder.path().join("config.json");
        std::fs::write(&file, config.to_string()).expect("a file");
        let text = |path: &std::path::Path| path.to_str().expect("text").to_owned();
        let (file, folder_name) = (text(&file), text(folder.path()));

        // Docker's place and podman's.
        for env in [
            [("DOCKER_CONFIG", folder_name.as_str()), ("PATH", &path)],
            [("REGISTRY_AUTH_FILE", file.as_str()), ("PATH", &path)],
        ] {
            let client = stored(&registry, std::path::Path::new("/nowhere"), &env);
            client.check_login(&host, "web", "push").await.expect("signed in");
        }
    }
}

#[tokio::test]
async fn identity_token_from_a_helper_is_exchanged() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token("refresh_token=of-a-helper"));
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"read -r host; echo '{"Username":"<token>","Secret":"of-a-helper"}'"#;
    let path = helper(folder.path(), &registry.host(), script);
    let config = folder.path().to_str().expect("text");

    let client = stored(&registry, folder.path(), &[("DOCKER_CONFIG", config), ("PATH", &path)]);

    client.check_login(&registry.host(), "web", "push").await.expect("signed in");
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
