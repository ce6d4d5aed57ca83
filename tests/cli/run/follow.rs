//! `verify` with `follow`.

use crate::support::Program;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

/// A server that redirects `/` to `/login`, and `/loop` to itself; its port.
pub fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("a connection"));
            reader.read_line(&mut line).expect("a request");
            let (status, to, body) = match line.split(' ').nth(1) {
                Some("/") => ("302 Found", "/login", ""),
                Some("/loop") => ("302 Found", "/loop", ""),
                Some("/nowhere") => ("302 Found", "", ""),
                _ => ("200 OK", "", "sign in"),
            };
            let length = body.len();
            let location =
                if to.is_empty() { String::new() } else { format!("location: {to}\r\n") };
            let answer = format!(
                "HTTP/1.1 {status}\r\n{location}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).expect("an answer");
        }
    });
    port
}

fn program(verify: &str) -> Program {
    Program::with_plan(&format!(
        "name: shop\nsteps:\n- verify: {{ {verify}, within: 1s, every: 200ms }}\n"
    ))
}

#[test]
fn last_answer_counts_where_redirects_are_followed() {
    let url = format!("http://127.0.0.1:{}", server());
    let expect = "expect: { status: 200, body: { contains: sign in } }";
    program(&format!("http: '{url}/', follow: true, {expect}")).run(&["run"]).exits(0);

    let kept = program(&format!("http: '{url}/', {expect}")).run(&["run"]).exits(4);
    assert!(kept.stderr.contains("< 302\n"), "{}", kept.stderr);
    assert!(!kept.stderr.contains("redirected to"), "{}", kept.stderr);
    // As it is by itself, a redirect is a status below 400.
    program(&format!("http: '{url}/'")).run(&["run"]).exits(0);
}

#[test]
fn failure_shows_where_redirects_led() {
    let url = format!("http://127.0.0.1:{}", server());
    let verify = format!("http: '{url}/', follow: true, expect: {{ body: {{ contains: hello }} }}");
    let failed = program(&verify).run(&["run"]).exits(4);
    let led = format!("> redirected to {url}/login\n");
    assert!(failed.stderr.contains(&led), "{}", failed.stderr);

    let left = program(&format!("http: '{url}/nowhere', follow: true")).run(&["run"]).exits(4);
    let words = "the status is 302, a redirect to no address that can be followed";
    assert!(left.stderr.contains(words), "{}", left.stderr);
    let wanted = format!("http: '{url}/nowhere', follow: true, expect: {{ status: 302 }}");
    program(&wanted).run(&["run"]).exits(0);

    let turning = program(&format!("http: '{url}/loop', follow: true")).run(&["run"]).exits(4);
    assert!(turning.stderr.contains("too many redirects"), "{}", turning.stderr);
}

#[test]
fn only_http_meets_redirects() {
    let refused = program("tcp: '127.0.0.1:9', follow: true").run(&["check"]).exits(2);
    assert_eq!(
        refused.stderr,
        "error[conflicting-keys]: `follow` does not go with `tcp`\n --> shipway.yml:3:33\n  |\n3 | - \
         verify: { tcp: '127.0.0.1:9', follow: true, within: 1s, every: 200ms }\n  |             \
         --- `tcp` is here   ^^^^^^\n  |\n  = help: only `http` meets redirects\n"
    );
}
