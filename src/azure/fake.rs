//! Fakes of Azure's servers: real sockets, TLS under the real host names and
//! scripted replies. Tests assert the log of requests.

use crate::azure::{Application, Arm, Cloud, Credential, Pacing};
use crate::http::{Client, Proxy, Retryable, SafeUrl, Settings, Trust};
use crate::secret::Redactor;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::collections::BTreeMap;
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
pub struct Asked {
    pub method: String,
    /// Host and path, such as `management.azure.com/subscriptions/s`.
    pub to: String,
    pub query: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Reply {
    pub fn new(status: u16, body: &str) -> Self {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        Self { status, headers: vec![json], body: body.to_owned() }
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, &body.to_string())
    }

    pub fn text(status: u16, body: &str) -> Self {
        let html = ("content-type".to_owned(), "text/html".to_owned());
        Self { status, headers: vec![html], body: body.to_owned() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type ReplyTo = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A proxy that answers for every host.
pub struct Fake {
    pub client: Client,
    /// The address of the proxy, for servers that the environment names.
    pub address: String,
    asked: Arc<Mutex<Vec<(Asked, u16)>>>,
}

impl Fake {
    /// Answers every request with the result of `answer`.
    pub async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let authority = Arc::new(Authority::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server =
            Server { authority: authority.clone(), answer: Arc::new(answer), asked: asked.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                // A client that disconnects must not end the others.
                tokio::spawn(async move { drop(server.accept(stream).await) });
            }
        });
        let proxy = Url::parse(&format!("http://{address}")).expect("a URL");
        let client = Client::new(Settings {
            proxy: Proxy::Fixed(SafeUrl::new(proxy)),
            trust: Trust::Only(authority.pem.clone()),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(20),
        });
        Self { client: client.expect("a client"), address, asked }
    }

    /// Answers from a table of `METHOD host/path` and its replies in order, the last
    /// one repeated. Any other request is answered with 404.
    pub async fn script(table: Vec<(&str, Vec<Reply>)>) -> Self {
        let table: BTreeMap<String, (Vec<Reply>, usize)> = table
            .into_iter()
            .map(|(request, replies)| (request.to_owned(), (replies, 0)))
            .collect();
        let table = Mutex::new(table);
        Self::start(move |asked| {
            if asked.to.ends_with("/oauth2/v2.0/token") {
                return token();
            }
            let mut table = table.lock().expect("no panic");
            let Some((replies, next)) = table.get_mut(&format!("{} {}", asked.method, asked.to))
            else {
                return Reply::text(404, "not in the script");
            };
            let reply = replies[(*next).min(replies.len() - 1)].clone();
            *next += 1;
            reply
        })
        .await
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().expect("no panic");
        asked.iter().map(|(asked, _)| asked.clone()).collect()
    }

    /// One line per request, without those for tokens.
    pub fn log(&self) -> String {
        let mut log = String::new();
        for (asked, status) in self.asked.lock().expect("no panic").iter() {
            if !asked.to.ends_with("/oauth2/v2.0/token") {
                writeln!(log, "{} {} -> {status}", asked.method, asked.to).expect("a string");
            }
        }
        log
    }
}

#[derive(Clone)]
struct Server {
    authority: Arc<Authority>,
    answer: Arc<ReplyTo>,
    asked: Arc<Mutex<Vec<(Asked, u16)>>>,
}

impl Server {
    async fn accept(self, mut stream: TcpStream) -> io::Result<()> {
        let Some(first) = read(&mut stream).await? else { return Ok(()) };
        if first.method != "CONNECT" {
            self.converse(stream, String::new(), Some(first)).await?;
            return Ok(());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        let host = first.to.rsplit_once(':').map_or(first.to.as_str(), |(host, _)| host).to_owned();
        let stream = self.authority.acceptor(&host).accept(stream).await?;
        self.converse(stream, host, None).await
    }

    async fn converse(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        host: String,
        first: Option<Asked>,
    ) -> io::Result<()> {
        let mut next = first;
        loop {
            let asked = match next.take() {
                Some(asked) => asked,
                None => match read(&mut stream).await? {
                    Some(asked) => asked,
                    None => return Ok(()),
                },
            };
            let to = format!("{host}{}", asked.to.trim_start_matches("http://"));
            let asked = Asked { to, ..asked };
            let reply = (self.answer)(&asked);
            self.asked.lock().expect("no panic").push((asked, reply.status));
            let mut head = format!("HTTP/1.1 {} scripted\r\n", reply.status);
            for (name, value) in &reply.headers {
                write!(head, "{name}: {value}\r\n").expect("a string");
            }
            write!(head, "content-length: {}\r\n\r\n", reply.body.len()).expect("a string");
            stream.write_all(head.as_bytes()).await?;
            if reply.status != 204 {
                stream.write_all(reply.body.as_bytes()).await?;
            }
            stream.flush().await?;
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Asked>> {
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
    Ok(Some(Asked { method, to: to.to_owned(), query: query.to_owned(), headers, body }))
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
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

/// An error as people see it: message, causes, help.
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

impl Fake {
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
