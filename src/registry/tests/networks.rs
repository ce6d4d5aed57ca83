//! Registries as companies have them: with certificates of their own authority, and with token
//! servers and storage on private addresses.

use super::tls_proxy::TlsProxy;
use crate::http::{self, Authorities, Route};
use crate::oci::Platform;
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::{chain, image, reference, silent};
use crate::registry::{
    Client, Failure, HostAccess, Login, NamedHosts, PullError, RegistryTiming, Settings,
};
use crate::secret::Redactor;
use std::collections::BTreeMap;

/// The name of the registry behind the proxy.
const NAME: &str = "registry.example";

fn settings(named_hosts: NamedHosts) -> Settings {
    let timing = RegistryTiming { pauses: Vec::new(), ..RegistryTiming::default() };
    Settings { timing, named_hosts, ..Settings::default() }
}

/// A client that trusts these certificates, as `corp.pem`, for one host.
fn trusting(host: &str, pem: &str) -> Client {
    let http = http::Client::new(http::Settings::default()).expect("a client");
    let authorities = Authorities::from_pem("corp.pem", pem.as_bytes()).expect("a certificate");
    let trusting = Some(http.trusting(authorities).expect("a client"));
    let access = HostAccess { login: Login::Anonymous, insecure: false, trusting };
    let hosts = BTreeMap::from([(host.to_owned(), access)]);
    Client::new(http, Redactor::default(), Settings { hosts, ..settings(NamedHosts::default()) })
}

#[tokio::test]
async fn certificates_are_trusted_for_their_registry_alone() {
    let (registry, other) = (FakeRegistry::start().await, FakeRegistry::start().await);
    let (server, other) =
        (TlsProxy::server(registry.host()).await, TlsProxy::server(other.host()).await);
    let folder = tempfile::tempdir().expect("a folder");
    let push =
        |host: &str| image(&[b"layer".to_vec()], folder.path(), &[format!("{host}/web:one")]);

    let client = trusting(&server.host(), server.certificate());
    client.push(push(&server.host()), &silent).await.expect("a push over TLS");
    assert!(registry.log().ends_with("PUT /v2/web/manifests/one -> 201"), "{}", registry.log());

    // The other registry has the certificate of the first in its file.
    let client = trusting(&other.host(), server.certificate());
    let error = client.push(push(&other.host()), &silent).await.expect_err("not trusted");
    let (said, host) = (chain(&error), other.host());
    assert!(said.contains("BadSignature"), "{said}");
    assert_eq!(
        http::Retryable::help(&error).expect("a remedy").replace(&host, "HOST"),
        "neither this machine nor `corp.pem`, the `ca` of `HOST` under `registries`, trusts the \
         authority that signed the certificate of `127.0.0.1`: add its certificate to `corp.pem`"
    );
}

/// The fake as `registry.example`, and the way to it, which leads to private addresses too.
async fn behind(registry: &FakeRegistry) -> TlsProxy {
    TlsProxy::start_for(&[NAME, "10.0.0.5", "10.0.0.7"], registry.host()).await
}

fn client(proxy: &TlsProxy, named: NamedHosts) -> Client {
    let login = Login::Basic {
        username: "user".to_owned(),
        password: Redactor::default().adopt("secrets.password", "right".to_owned()),
    };
    let access = HostAccess { login, insecure: false, trusting: None };
    let hosts = BTreeMap::from([(NAME.to_owned(), access)]);
    Client::new(proxy.client(true), Redactor::default(), Settings { hosts, ..settings(named) })
}

fn named(tokens: &[&str], storage: &[&str]) -> NamedHosts {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NamedHosts { tokens: owned(tokens), storage: owned(storage) }
}

