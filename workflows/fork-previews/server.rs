//! A web server that says which pull request it is a preview of, and which commit it was
//! compiled from.

use std::env::var;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

const COMMIT: &str = env!("COMMIT");

fn main() {
    let listener = TcpListener::bind("0.0.0.0:80").expect("port 80 is free");
    println!("listening on port 80");
    for stream in listener.incoming().flatten() {
        answer(&stream);
    }
}

/// Answers one request and closes the connection.
fn answer(stream: &TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    // What is asked for does not matter, but it must be read.
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let number = var("PULL_REQUEST").unwrap_or_default();
    let page = format!("pull request {number}, commit {COMMIT}\n");
    let length = page.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n");
    let mut writer = stream;
    write!(writer, "{head}\r\n{page}").ok()
}
