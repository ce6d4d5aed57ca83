//! The proxy on real sockets, with an independent client.

use super::{Dial, Proxy, answer_directly, proxy_login, proxy_url, run, run_for_browsers};
use crate::local::authority::Authority;
use crate::local::cloud_state::CloudState;
use crate::local::inventory::Inventory;
use crate::local::news::Teller;
use crate::local::request_log::{LoggedRequest, RequestLog};
use axum::Router;
use futures::future::BoxFuture;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const WEB: &str = "web.westeurope.azurecontainer.io";

struct Cloud {
    url: reqwest::Url,
    /// The registries' own port.
    direct: SocketAddr,
    /// The port for browsers.
    browser: SocketAddr,
    pem: String,
    log: PathBuf,
    _state: TempDir,
}

impl Cloud {
    async fn start() -> Self {
        Self::with_loopback(false).await
    }

    async fn with_loopback(loopback: bool) -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let initial = serde_json::from_value(json!({
            "registries": [{"host": "demo.azurecr.io", "name": "demo", "resource-group": "g"}],
            "other-registries": [{"host": "127.0.0.1:5000"}],
        }))
        .expect("an initial state");
        let cloud = CloudState::open(state.path().to_owned(), initial, Teller::default());
        let cloud = cloud.expect("a state folder");
        let domains = super::DOMAINS.map(str::to_owned);
        let authority = Arc::new(Authority::new(&domains).expect("an authority"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let password = &cloud.identity().proxy_password;
        let url = proxy_url(password, port).expose().parse().expect("a URL");
        let login = proxy_login(password);
        let (pem, log) = (authority.pem(), cloud.log.path().to_owned());
        let arm = Router::new().fallback(|| async { "arm" });
        let services = cloud.into_services(arm, None).expect("the services");
        let dial = containers().await;
        let inventory = Arc::new(|| Box::pin(async { Inventory::default() }) as BoxFuture<'_, _>);
        let proxy = Proxy { services, authority, dial, login, loopback, inventory };
        let proxy = Arc::new(proxy);
        tokio::spawn(run(Arc::clone(&proxy), listener));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let direct = listener.local_addr().expect("an address");
        tokio::spawn(answer_directly(Arc::clone(&proxy), listener));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let browser = listener.local_addr().expect("an address");
        tokio::spawn(run_for_browsers(proxy, listener));
        Self { url, direct, browser, pem, log, _state: state }
    }

    fn client(&self) -> reqwest::Client {
        self.through(self.url.clone())
    }

    fn through(&self, proxy: reqwest::Url) -> reqwest::Client {
        drop(rustls::crypto::ring::default_provider().install_default());
        let root = reqwest::Certificate::from_pem(self.pem.as_bytes()).expect("a certificate");
        let proxy = reqwest::Proxy::all(proxy).expect("a proxy");
        let builder = reqwest::Client::builder().proxy(proxy).tls_certs_only([root]);
        builder.build().expect("a client")
    }

    /// The request log, without times.
    fn requests(&self) -> Vec<String> {
        let entries = RequestLog::read(&self.log).expect("a log");
        let line = |entry: &LoggedRequest| {
            format!("{} {}{} -> {}", entry.method, entry.host, entry.path, entry.status)
        };
        entries.iter().map(line).collect()
    }
}

/// A container that answers on port 80 with the request that it received, or
/// echoes bytes after an upgrade.
async fn containers() -> Dial {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let answer = if head.to_lowercase().contains("upgrade: echo") {
                    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                                  upgrade: echo\r\n\r\n";
                    stream.write_all(switch.as_bytes()).await?;
                    let (mut reader, mut writer) = stream.split();
                    tokio::io::copy(&mut reader, &mut writer).await?;
                    return Ok(());
                } else {
                    format!("HTTP/1.0 200 OK\r\n\r\n{head}")
                };
                stream.write_all(answer.as_bytes()).await
            });
        }
    });
    Arc::new(move |host, port| {
        Box::pin(async move {
            if host != WEB || port != 80 {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let stream: Box<dyn crate::local::runtime::ByteStream> =
                Box::new(TcpStream::connect(address).await?);
            Ok(stream)
        })
    })
}

#[tokio::test]
async fn page_whose_name_leads_here_gets_nothing_of_the_registries() {
    let cloud = Cloud::start().await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let catalog = format!("http://{}/v2/_catalog", cloud.direct);

    let own = client.get(&catalog).send().await.expect("sent");
    assert_eq!(own.status(), 200);
    let rebound = client.get(&catalog).header("host", "evil.com").send().await.expect("sent");
    assert_eq!(rebound.status(), 421);
    assert_eq!(
        rebound.text().await.expect("text"),
        "shipway local: `evil.com` is not a host of this registry; use 127.0.0.1, localhost or \
         the host of a registry of the local cloud\n"
    );
    let page = client.get(&catalog).header("origin", "https://evil.com").send().await;
    let page = page.expect("sent");
    assert_eq!(page.status(), 421);
    assert_eq!(
        page.text().await.expect("text"),
        "shipway local: pages of `https://evil.com` may not read the registries of the local \
         cloud\n"
    );
    let line = |status: u16| format!("GET direct/v2/_catalog -> {status}");
    assert_eq!(cloud.requests(), [line(200), line(421), line(421)]);
}

