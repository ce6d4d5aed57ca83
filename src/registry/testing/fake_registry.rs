//! A registry with scripted faults. It keeps blobs and manifests in memory and can
//! ask for a login.
//!
//! Its log of requests is the assertion of most tests: see [`FakeRegistry::log`].

use crate::oci::Digest;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// How one request fails.
#[derive(Clone)]
pub enum Fault {
    /// Answers with this status, these headers and this body.
    Answer(u16, &'static [(&'static str, &'static str)], String),
    /// Answers as usual, but with this status.
    Status(u16),
    /// Answers as usual with this header replaced; an empty value removes it.
    Header(&'static str, String),
    /// Closes the connection after so many bytes of the request's body.
    ResetAfter(usize),
    /// Like `ResetAfter`, but an upload keeps those bytes.
    BreakAfter(usize),
    /// Stops reading after so many bytes of the request's body.
    Hang(usize),
    /// Closes the connection after so many bytes of the response's body.
    CutAfter(usize),
    /// Stops after so many bytes of the response's body until it is notified.
    Hold(usize, Arc<Notify>),
}

/// The login that the registry asks for.
#[derive(Clone, Default)]
pub enum Asks {
    #[default]
    Nothing,
    /// HTTP Basic with this `user:password` in base64.
    Basic(&'static str),
    /// A token from the registry's `/token`, given for this `user:password`.
    Token(&'static str),
}

#[derive(Default)]
struct Store {
    blobs: BTreeMap<(String, String), Vec<u8>>,
    manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    uploads: BTreeMap<u32, Vec<u8>>,
    next: u32,
    tokens: u32,
    /// Whether a blob may be sent with the request that opens its upload.
    single: bool,
    good: BTreeSet<String>,
}

#[derive(Default)]
struct State {
    log: Mutex<Vec<String>>,
    names: Mutex<Vec<(String, String)>>,
    faults: Mutex<Vec<(String, Fault)>>,
    store: Mutex<Store>,
    asks: Mutex<Asks>,
    limits: Mutex<Vec<(&'static str, usize, u16)>>,
    flights: Mutex<Flights>,
    turn: watch::Sender<u32>,
    connections: AtomicU32,
}

#[derive(Default)]
struct Flights {
    sizes: VecDeque<usize>,
    waiting: usize,
}

struct Asked {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A running registry. Dropping it stops it.
pub struct FakeRegistry {
    address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeRegistry {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State::default());
        let shared = state.clone();
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let state = shared.clone();
                state.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move { state.serve(stream).await });
            }
        });
        Self { address, state, task }
    }

    /// Host and port, `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Makes the next request that begins like this (`PUT /v2/web/blobs/`) fail.
    pub fn fault(&self, request: &str, fault: Fault) {
        locked(&self.state.faults).push((request.to_owned(), fault));
    }

    pub fn asks(&self, asks: Asks) {
        *locked(&self.state.asks) = asks;
    }

    /// Answers requests whose body has more bytes with a status.
    pub fn limit(&self, method: &'static str, bytes: usize, status: u16) {
        locked(&self.state.limits).push((method, bytes, status));
    }

    /// Accepts a blob with the request that opens its upload.
    pub fn takes_single_posts(&self) {
        locked(&self.state.store).single = true;
    }

    /// Edits the bytes that have arrived of each upload.
    pub fn spoil_uploads(&self) {
        for bytes in locked(&self.state.store).uploads.values_mut() {
            bytes.fill(0);
        }
    }

    /// Removes all blobs, manifests and uploads.
    pub fn wipe(&self) {
        let mut store = locked(&self.state.store);
        *store = Store { next: store.next, single: store.single, ..Store::default() };
    }

    /// Accepts a token that the registry has not issued.
    pub fn takes_token(&self, token: &str) {
        locked(&self.state.store).good.insert(token.to_owned());
    }

    /// The number of connections so far.
    pub fn connections(&self) -> u32 {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Revokes every issued token.
    pub fn forget_tokens(&self) {
        locked(&self.state.store).good.clear();
    }

    /// Answers only once so many requests wait at the same time; one number for
    /// each round trip.
    pub fn flights(&self, sizes: &[usize]) {
        locked(&self.state.flights).sizes = sizes.iter().copied().collect();
    }

    /// Shows a digest as `name` in the log.
    pub fn call(&self, digest: &Digest, name: &str) {
        locked(&self.state.names).push((digest.to_string(), name.to_owned()));
    }

    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let key = (repository.to_owned(), digest.to_string());
        locked(&self.state.store).blobs.insert(key, bytes.to_vec());
        digest
    }

    pub fn remove_blob(&self, repository: &str, digest: &Digest) {
        let key = (repository.to_owned(), digest.to_string());
        locked(&self.state.store).blobs.remove(&key);
    }

    pub fn put_manifest(&self, repository: &str, tag: &str, of: (&str, &[u8])) -> Digest {
        let digest = Digest::of(of.1);
        let manifests = &mut locked(&self.state.store).manifests;
        for name in [tag, digest.as_str()] {
            let key = (repository.to_owned(), name.to_owned());
            manifests.insert(key, (of.0.to_owned(), of.1.to_vec()));
        }
        digest
    }

    pub fn has_manifest(&self, repository: &str, name: &str) -> bool {
        let key = (repository.to_owned(), name.to_owned());
        locked(&self.state.store).manifests.contains_key(&key)
    }

    /// Takes the requests so far, a line `METHOD path -> status` each, with `+` in
    /// front if the request carried a login.
    pub fn log(&self) -> String {
        std::mem::take(&mut *locked(&self.state.log)).join("\n")
    }

    /// Like [`Self::log`] but sorted, for concurrent requests.
    pub fn sorted_log(&self) -> String {
        let mut log = std::mem::take(&mut *locked(&self.state.log));
        log.sort();
        log.join("\n")
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics in here")
}

impl State {
    async fn serve(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        // Tests break connections on purpose.
        while let Ok(Some(())) = self.one(&mut stream).await {}
    }

    async fn one(&self, stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<()>> {
        let Some(mut asked) = read_head(stream).await? else { return Ok(None) };
        let fault = self.take_fault(&asked);
        let length =
            asked.headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        let stop = match &fault {
            Some(Fault::ResetAfter(bytes) | Fault::BreakAfter(bytes) | Fault::Hang(bytes)) => {
                Some(*bytes)
            }
            _ => None,
        };
        asked.body = vec![0; stop.unwrap_or(length)];
        stream.read_exact(&mut asked.body).await?;
        match &fault {
            Some(Fault::ResetAfter(_)) => {
                self.note(&asked, "reset");
                return Ok(None);
            }
            Some(Fault::BreakAfter(_)) => {
                drop(self.usual(&asked));
                self.note(&asked, "reset");
                return Ok(None);
            }
            Some(Fault::Hang(_)) => {
                self.note(&asked, "silence");
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        self.gate().await;
        let hold = match &fault {
            Some(Fault::Hold(bytes, let_go)) => Some((*bytes, Arc::clone(let_go))),
            _ => None,
        };
        let sends = ["POST", "PUT", "PATCH"].contains(&asked.method.as_str());
        let (answer, cut) = if sends && !asked.headers.contains_key("content-length") {
            // As Azure's registries do.
            (error(400, "CONTENT_LENGTH_INVALID", "there is no content length"), None)
        } else {
            self.with_fault(&asked, fault)
        };
        self.note(&asked, &answer.status.to_string());
        let mut headers = answer.headers.clone();
        if !headers.iter().any(|(name, _)| name == "content-length") {
            headers.push(("content-length".into(), answer.body.len().to_string()));
        }
        let headers: String =
            headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
        let head = format!("HTTP/1.1 {} X\r\n{headers}", answer.status);
        stream.write_all(format!("{head}\r\n").as_bytes()).await?;
        let body: &[u8] = if asked.method == "HEAD" { &[] } else { &answer.body };
        let sent = cut.unwrap_or(body.len()).min(body.len());
        let (first, let_go) = hold.unzip();
        let first = first.unwrap_or_default().min(sent);
        stream.write_all(&body[..first]).await?;
        if let Some(let_go) = let_go {
            stream.flush().await?;
            let_go.notified().await;
        }
        stream.write_all(&body[first..sent]).await?;
        stream.flush().await?;
        Ok((sent == body.len()).then_some(()))
    }

    fn with_fault(&self, asked: &Asked, fault: Option<Fault>) -> (Answer, Option<usize>) {
        if let Some(Fault::Answer(status, headers, body)) = fault {
            let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            return (Answer { status, headers: headers.collect(), body: body.into() }, None);
        }
        let too_large = locked(&self.limits)
            .iter()
            .find(|(method, bytes, _)| *method == asked.method && asked.body.len() > *bytes)
            .copied();
        if let Some((_, _, status)) = too_large {
            return (error(status, "SIZE_INVALID", "too large"), None);
        }
        let mut answer = self.usual(asked);
        match fault {
            Some(Fault::Status(status)) => answer.status = status,
            Some(Fault::Header(name, value)) => {
                answer.headers.retain(|(other, _)| other != name);
                if !value.is_empty() {
                    answer.headers.push((name.to_owned(), value));
                }
            }
            Some(Fault::CutAfter(bytes)) => return (answer, Some(bytes)),
            _ => {}
        }
        (answer, None)
    }

    fn take_fault(&self, asked: &Asked) -> Option<Fault> {
        let line = format!("{} {}", asked.method, asked.path);
        let mut faults = locked(&self.faults);
        let at = faults.iter().position(|(request, _)| line.starts_with(request.as_str()))?;
        Some(faults.remove(at).1)
    }

    async fn gate(&self) {
        let mut turns = self.turn.subscribe();
        {
            let mut flights = locked(&self.flights);
            let Some(size) = flights.sizes.front().copied() else { return };
            flights.waiting += 1;
            if flights.waiting == size {
                flights.sizes.pop_front();
                flights.waiting = 0;
                self.turn.send_modify(|turn| *turn += 1);
                return;
            }
        }
        turns.changed().await.expect("the state lives as long as its connections");
    }

    fn note(&self, asked: &Asked, outcome: &str) {
        let mut path = asked.path.clone();
        if let Some((start, rest)) = path.split_once("/blobs/uploads/") {
            // The number of an upload depends on the order of concurrent requests.
            path = format!("{start}/blobs/uploads/{}", if rest.is_empty() { "" } else { "*" });
        }
        for key in ["mount", "from", "digest", "scope", "last"] {
            path.extend(asked.query.get(key).into_iter().flat_map(|it| [" ", key, "=", it]));
        }
        for key in ["content-range", "range"] {
            path.extend(asked.headers.get(key).into_iter().flat_map(|it| [" ", it]));
        }
        for (digest, name) in locked(&self.names).iter() {
            path = path.replace(digest, name);
        }
        let login = if asked.headers.contains_key("authorization") { "+" } else { "" };
        locked(&self.log).push(format!("{login}{} {path} -> {outcome}", asked.method));
    }

    fn usual(&self, asked: &Asked) -> Answer {
        if asked.path == "/token" || asked.path.starts_with("/oauth2/") {
            return self.token(asked);
        }
        if let Some(refused) = self.refuse(asked) {
            return refused;
        }
        let path = asked.path.trim_start_matches("/v2/");
        let store = &mut *locked(&self.store);
        if path.is_empty() {
            return answer(200, &[], "{}");
        }
        if let Some((repository, id)) = path.split_once("/blobs/uploads/") {
            return upload(store, asked, repository, id);
        }
        if let Some((repository, digest)) = path.split_once("/blobs/") {
            return match store.blobs.get(&(repository.to_owned(), digest.to_owned())) {
                Some(bytes) => part_of(asked, digest, bytes),
                None => error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
            };
        }
        if let Some((repository, name)) = path.split_once("/manifests/") {
            return manifest(store, asked, repository, name);
        }
        error(404, "NAME_UNKNOWN", "repository name not known to registry")
    }

    fn refuse(&self, asked: &Asked) -> Option<Answer> {
        let asks = locked(&self.asks).clone();
        let sent = asked.headers.get("authorization").map_or("", String::as_str);
        let host = asked.headers.get("host").map_or("", String::as_str);
        let challenge = match asks {
            Asks::Nothing => return None,
            Asks::Basic(login) if sent == format!("Basic {login}") => return None,
            Asks::Basic(_) => "Basic realm=\"here\"".to_owned(),
            Asks::Token(_) => {
                let token = sent.trim_start_matches("Bearer ");
                if locked(&self.store).good.contains(token) {
                    return None;
                }
                format!("Bearer realm=\"http://{host}/token\",service=\"fake\"")
            }
        };
        let mut refused = error(401, "UNAUTHORIZED", "authentication required");
        refused.headers.push(("www-authenticate".into(), challenge));
        Some(refused)
    }

    fn token(&self, asked: &Asked) -> Answer {
        let form = String::from_utf8_lossy(&asked.body).into_owned();
        let sent = asked.headers.get("authorization").map_or("", String::as_str);
        let known = match locked(&self.asks).clone() {
            Asks::Token(login) => sent == format!("Basic {login}") || form.contains(login),
            Asks::Nothing | Asks::Basic(_) => false,
        };
        if !known {
            return error(401, "UNAUTHORIZED", "authentication required");
        }
        let mut store = locked(&self.store);
        store.tokens += 1;
        let token = format!("token-{}", store.tokens);
        if asked.path == "/oauth2/exchange" {
            return answer(200, &[], &format!(r#"{{"refresh_token":"{token}-{form}"}}"#));
        }
        store.good.insert(token.clone());
        answer(200, &[], &format!(r#"{{"access_token":"{token}","expires_in":300}}"#))
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
    answer(status, &[], &body)
}

fn part_of(asked: &Asked, digest: &str, bytes: &[u8]) -> Answer {
    let from: usize = asked
        .headers
        .get("range")
        .and_then(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().ok())
        .unwrap_or(0);
    let mut answer = answer(if from > 0 { 206 } else { 200 }, &[], "");
    answer.body = bytes[from..].to_vec();
    answer.headers.push(("docker-content-digest".into(), digest.into()));
    if from > 0 {
        let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
        answer.headers.push(("content-range".into(), range));
    }
    if asked.method == "HEAD" {
        answer.headers.push(("content-length".into(), bytes.len().to_string()));
    }
    answer
}

fn upload(store: &mut Store, asked: &Asked, repository: &str, id: &str) -> Answer {
    if asked.method == "POST" {
        if let (Some(digest), Some(from)) = (asked.query.get("mount"), asked.query.get("from"))
            && let Some(bytes) = store.blobs.get(&(from.clone(), digest.clone())).cloned()
        {
            store.blobs.insert((repository.to_owned(), digest.clone()), bytes);
            return answer(201, &[], "");
        }
        if let Some(digest) = asked.query.get("digest")
            && store.single
        {
            let key = (repository.to_owned(), digest.clone());
            assert_eq!(*digest, Digest::of(&asked.body).to_string(), "what it says it is");
            store.blobs.insert(key, asked.body.clone());
            return answer(201, &[("docker-content-digest", digest)], "");
        }
        store.next += 1;
        store.uploads.insert(store.next, Vec::new());
        // As distribution does: the state is in the query.
        let location = format!("/v2/{repository}/blobs/uploads/{}?_state=a%2Bb%3D=", store.next);
        return answer(202, &[("location", &location)], "");
    }
    if asked.query.get("_state").map(String::as_str) != Some("a%2Bb%3D=") {
        return error(400, "BLOB_UPLOAD_INVALID", "the state is lost");
    }
    let Some(bytes) = id.parse().ok().and_then(|id: u32| store.uploads.get_mut(&id)) else {
        return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    };
    if asked.method == "PATCH" {
        let from = asked.headers.get("content-range").and_then(|it| it.split_once('-'));
        if from.and_then(|(from, _)| from.parse().ok()) != Some(bytes.len()) {
            return error(416, "RANGE_INVALID", "invalid content range");
        }
    }
    bytes.extend_from_slice(&asked.body);
    let location = format!("/v2/{repository}/blobs/uploads/{id}?_state=a%2Bb%3D=");
    let range = format!("0-{}", bytes.len().saturating_sub(1));
    let headers = [("location", location.as_str()), ("range", range.as_str())];
    match asked.method.as_str() {
        "PATCH" => answer(202, &headers, ""),
        "GET" => answer(204, &headers, ""),
        _ => {
            let digest = Digest::of(bytes).to_string();
            let (said, bytes) = (asked.query.get("digest").cloned(), bytes.clone());
            if said.map(|it| it.replace("%3A", ":")) != Some(digest.clone()) {
                return error(400, "DIGEST_INVALID", "provided digest did not match content");
            }
            store.blobs.insert((repository.to_owned(), digest.clone()), bytes);
            answer(201, &[("docker-content-digest", &digest)], "")
        }
    }
}

fn manifest(store: &mut Store, asked: &Asked, repository: &str, name: &str) -> Answer {
    let key = (repository.to_owned(), name.to_owned());
    if asked.method == "PUT" {
        let text = String::from_utf8_lossy(&asked.body);
        // As distribution does: one error for each.
        let unknown: Vec<String> = text
            .match_indices("sha256:")
            .filter_map(|(at, _)| text.get(at..at + 71))
            .filter(|it| {
                let key = (repository.to_owned(), (*it).to_owned());
                !store.blobs.contains_key(&key) && !store.manifests.contains_key(&key)
            })
            .map(|it| format!(r#"{{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry","detail":{{"digest":"{it}"}}}}"#))
            .collect();
        if !unknown.is_empty() {
            return answer(404, &[], &format!(r#"{{"errors":[{}]}}"#, unknown.join(",")));
        }
        let kind = asked.headers.get("content-type").cloned().unwrap_or_default();
        let digest = Digest::of(&asked.body).to_string();
        store.manifests.insert(key, (kind.clone(), asked.body.clone()));
        store.manifests.insert((repository.to_owned(), digest.clone()), (kind, asked.body.clone()));
        return answer(201, &[("docker-content-digest", &digest), ("location", "/")], "");
    }
    if asked.method == "DELETE" {
        return answer(if store.manifests.remove(&key).is_some() { 202 } else { 404 }, &[], "");
    }
    let Some((kind, bytes)) = store.manifests.get(&key) else {
        return error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    };
    let mut answer = part_of(asked, Digest::of(bytes).as_str(), bytes);
    answer.headers.push(("content-type".into(), kind.clone()));
    answer
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Not decoded: a client has to send it back unchanged.
        let plain = value.replace("%3A", ":").replace("%2C", ",").replace("%2F", "/");
        (name.to_owned(), if name == "_state" { value.to_owned() } else { plain })
    };
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let query = query.split('&').filter(|it| !it.is_empty()).map(pair).collect();
    Ok(Some(Asked { method, path: path.to_owned(), query, headers, body: Vec::new() }))
}
