//! A small web server: one file, no dependencies, one static binary.
//!
//! `GET /` gives the page in the image; `GET /version` the version that was
//! deployed, which the image itself does not know: it is the same in staging.

use std::env;
use std::fs;
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
    println!("{request}");
    let (status, body) = match request.split(' ').nth(1).unwrap_or("/") {
        "/" => ("200 OK", fs::read_to_string("/srv/public/index.html").unwrap_or_default()),
        "/version" => ("200 OK", env::var("VERSION").unwrap_or_default()),
        _ => ("404 Not Found", "there is nothing here\n".to_owned()),
    };
    let length = body.len();
    let mut writer = stream;
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n");
    write!(writer, "{head}\r\n{body}").ok()
}
