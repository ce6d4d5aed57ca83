//! Signing in to a registry of Azure with Entra ID.

use crate::http::Retryable as _;
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::{chain, client, client_of, image, reference, silent};
use crate::registry::tests::tls_proxy::TlsProxy;
use crate::registry::{Client, EntraTokens, Failure, Login, NamedHosts, RegistryTiming, Settings};
use crate::secret::{Redactor, Secret};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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
    let client = naming(&registry, entra.clone());

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

/// A client that signs in to the fake with Entra ID, which the operator named.
fn naming(registry: &FakeRegistry, entra: Arc<Entra>) -> Client {
    let tokens = vec!["127.0.0.1".to_owned()];
    let named_hosts = NamedHosts { tokens, ..NamedHosts::default() };
    let settings = Settings { named_hosts, ..Settings::default() };
    client_of(&registry.host(), Login::Entra(entra), &Redactor::default(), settings)
}

#[tokio::test]
async fn entra_token_is_not_sent_to_a_registry_that_is_not_of_azure() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token("of-entra"));
    let entra = Arc::new(Entra { asked: AtomicU32::new(0), redactor: Redactor::default() });
    let client = client(&registry.host(), Login::Entra(entra.clone()));

    let error = client.check_login(&registry.host(), "web", "push").await.expect_err("refused");

    let host = registry.host();
    let shown = chain(&error).replace(&host, "HOST");
    assert!(
        shown.ends_with("cannot sign in to `HOST` with Entra ID: it is no registry of Azure"),
        "{shown}"
    );
    let Failure::Login(refused) = &error else { panic!("{error:?}") };
    assert_eq!(
        refused.help().expect("a remedy").replace(&host, "HOST"),
        "name another `login` for it; if it is one, with a domain of its own, name `HOST` in the \
         environment variable `SHIPWAY_TOKEN_HOSTS`"
    );
    assert_eq!(entra.asked.load(Ordering::Relaxed), 0);
    assert_eq!(registry.log(), "GET /v2/ -> 401");
}

/// A client of `demo.azurecr.io`, which is the fake behind a proxy.
pub async fn azure(registry: &FakeRegistry, trusting: bool) -> (Client, TlsProxy) {
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
            "this machine does not trust the authority that signed the certificate of `demo.azurecr.io`: name its certificate file as `ca` of `demo.azurecr.io` under `registries`, or in `SSL_CERT_FILE`"
        )
    );
    assert_eq!(registry.log(), "");
}
