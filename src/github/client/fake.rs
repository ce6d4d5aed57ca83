//! A GitHub for tests: scripted answers on loopback, and what was asked.

use super::ask::Client;
use super::repo::Repo;
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

/// What the fake answers to one request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    pub(super) fn json(status: u16, body: &str) -> Self {
        Self { status, headers: vec![], body: body.to_owned() }
    }

    /// With a header, in which `{base}` is the fake's address.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

#[derive(Default)]
struct Script {
    base: String,
    answers: HashMap<String, VecDeque<Answer>>,
    seen: Vec<(Seen, u16)>,
}

type Shared = Arc<Mutex<Script>>;

pub(super) struct FakeGithub {
    script: Shared,
    server: JoinHandle<()>,
}

pub(super) fn repo() -> Repo {
    "o/r".parse().expect("a repository")
}

impl FakeGithub {
    /// Answers each request, named as `GET /path?query`, with its answers in
    /// turn, and anything else with 500.
    pub(super) async fn start(script: &[(&str, Vec<Answer>)]) -> Self {
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

    pub(super) fn base(&self) -> String {
        lock(&self.script).base.clone()
    }

    pub(super) fn client(&self) -> Client {
        self.client_at("")
    }

    pub(super) fn client_at(&self, path: &str) -> Client {
        let settings = Settings { proxy: Proxy::Direct, ..Settings::default() };
        let http = http::Client::new(settings).expect("a client");
        let api = Url::parse(&format!("{}{path}", self.base())).expect("a URL");
        Client::new(&http, api, Redactor::default().adopt("github-token", "ghs_secret".into()))
    }

    /// The conversation, one exchange a line.
    pub(super) fn log(&self) -> String {
        let script = lock(&self.script);
        let lines = script.seen.iter().map(|(seen, status)| format!("{} -> {status}", seen.line));
        lines.collect::<Vec<_>>().join("\n")
    }

    pub(super) fn requests(&self) -> Vec<Seen> {
        lock(&self.script).seen.iter().map(|(seen, _)| seen.clone()).collect()
    }

    /// Ends it, so that nobody listens any more.
    pub(super) async fn stop(self) {
        self.server.abort();
        drop(self.server.await);
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
