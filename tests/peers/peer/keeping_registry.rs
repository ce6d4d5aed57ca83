//! A registry that keeps the state of an upload when its connection breaks. It
//! hashes and counts bodies and stores nothing, since they are too large for
//! memory.

use sha2::{Digest as _, Sha256};
use shipway::testing::oci::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// The registry. Its threads end with the test.
pub struct KeepingRegistry {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    uploads: BTreeMap<usize, (Sha256, u64)>,
    there: BTreeSet<String>,
    received: u64,
    log: Vec<String>,
}

struct Asked {
    method: String,
    path: String,
    length: u64,
    from: Option<u64>,
}

impl KeepingRegistry {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    /// Host and port, `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// How many bytes of blobs have arrived.
    pub fn received(&self) -> u64 {
        locked(&self.state).received
    }

    /// What was asked so far, `METHOD path`, from the first byte of a range.
    pub fn log(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.state).log)
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no test panics in here")
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut stream = BufReader::with_capacity(1 << 20, stream);
    while let Some(asked) = read(&mut stream) {
        let from = asked.from.map(|from| format!(" {from}")).unwrap_or_default();
        locked(state).log.push(format!("{} {}{from}", asked.method, asked.path));
        let Some((status, headers)) = answer(&asked, &mut stream, state) else { return };
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{headers}\r\n");
        if stream.get_mut().write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let mut asked = Asked { method: words.next()?, path: words.next()?, length: 0, from: None };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { return Some(asked) };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => asked.length = value.trim().parse().ok()?,
            "content-range" => asked.from = value.trim().split_once('-')?.0.parse().ok(),
            _ => {}
        }
    }
}

/// The response, `None` at the end of the connection.
fn answer(
    asked: &Asked,
    stream: &mut BufReader<TcpStream>,
    state: &Mutex<State>,
) -> Option<(u16, String)> {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let upload = path.rsplit_once("/uploads/").and_then(|(_, id)| id.parse::<usize>().ok());
    if let Some(id) = upload {
        let size = locked(state).uploads.get(&id).map(|(_, size)| *size)?;
        if asked.from.is_some_and(|from| from != size) {
            return Some((416, String::new()));
        }
        take(asked.length, stream, state, Some(id))?;
        let mut state = locked(state);
        let (hash, size) = state.uploads.get(&id).cloned()?;
        let place = format!("location: {path}\r\nrange: 0-{}\r\n", size.saturating_sub(1));
        return Some(match asked.method.as_str() {
            "PATCH" => (202, place),
            "GET" => (204, place),
            _ => {
                let digest = Digest::from_sha256(&hash.finalize());
                let right = query.ends_with(digest.hex());
                state.there.insert(digest.to_string());
                (if right { 201 } else { 400 }, String::new())
            }
        });
    }
    let mut manifest = Vec::new();
    if asked.method == "PUT" {
        manifest.resize(usize::try_from(asked.length).ok()?, 0);
        stream.read_exact(&mut manifest).ok()?;
    } else {
        take(asked.length, stream, state, None)?;
    }
    let mut state = locked(state);
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    Some(match asked.method.as_str() {
        "POST" => {
            let id = state.uploads.len();
            state.uploads.insert(id, (Sha256::new(), 0));
            (202, format!("location: /v2/web/blobs/uploads/{id}\r\n"))
        }
        "PUT" => {
            state.there.insert(name);
            (201, format!("docker-content-digest: {}\r\n", Digest::of(&manifest)))
        }
        _ if name.is_empty() || state.there.contains(&name) => (200, String::new()),
        _ => (404, String::new()),
    })
}

/// Reads a body of this length into the upload.
fn take(
    mut left: u64,
    stream: &mut BufReader<TcpStream>,
    state: &Mutex<State>,
    upload: Option<usize>,
) -> Option<()> {
    let mut piece = vec![0; 1 << 20];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        let count = stream.read(&mut piece[..most]).ok().filter(|count| *count > 0)?;
        left -= count as u64;
        let mut state = locked(state);
        if let Some((hash, size)) = upload.and_then(|id| state.uploads.get_mut(&id)) {
            hash.update(&piece[..count]);
            *size += count as u64;
            state.received += count as u64;
        }
    }
    Some(())
}
