//! `verify` where a cache on the way answers.

use crate::support::Program;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

/// A server that answers with each of these values of `age` in turn, and with the last of
/// them from then on; its URL. An empty one stands for an answer of the service itself.
fn server(ages: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for (index, stream) in listener.incoming().enumerate() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a connection"));
            reader.read_line(&mut String::new()).expect("a request");
            let age = match ages[index.min(ages.len() - 1)] {
                "" => String::new(),
                age => format!("age: {age}\r\n"),
            };
            let answer =
                format!("HTTP/1.1 200 OK\r\n{age}content-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("an answer");
        }
    });
    format!("http://{address}/")
}

fn program(url: &str) -> Program {
    Program::with_plan(&format!(
        "name: shop\nsteps:\n- verify: {{ http: '{url}', within: 1s, every: 200ms }}\n"
    ))
}

#[test]
fn answer_that_a_cache_has_kept_since_before_the_check_does_not_pass() {
    let url = server(&["86400"]);

    let failed = program(&url).run(&["run"]).exits(4);

    let words = "a cache on the way answered with what it has kept for 86400 s, from before this \
                 check; `verify: /` asks the service itself";
    assert!(failed.stderr.contains(words), "{}", failed.stderr);
    assert!(failed.stderr.contains("< age: 86400\n"), "{}", failed.stderr);
}

#[test]
fn answer_of_the_service_or_from_during_the_check_passes() {
    for ages in [&["86400", "86400", ""], &["86400", "86400", "0"], &["86400", "1", "1"]] {
        program(&server(ages)).run(&["run"]).exits(0);
    }
}
