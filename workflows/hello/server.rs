//! A small web server: one file, no dependencies, one static binary.
//!
//! `GET /` greets; `GET /healthz` tells as JSON which commit is running.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

fn main() {
    let port = env::var("PORT").unwrap_or_else(|_| "80".into());
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).expect("the port is free");
    println!("listening on port {port}");
    for stream in listener.incoming().flatten() {
        thread::spawn(move || answer(&stream));
    }
}

/// Answers one request and closes the connection.
fn answer(stream: &TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next()?.ok()?;
    // The headers say nothing of interest here, but they must be read.
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let path = request.split(' ').nth(1).unwrap_or("/");
    println!("{request}");
    let commit = env::var("COMMIT").unwrap_or_default();
    let (status, kind, body) = match path {
        "/" => ("200 OK", "text/plain", "hello from shipway\n".to_owned()),
        "/healthz" => ("200 OK", "application/json", format!("{{\"commit\":\"{commit}\"}}\n")),
        _ => ("404 Not Found", "text/plain", "there is nothing here\n".to_owned()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n");
    let mut writer = stream;
    write!(writer, "{head}connection: close\r\n\r\n{body}").ok()
}
