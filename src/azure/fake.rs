//! Fakes of Azure's servers: real sockets, TLS under the real host names and
//! scripted replies. Tests assert the log of requests. A fake that goes compares all of them with
//! Microsoft's own descriptions.

#[expect(dead_code, reason = "the tests of the local cloud use the rest")]
#[path = "../../tests/support/azure_described.rs"]
mod described;

use self::described::{DescribedRequest, Operation};
use crate::azure::{Application, Arm, Cloud, Credential, Pacing};
use crate::http::{Client, Proxy, Retryable, SafeUrl, Settings, Trust};
use crate::secret::Redactor;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

/// A request as the server received it.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub method: String,
    /// Host and path, such as `management.azure.com/subscriptions/s`; the path alone of a request
    /// that was sent to [`FakeAzure::address`] itself.
    pub to: String,
    pub query: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// A scripted reply.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Reply {
    /// A reply whose body is JSON text.
    pub fn new(status: u16, body: &str) -> Self {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        Self { status, headers: vec![json], body: body.to_owned() }
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, &body.to_string())
    }

    pub fn html(status: u16, body: &str) -> Self {
        let html = ("content-type".to_owned(), "text/html".to_owned());
        Self { status, headers: vec![html], body: body.to_owned() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type ReplyFn = dyn Fn(&ReceivedRequest) -> Reply + Send + Sync;

/// A proxy that answers for every host.
pub struct FakeAzure {
    pub client: Client,
    /// The address of the proxy, for servers that the environment names.
    pub address: String,
    requests: Arc<Mutex<Vec<(ReceivedRequest, u16)>>>,
}

impl FakeAzure {
    /// Answers every request with the result of `answer`.
    pub async fn start(answer: impl Fn(&ReceivedRequest) -> Reply + Send + Sync + 'static) -> Self {
        let authority = Arc::new(TestAuthority::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let server = Server {
            authority: authority.clone(),
            answer: Arc::new(answer),
            requests: requests.clone(),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                // Clients may disconnect at any time.
                tokio::spawn(async move { drop(server.serve_connection(stream).await) });
            }
        });
        let proxy = Url::parse(&format!("http://{address}")).expect("a URL");
        let client = Client::new(Settings {
            proxy: Proxy::Fixed(SafeUrl::new(proxy)),
            trust: Trust::Only(authority.pem.clone()),
            authorities: None,
            proxy_gone: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(20),
        });
        Self { client: client.expect("a client"), address, requests }
    }

    /// Answers from a table of `METHOD host/path` and its replies in order, the last
    /// one repeated. Any other request is refused with 400, which no client takes for the answer
    /// that something does not exist.
    pub async fn script(table: Vec<(&str, Vec<Reply>)>) -> Self {
        let table: BTreeMap<String, (Vec<Reply>, usize)> = table
            .into_iter()
            .inspect(|(request, replies)| assert!(!replies.is_empty(), "{request}: no reply"))
            .map(|(request, replies)| (request.to_owned(), (replies, 0)))
            .collect();
        let table = Mutex::new(table);
        Self::start(move |request| {
            if request.to.ends_with("/oauth2/v2.0/token") {
                return token();
            }
            let mut table = table.lock().expect("no panic");
            let asked = format!("{} {}", request.method, request.to);
            let Some((replies, next)) = table.get_mut(&asked) else {
                let message = format!("not in the script: {asked}");
                let error = json!({ "error": { "code": "NotScripted", "message": message } });
                return Reply::json(400, &error);
            };
            let reply = replies[(*next).min(replies.len() - 1)].clone();
            *next += 1;
            reply
        })
        .await
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        let requests = self.requests.lock().expect("no panic");
        requests.iter().map(|(request, _)| request.clone()).collect()
    }

    /// One line per request, without those for tokens.
    pub fn log(&self) -> String {
        let mut log = String::new();
        for (request, status) in self.requests.lock().expect("no panic").iter() {
            if !request.to.ends_with("/oauth2/v2.0/token") {
                writeln!(log, "{} {} -> {status}", request.method, request.to)
                    .expect("writing to a string cannot fail");
            }
        }
        log
    }

    /// A credential with a client secret.
    pub fn credential(&self, redactor: &Redactor) -> Credential {
        let application = Application {
            tenant: "tenant-1".into(),
            client_id: "client-1".into(),
            secret: redactor.adopt("test", "s3cr3t-value".into()),
        };
        let endpoints = Cloud::Public.endpoints();
        Credential::client_secret(&self.client, redactor, &endpoints, &application)
            .expect("a tenant and a client")
    }

    /// Resource Manager with waits of milliseconds.
    pub fn arm(&self) -> Arm {
        let credential = self.credential(&Redactor::default());
        let brief = Duration::from_millis(2);
        Arm::new(self.client.clone(), credential, Cloud::Public.endpoints())
            .paced(Pacing { shortest: brief, longest: brief })
    }
}

/// What requests have beside the descriptions, with the reason.
const DIFFERENCES: &[(&str, &str)] = &[
    ("GetSecret: api-version is 7.4", "the oldest that all clouds have"),
    ("api-version is 2025-11-01", "the first stable one that tells of anonymous pulls"),
    ("api-version is 2025-01-01", "the first that tells of the ready revision and its labels"),
    ("api-version is 2025-03-01-preview", "the first that pulls as the caller"),
    ("credentials.sourceRegistry.identity is not described", "2025-03-01-preview has it"),
    ("ContainerApps_Update: body.location is missing", "a merge of what is there (RFC 7396)"),
];

/// A merge removes what is null (RFC 7396).
fn removes(mistake: &str) -> bool {
    mistake.starts_with("ContainerApps_Update: ") && mistake.ends_with(": null")
}

impl Drop for FakeAzure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mistakes: BTreeSet<String> = self.requests().iter().flat_map(mistakes).collect();
        assert!(mistakes.is_empty(), "not as Microsoft describes it: {mistakes:#?}");
    }
}

