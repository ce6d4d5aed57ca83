//! A fake GitHub for tests: scripted answers on loopback, and a log of requests. A request
//! that GitHub's description of its API does not allow fails the test.

mod described;

use super::repo::Repo;
use super::request::Client;
use crate::http::{self, Proxy, Settings};
use crate::secret::Redactor;
use ::http::HeaderMap;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http_body_util::BodyExt as _;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    pub fn json(status: u16, body: &str) -> Self {
        Self { status, headers: vec![], body: body.to_owned() }
    }

    /// Adds a header, in which `{base}` becomes the address of the fake.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: HeaderMap,
    pub body: String,
}

#[derive(Default)]
struct Script {
    base: String,
    answers: HashMap<String, VecDeque<Answer>>,
    seen: Vec<(Seen, u16)>,
}

type Shared = Arc<Mutex<Script>>;

pub struct FakeGithub {
    script: Shared,
    server: JoinHandle<()>,
}

pub fn repo() -> Repo {
    "o/r".parse().expect("a repository")
}

impl FakeGithub {
    /// Answers each request, named as `GET /path?query`, with its answers in
    /// turn, and anything else with 500.
    pub async fn start(script: &[(&str, Vec<Answer>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let answers =
            script.iter().map(|(name, answers)| ((*name).to_owned(), answers.clone().into()));
        let script =
            Arc::new(Mutex::new(Script { base, answers: answers.collect(), seen: vec![] }));
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&script));
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("the server runs until it is stopped");
        });
        Self { script, server }
    }

    pub fn base(&self) -> String {
        lock(&self.script).base.clone()
    }

    pub fn client(&self) -> Client {
        self.client_at("")
    }

    pub fn client_at(&self, path: &str) -> Client {
        let settings = Settings { proxy: Proxy::Direct, ..Settings::default() };
        let http = http::Client::new(settings).expect("a client");
        let api = Url::parse(&format!("{}{path}", self.base())).expect("a URL");
        Client::new(&http, api, Redactor::default().adopt("github-token", "ghs_secret".into()))
    }

    /// All exchanges, one a line.
    pub fn log(&self) -> String {
        let script = lock(&self.script);
        let lines = script.seen.iter().map(|(seen, status)| format!("{} -> {status}", seen.line));
        lines.collect::<Vec<_>>().join("\n")
    }

    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.script).seen.iter().map(|(seen, _)| seen.clone()).collect()
    }

    /// Stops it, so that its port is closed.
    pub async fn stop(mut self) {
        self.server.abort();
        drop((&mut self.server).await);
    }
}

impl Drop for FakeGithub {
    fn drop(&mut self) {
        self.server.abort();
        if !std::thread::panicking() {
            let mistakes: Vec<_> = self
                .requests()
                .iter()
                .flat_map(|seen| {
                    described::mistakes(seen).into_iter().map(|it| format!("{}: {it}", seen.line))
                })
                .collect();
            assert!(mistakes.is_empty(), "{mistakes:#?}");
        }
    }
}

fn lock(script: &Shared) -> std::sync::MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(script): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    let line = format!("{} {}", parts.method, parts.uri);
    let mut script = lock(&script);
    let next = script.answers.get_mut(&line).and_then(VecDeque::pop_front);
    let next = next.unwrap_or_else(|| Answer::json(500, r#"{"message":"not in the script"}"#));
    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
    script.seen.push((Seen { line, headers: parts.headers, body }, next.status));
    let mut response = Response::builder().status(next.status);
    for (name, value) in next.headers {
        response = response.header(name, value.replace("{base}", &script.base));
    }
    response.body(Body::from(next.body)).expect("an answer")
}