#[tokio::test]
async fn services_answer_under_their_real_host_names() {
    let cloud = Cloud::start().await;

    let arm = cloud.client().get("https://management.azure.com/x?api-version=1&sig=secret");
    assert_eq!(arm.send().await.expect("sent").text().await.expect("text"), "arm");
    let ping = cloud.client().get("https://demo.azurecr.io/v2/").send().await.expect("sent");
    assert_eq!(
        ping.headers()["www-authenticate"],
        "Bearer realm=\"https://demo.azurecr.io/oauth2/token\",service=\"demo.azurecr.io\""
    );
    let plain = cloud.client().get("http://127.0.0.1:5000/v2/").send().await.expect("sent");
    assert_eq!(plain.status(), 200);

    assert_eq!(
        cloud.requests(),
        [
            "GET management.azure.com/x?api-version=1 -> 200",
            "GET demo.azurecr.io/v2/ -> 401",
            "GET 127.0.0.1:5000/v2/ -> 200",
        ]
    );
}

#[tokio::test]
async fn requests_without_the_password_are_refused() {
    let cloud = Cloud::start().await;
    let mut url = cloud.url.clone();
    url.set_password(Some("wrong")).expect("a URL that can have one");

    let client = cloud.through(url);
    let refused = client.get(format!("http://{WEB}/")).send().await.expect("sent");

    assert_eq!(refused.status(), 407);
    assert_eq!(refused.headers()["proxy-authenticate"], "Basic realm=\"shipway local\"");
    assert_eq!(
        refused.text().await.expect("text"),
        "shipway local: this proxy has a password, which is in the address that it printed\n"
    );
    assert!(client.get("https://management.azure.com/").send().await.is_err());
    assert_eq!(cloud.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_container_does_not_notice_the_proxy() {
    let cloud = Cloud::start().await;

    let request = cloud.client().get(format!("http://{WEB}/a?b=c")).header("x-own", "kept");
    let answer = request.send().await.expect("sent");
    let seen = answer.text().await.expect("text");

    assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: {WEB}\r\n")), "{seen}");
    assert!(seen.contains("x-own: kept"), "{seen}");
    assert!(!seen.to_lowercase().contains("proxy"), "{seen}");
}

#[tokio::test]
async fn unknown_hosts_are_named_in_the_refusal() {
    let cloud = Cloud::start().await;
    let ask = async |url: &str| {
        let answer = cloud.client().get(url).send().await.expect("sent");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };

    assert_eq!(
        ask("http://example.com/").await,
        (403, "shipway local: `example.com` is not part of the local cloud\n".into())
    );
    assert_eq!(
        ask(&format!("http://{WEB}:8080/")).await,
        (502, format!("shipway local: nothing answers at `{WEB}:8080`: connection refused\n"))
    );
    assert_eq!(
        ask("http://demo.azurecr.io/").await,
        (403, "shipway local: `demo.azurecr.io` is not part of the local cloud\n".into())
    );
}

/// Sends `CONNECT` and returns the connection and the status line.
async fn tunnel(cloud: &Cloud, to: &str) -> (TcpStream, String) {
    use base64::Engine as _;
    let login = format!("shipway:{}", cloud.url.password().expect("a password"));
    let login = base64::engine::general_purpose::STANDARD.encode(login);
    let at = format!("127.0.0.1:{}", cloud.url.port().expect("a port"));
    let mut stream = TcpStream::connect(at).await.expect("connected");
    let request = format!(
        "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: Basic {login}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8(head).expect("text");
    (stream, head.lines().next().expect("a line").to_owned())
}

#[tokio::test]
async fn a_tunnel_to_a_container_carries_raw_bytes() {
    let cloud = Cloud::start().await;
    let (mut stream, line) = tunnel(&cloud, &format!("{WEB}:80")).await;
    assert_eq!(line, "HTTP/1.1 200 OK");

    let upgrade = "GET / HTTP/1.1\r\nhost: x\r\nupgrade: echo\r\n\r\nping";
    stream.write_all(upgrade.as_bytes()).await.expect("sent");
    let mut seen = Vec::new();
    while !seen.ends_with(b"ping") {
        seen.push(stream.read_u8().await.expect("an echo"));
    }

    let (_, line) = tunnel(&cloud, &format!("{WEB}:5432")).await;
    assert_eq!(
        line,
        format!("HTTP/1.1 502 shipway local: nothing answers at `{WEB}:5432`: connection refused")
    );
    let (_, line) = tunnel(&cloud, "example.com:443").await;
    assert_eq!(line, "HTTP/1.1 403 shipway local: `example.com` is not part of the local cloud");
}

#[tokio::test]
async fn an_upgrade_passes_through() {
    let cloud = Cloud::start().await;

    let request = cloud
        .client()
        .get(format!("http://{WEB}/"))
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    let answer = request.send().await.expect("sent");
    assert_eq!(answer.status(), 101);
    let mut upgraded = answer.upgrade().await.expect("upgraded");
    upgraded.write_all(b"hello").await.expect("sent");
    let mut echo = [0; 5];
    upgraded.read_exact(&mut echo).await.expect("an echo");

    assert_eq!(&echo, b"hello");
}

/// A server of this machine, which answers every request with `here`.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let app = Router::new().fallback(|| async { "here" });
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn loopback_is_let_through_where_the_cloud_is_for_other_programs() {
    let server = server().await;
    let cloud = Cloud::with_loopback(true).await;

    let port = server.rsplit_once(':').expect("a port").1;
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}/");
        let answer = cloud.client().get(url).send().await.expect("sent");
        assert_eq!(answer.text().await.expect("text"), "here", "{host}");
    }
    let (mut stream, line) = tunnel(&cloud, &server).await;
    assert_eq!(line, "HTTP/1.1 200 OK");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    assert!(answer.ends_with("here"), "{answer}");
    // A registry of the cloud keeps its address, and nothing else gets out.
    let plain = cloud.client().get("http://127.0.0.1:5000/v2/").send().await.expect("sent");
    assert_eq!(plain.status(), 200);
    for outside in ["http://10.0.0.1/", "http://example.com/", "http://localhost.example.com/"] {
        let refused = cloud.client().get(outside).send().await.expect("sent");
        assert!(matches!(refused.status().as_u16(), 403 | 502), "{outside}");
    }
    let (_, line) = tunnel(&cloud, "127.0.0.1:1").await;
    assert!(
        line.starts_with("HTTP/1.1 502 shipway local: nothing answers at `127.0.0.1:1`: "),
        "{line}"
    );
}

#[tokio::test]
async fn loopback_is_refused_in_a_dry_run() {
    let server = server().await;
    let cloud = Cloud::start().await;

    let refused = cloud.client().get(format!("http://{server}/")).send().await.expect("sent");

    assert_eq!(refused.status(), 403);
    let (_, line) = tunnel(&cloud, &server).await;
    assert_eq!(line, "HTTP/1.1 403 shipway local: `127.0.0.1` is not part of the local cloud");
}

#[tokio::test]
async fn unknown_path_of_the_cloud_itself_is_named() {
    let cloud = Cloud::start().await;

    let refused = cloud.client().get("http://shipway.local/x").send().await.expect("sent");

    assert_eq!(refused.status(), 404);
    assert_eq!(
        refused.text().await.expect("text"),
        "shipway local: the local cloud has an inventory, faults and a head, and no more\n"
    );
}

#[tokio::test]
async fn port_for_browsers_reaches_public_names_without_a_password_and_no_others() {
    let cloud = Cloud::start().await;
    let at = format!("http://{}", cloud.browser);
    let client = cloud.through(at.parse().expect("a URL"));
    let text = async |url: &str| {
        let answer = client.get(url).send().await.expect("sent");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };

    let (status, page) = text(&format!("http://{WEB}/")).await;
    assert_eq!(status, 200);
    assert!(page.starts_with("GET / HTTP/1.1"), "{page}");
    assert_eq!(
        text("http://demo.azurecr.io/v2/").await,
        (
            403,
            "shipway local: `demo.azurecr.io` is not the name of a container group or an app; the \
             proxy with a password reaches the rest of the local cloud\n"
                .to_owned()
        )
    );
    let tunnel = client.get("https://management.azure.com/subscriptions").send().await;
    assert!(tunnel.is_err(), "there is no way to the rest");
    let control = text("http://shipway.local/inventory").await;
    assert_eq!(control.0, 403);

    let direct = reqwest::Client::new();
    let pac = direct.get(format!("{at}/proxy.pac")).send().await.expect("sent");
    assert_eq!(pac.headers()["content-type"], "application/x-ns-proxy-autoconfig");
    let pac = pac.text().await.expect("text");
    assert!(pac.contains(&format!("PROXY {}", cloud.browser)), "{pac}");
    let other = direct.get(format!("{at}/")).send().await.expect("sent");
    assert_eq!(
        (other.status().as_u16(), other.text().await.expect("text").as_str()),
        (404, "shipway local: this port has `/proxy.pac`, and is a proxy\n")
    );
}