#[tokio::test]
async fn storage_on_a_private_address_is_allowed_by_name() {
    let registry = FakeRegistry::start().await;
    let proxy = behind(&registry).await;
    let folder = tempfile::tempdir().expect("a folder");
    let push = image(&[b"layer".to_vec()], folder.path(), &[format!("{NAME}/web:one")]);
    let pushing = client(&proxy, NamedHosts::default());
    pushing.push(push.clone(), &silent).await.expect("a push");
    let moved = || {
        let to = &[("location", "https://10.0.0.5/v2/web/manifests/one")];
        registry.fault("GET /v2/web/manifests/one", Fault::Answer(307, to, String::new()));
    };
    let wanted = reference(&format!("{NAME}/web:one"));
    let pull = |named: NamedHosts| {
        let (client, wanted, folder) = (client(&proxy, named), wanted.clone(), folder.path());
        async move { client.pull(&wanted, &Platform::default(), folder, &silent).await }
    };

    moved();
    let PullError::Manifest { source, .. } = pull(named(&["10.0.0.5"], &[])).await.expect_err("no")
    else {
        panic!("another error")
    };
    assert_eq!(
        source.to_string(),
        "`registry.example` redirects the request to `https://10.0.0.5/v2/web/manifests/one`, \
         which is not allowed"
    );
    assert_eq!(
        source.help_for(NAME, "pull").as_deref(),
        Some(
            "if `registry.example` keeps its content at `10.0.0.5`, a private address, name \
             `10.0.0.5` in the environment variable `SHIPWAY_STORAGE_HOSTS`; else it names itself \
             wrongly: docker-registry is given its address in `REGISTRY_HTTP_HOST`"
        )
    );

    moved();
    let pulled = pull(named(&[], &["10.0.0.5"])).await.expect("a pull");
    assert_eq!(pulled.manifest.digest, push.manifest.digest);
}

#[tokio::test]
async fn token_server_on_a_private_address_is_allowed_by_name() {
    let registry = FakeRegistry::start().await;
    // `user:right` in base64.
    registry.asks(Asks::Token("dXNlcjpyaWdodA=="));
    let proxy = behind(&registry).await;
    let challenge: &[(&str, &str)] =
        &[("www-authenticate", "Bearer realm=\"https://10.0.0.7/token\",service=\"x\"")];
    let sign_in = |named: NamedHosts| {
        registry.fault("GET /v2/", Fault::Answer(401, challenge, String::new()));
        let client = client(&proxy, named);
        async move { client.check_login(NAME, "web", "push").await }
    };

    let Failure::Login(error) = sign_in(named(&[], &["10.0.0.7"])).await.expect_err("refused")
    else {
        panic!("another error")
    };
    assert_eq!(
        error.to_string(),
        "cannot sign in to `registry.example`: it sends logins to `https://10.0.0.7/token`, which \
         is not allowed"
    );
    assert_eq!(
        http::Retryable::help(&*error).as_deref(),
        Some(
            "if `10.0.0.7`, a private address, is the token server of `registry.example`, name it \
             in the environment variable `SHIPWAY_TOKEN_HOSTS`"
        )
    );

    sign_in(named(&["10.0.0.7"], &[])).await.expect("signed in");
    assert!(registry.log().contains("GET /token"), "{}", registry.log());
}

/// The remedy of an error that came through a proxy.
fn help(error: http::Error) -> String {
    let failure = Failure::from(error.by(Route::through("proxy.example:3128")));
    failure.help_for(NAME, "push").expect("a remedy")
}

#[tokio::test]
async fn proxy_that_may_have_answered_is_named() {
    let url = url::Url::parse("https://registry.example/v2/").expect("a URL");
    let answered = |status, body: &str| http::Error::Status {
        method: "GET".to_owned(),
        url: url.clone().into(),
        route: Route::default(),
        status,
        retry_after: None,
        body: body.to_owned(),
        request_id: None,
    };
    let page = answered(403, "<html>Blocked").by(Route::through("proxy.example:3128"));
    assert_eq!(
        page.to_string(),
        "GET https://registry.example/v2/: 403 through the proxy proxy.example:3128: <html>Blocked"
    );
    assert_eq!(
        help(page),
        "the proxy proxy.example:3128 may have answered and not `registry.example`: ask its \
         operator to let requests to `registry.example` through, or name `registry.example` in \
         `NO_PROXY` if it is reached without a proxy"
    );
    let registry = FakeRegistry::start().await;
    let proxy = TlsProxy::start(NAME, registry.host()).await;
    let client = proxy.client(false);
    let error = client.send(client.direct().get(url)).await.expect_err("not trusted");
    assert_eq!(
        help(error),
        "this machine does not trust the authority that signed the certificate; if the proxy \
         proxy.example:3128 reads the traffic, it is the proxy's: name its certificate file as \
         `ca` of `registry.example` under `registries`, or in `SSL_CERT_FILE`"
    );
}
