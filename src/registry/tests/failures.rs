//! Each answer of the table of registries in `docs/failures.md`, provoked.

use super::login::entra::azure;
use super::tls_proxy::TlsProxy;
use crate::http::{self, Retry, Retryable as _};
use crate::oci::Platform;
use crate::registry::testing::fake_registry::{Asks, FakeRegistry, Fault};
use crate::registry::testing::images::{client, image, reference, silent};
use crate::registry::{Client, Login, PushError, RegistryTiming, Settings};
use crate::secret::Redactor;
use std::net::TcpListener;
use std::time::Duration;

const AZURE: &str = "demo.azurecr.io";

/// A row of the page: the answer, whether it is asked again, and the remedy.
#[derive(Debug, Eq, PartialEq)]
struct Row {
    answer: String,
    class: String,
    remedy: String,
}

fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/failures.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let table = page.split("<!-- failures: registry -->\n").nth(1).expect("a table");
    let table = table.split("<!-- end -->").next().expect("its end");
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').splitn(3, " | ").map(str::trim).collect();
        let [answer, class, remedy] = *cells.as_slice() else { panic!("{line}") };
        Row { answer: answer.into(), class: class.into(), remedy: remedy.into() }
    };
    table.lines().skip(2).map(row).collect()
}

/// What a failure is shown as, with the name of its registry as on the page.
fn row(answer: &str, registry: &str, retry: Retry, help: Option<String>) -> Row {
    let class = match retry {
        Retry::Never => "fatal",
        Retry::Backoff | Retry::After(_) => "retried",
    };
    let remedy = help.expect("a remedy").replace(registry, "REGISTRY");
    Row { answer: answer.into(), class: class.into(), remedy }
}

/// A client that sends each request once, and waits a moment for each answer.
fn impatient(http: http::Client) -> Client {
    let timing = RegistryTiming { pauses: Vec::new(), ..RegistryTiming::default() };
    Client::new(http, Redactor::default(), Settings { timing, ..Settings::default() })
}

fn direct() -> Client {
    let settings =
        http::Settings { read_timeout: Duration::from_millis(300), ..http::Settings::default() };
    impatient(http::Client::new(settings).expect("a client"))
}

async fn pushed(client: &Client, host: &str) -> PushError {
    let folder = tempfile::tempdir().expect("a folder");
    let push = image(&[b"layer".to_vec()], folder.path(), &[format!("{host}/web:one")]);
    client.push(push, &silent).await.expect_err("it goes wrong")
}

/// The row of a push to the fake that meets `fault` at each upload.
async fn at_upload(answer: &str, fault: impl Fn() -> Fault) -> Row {
    let registry = FakeRegistry::start().await;
    for _ in 0..4 {
        registry.fault("POST", fault());
    }
    let error = pushed(&direct(), &registry.host()).await;
    row(answer, &registry.host(), error.retry(), error.help())
}

fn status(status: u16) -> Fault {
    Fault::Answer(status, &[], "no".to_owned())
}

/// A registry of Azure with a login that it takes, which answers 403 to `requests`.
async fn forbidding(requests: &str) -> (FakeRegistry, Client, TlsProxy) {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token("of-entra"));
    for _ in 0..4 {
        registry.fault(requests, status(403));
    }
    let (client, proxy) = azure(&registry, true).await;
    (registry, client, proxy)
}

async fn azure_push() -> Row {
    let (_registry, client, _proxy) = forbidding("POST /v2/").await;
    let error = pushed(&client, AZURE).await;
    row("403 to a push", "demo", error.retry(), error.help())
}

async fn azure_pull() -> Row {
    let (_registry, client, _proxy) = forbidding("GET /v2/web/manifests/").await;
    let (folder, platform) = (tempfile::tempdir().expect("a folder"), Platform::default());
    let wanted = reference(&format!("{AZURE}/web:one"));
    let pulled = client.pull(&wanted, &platform, folder.path(), &silent).await;
    let error = pulled.expect_err("it goes wrong");
    row("403 to a pull", "demo", error.retry(), error.help())
}

/// The row of a push to a host that is not reached.
async fn unreachable(answer: &str, host: &str, registry: &str) -> Row {
    let error = pushed(&direct(), host).await;
    row(answer, registry, error.retry(), error.help())
}

async fn refused() -> Row {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("bound").to_string();
    drop(listener);
    unreachable("connection refused", &host, &host).await
}

/// The row of a push by TLS to a server with a certificate for `name`, which is trusted or not.
async fn by_tls(answer: &str, name: &str, trusting: bool) -> Row {
    let registry = FakeRegistry::start().await;
    let proxy = TlsProxy::start(name, registry.host()).await;
    let error = pushed(&impatient(proxy.client(trusting)), "registry.example").await;
    row(answer, "registry.example", error.retry(), error.help())
}

/// The row of a login page in the place of a token.
async fn page() -> Row {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token("user:right"));
    let html: &[(&str, &str)] = &[("content-type", "text/html")];
    registry.fault("GET /token", Fault::Answer(200, html, "<html>Sign in".to_owned()));
    let client = client(&registry.host(), Login::Anonymous);
    let error = client.check_login(&registry.host(), "web", "push").await.expect_err("no token");
    let help = error.help_for(&registry.host(), "push");
    row("what no registry answers", &registry.host(), error.retry(), help)
}

/// The row of a server that takes a request and answers nothing.
async fn silence() -> Row {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("bound").to_string();
    unreachable("no answer in time", &host, &host).await
}

#[tokio::test]
async fn each_answer_of_a_registry_has_the_remedy_of_the_page() {
    let missing = "no-registry-of-azure-has-this-name";
    let provoked = [
        azure_pull().await,
        azure_push().await,
        at_upload("403, elsewhere", || status(403)).await,
        at_upload("404", || status(404)).await,
        at_upload("429", || status(429)).await,
        at_upload("500, 502, 503, 504", || status(503)).await,
        unreachable("no such host", "registry.invalid", "registry.invalid").await,
        unreachable("no such host, in Azure", &format!("{missing}.azurecr.io"), missing).await,
        refused().await,
        by_tls("unknown authority", "registry.example", false).await,
        by_tls("no TLS, or another certificate", "other.example", true).await,
        at_upload("broken connection", || Fault::ResetAfter(0)).await,
        page().await,
        silence().await,
    ];

    assert_eq!(rows().as_slice(), provoked);
}