fn mistakes(request: &ReceivedRequest) -> Vec<String> {
    let ReceivedRequest { method, to, query, body, .. } = request;
    let request = DescribedRequest { method, to, query, body };
    let mut mistakes = Operation::of(request).map_or_else(Vec::new, |it| it.mistakes(request));
    mistakes.retain(|mistake| !removes(mistake));
    mistakes.retain(|mistake| !DIFFERENCES.iter().any(|(named, _)| mistake.ends_with(named)));
    mistakes
}

#[derive(Clone)]
struct Server {
    authority: Arc<TestAuthority>,
    answer: Arc<ReplyFn>,
    requests: Arc<Mutex<Vec<(ReceivedRequest, u16)>>>,
}

impl Server {
    async fn serve_connection(self, mut stream: TcpStream) -> io::Result<()> {
        let Some(first) = read_request(&mut stream).await? else { return Ok(()) };
        if first.method != "CONNECT" {
            self.serve_requests(stream, String::new(), Some(first)).await?;
            return Ok(());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        let host = first.to.rsplit_once(':').map_or(first.to.as_str(), |(host, _)| host).to_owned();
        let stream = self.authority.acceptor(&host).accept(stream).await?;
        self.serve_requests(stream, host, None).await
    }

    async fn serve_requests(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        host: String,
        first: Option<ReceivedRequest>,
    ) -> io::Result<()> {
        let mut next = first;
        loop {
            let request = match next.take() {
                Some(request) => request,
                None => match read_request(&mut stream).await? {
                    Some(request) => request,
                    None => return Ok(()),
                },
            };
            let to = format!("{host}{}", request.to.trim_start_matches("http://"));
            let request = ReceivedRequest { to, ..request };
            let reply = (self.answer)(&request);
            // Only the length of a body is told to HEAD, and a 204 has none (RFC 9110, 9.3.2 and
            // 15.3.5).
            let has_body = reply.status != 204 && request.method != "HEAD";
            self.requests.lock().expect("no panic").push((request, reply.status));
            let mut head = format!("HTTP/1.1 {} scripted\r\n", reply.status);
            for (name, value) in &reply.headers {
                write!(head, "{name}: {value}\r\n").expect("writing to a string cannot fail");
            }
            write!(head, "content-length: {}\r\n\r\n", reply.body.len())
                .expect("writing to a string cannot fail");
            stream.write_all(head.as_bytes()).await?;
            if has_body {
                stream.write_all(reply.body.as_bytes()).await?;
            }
            stream.flush().await?;
        }
    }
}

async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<ReceivedRequest>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut request = lines.next().unwrap_or_default().split(' ');
    let method = request.next().unwrap_or_default().to_owned();
    let target = request.next().unwrap_or_default();
    let (to, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(ReceivedRequest { method, to: to.to_owned(), query: query.to_owned(), headers, body }))
}

struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl TestAuthority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn acceptor(&self, host: &str) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![host.to_owned()]).expect("a host name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a key and its certificate");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// The message of an error, its causes and its help, as commands print them.
pub fn shown(error: &dyn Retryable) -> String {
    let mut lines = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        lines.push(format!("  {error}"));
        cause = error.source();
    }
    lines.extend(error.help().map(|help| format!("help: {help}")));
    lines.join("\n")
}

/// The reply to every request for a token, so that scripts need not list it.
pub fn token() -> Reply {
    Reply::new(200, r#"{"token_type":"Bearer","expires_in":3600,"access_token":"the-token"}"#)
}
