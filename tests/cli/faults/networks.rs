//! Registries behind networks as companies have them: proxies that answer in the place of a
//! registry, and certificates of an authority that no machine trusts by itself.

use crate::support::{Finished, Program};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

const HOST: &str = "registry.example.com";

fn plan(registry: &str) -> Program {
    Program::with_plan(&format!(
        "name: corp
report: none
registries: {{ {HOST}: {registry} }}
steps:
  - build: {{ layers: [{{ from: page, to: /page }}] }}
  - tag: {HOST}/web:v1
  - push:
"
    ))
    .file("page", "hello")
}

/// A proxy that gives every request this answer, until the test ends; its `HOST:PORT`.
fn proxy(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            // The program may hang up at any time.
            if stream.read(&mut head).is_ok_and(|read| read > 0) {
                drop(stream.write_all(answer.as_bytes()));
            }
        }
    });
    address
}

/// Runs the plan behind a proxy with a login, which must not be shown.
fn behind(variable: &str, proxy: &str, program: Program) -> Finished {
    let program = program.env(variable, &format!("http://me:hunter22@{proxy}"));
    let finished = program.run(&["run"]).exits(3);
    assert!(!finished.stderr.contains("hunter22"), "{}", finished.stderr);
    finished
}

#[test]
fn proxy_that_refuses_its_login_is_named() {
    let proxy = proxy("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
    behind("HTTPS_PROXY", &proxy, plan("{}")).says_in_order(&[
        &format!("cannot sign in to `{HOST}`"),
        &format!("GET https://{HOST}/v2/: no answer through the proxy {proxy}"),
        &format!(
            "help: the proxy {proxy} asks for a login: write it into the proxy's variable, as in \
             `HTTPS_PROXY=http://USER:PASSWORD@{proxy}`"
        ),
    ]);
}

#[test]
fn page_of_a_proxy_is_told_with_its_name() {
    let proxy = proxy(
        "HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: 20\r\n\r\n\
         <html>Blocked</html>",
    );
    behind("HTTP_PROXY", &proxy, plan("{ insecure: true }")).says_in_order(&[
        &format!("cannot sign in to `{HOST}`"),
        &format!("GET http://{HOST}/v2/: 403 through the proxy {proxy}: <html>Blocked</html>"),
        &format!(
            "help: the proxy {proxy} may have answered and not `{HOST}`: ask its operator to let \
             requests to `{HOST}` through, or name `{HOST}` in `NO_PROXY` if it is reached without \
             a proxy"
        ),
    ]);
}

#[test]
fn certificates_that_cannot_be_trusted_are_an_error_before_anything_is_done() {
    let refused = |program: Program, said: &[&str]| {
        program.run(&["run"]).exits(3).says_in_order(said);
    };
    let help = "name a file of the repository, relative to the plan's folder";
    refused(
        plan("{ ca: certs/corp.pem }"),
        &[
            "cannot read `certs/corp.pem`, the `ca` of `registry.example.com`",
            "No such file or directory",
            help,
        ],
    );
    refused(
        plan("{ ca: /etc/passwd }"),
        &["cannot read `/etc/passwd`", "it is outside of the folder of the plan", help],
    );
    refused(
        plan("{ ca: page }"),
        &[
            "cannot trust `page`, the `ca` of `registry.example.com`",
            "it has no certificate in PEM",
            "help: `ca` is a file with certificates in PEM, which begin with `-----BEGIN \
             CERTIFICATE-----`; `openssl x509 -inform der -in FILE -out FILE.pem` makes one of DER",
        ],
    );
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    refused(
        plan("{ ca: damaged.pem }").file("damaged.pem", damaged),
        &["cannot trust `damaged.pem`", "no certificate in it can be read"],
    );
}
