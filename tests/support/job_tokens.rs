//! The tokens of GitHub that a runner gives to a job which may ask for them.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The endpoint of a runner for tokens of its job.
pub struct TokenEndpoint {
    pub url: String,
    asked: Arc<Mutex<Vec<[String; 2]>>>,
}

impl TokenEndpoint {
    /// The first request meets the fault.
    pub fn start(fault: Option<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            let mut fault = fault;
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                log.lock().expect("no panic").push(request(&stream));
                answer(stream, fault.take());
            }
        });
        Self { url: format!("http://{address}/token?api-version=2.0"), asked }
    }

    /// The first line of each request so far, and its authorization.
    pub fn asked(&self) -> Vec<[String; 2]> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn request(stream: &TcpStream) -> [String; 2] {
    let lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let authorization =
        lines.iter().find(|line| line.to_ascii_lowercase().starts_with("authorization:"));
    [lines[0].clone(), authorization.cloned().unwrap_or_default()]
}

fn answer(mut stream: TcpStream, fault: Option<Value>) {
    let (status, more, body) = match fault {
        None => (200, String::new(), json!({ "value": "header.claims.signature" }).to_string()),
        Some(fault) if fault["reset"] == true => return,
        Some(fault) => {
            let wait = fault["retry-after"].as_u64();
            let more = wait.map(|secs| format!("retry-after: {secs}\r\n")).unwrap_or_default();
            (fault["status"].as_u64().expect("a status"), more, String::new())
        }
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n{body}"
    )
    .expect("it is read");
}
