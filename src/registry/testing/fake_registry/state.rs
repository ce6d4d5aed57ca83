//! The state of the registry, and how it serves a connection.

use super::store::{Store, manifest, part_of, upload};
use super::wire::{Answer, Asked, answer, error, read_head};
use super::{Asks, Fault};
use std::collections::VecDeque;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

#[derive(Default)]
pub struct State {
    pub log: Mutex<Vec<String>>,
    pub names: Mutex<Vec<(String, String)>>,
    pub faults: Mutex<Vec<(String, Fault)>>,
    pub store: Mutex<Store>,
    pub asks: Mutex<Asks>,
    pub limits: Mutex<Vec<(&'static str, usize, u16)>>,
    pub flights: Mutex<Flights>,
    pub turn: watch::Sender<u32>,
    pub connections: AtomicU32,
}

#[derive(Default)]
pub struct Flights {
    pub sizes: VecDeque<usize>,
    pub waiting: usize,
}

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics in here")
}

impl State {
    pub async fn serve(&self, stream: TcpStream) {
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
