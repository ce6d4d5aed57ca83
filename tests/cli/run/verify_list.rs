//! `verify` with a list of addresses, of which the first that holds is taken.

use crate::cli::run::follow::server;
use crate::support::Program;

fn program(verify: &str) -> Program {
    Program::with_plan(&format!(
        "name: shop\nsteps:\n- verify: {{ {verify}, within: 400ms, every: 200ms }}\n- run: echo \
         asked \"$URL\"\n  env: {{ URL: \"${{{{ steps.verify.outputs.url }}}}\" }}\n"
    ))
}

#[test]
fn first_address_that_holds_is_taken() {
    let url = format!("http://127.0.0.1:{}", server());
    let expect = "expect: { status: 200 }";
    let done = program(&format!("http: ['{url}/', '{url}/page', '{url}/login'], {expect}"));
    let done = done.run(&["run"]).exits(0);
    assert!(done.stderr.contains(&format!("asked {url}/page\n")), "{}", done.stderr);

    let one = program(&format!("http: ['{url}/page'], {expect}")).run(&["run"]).exits(0);
    assert!(one.stderr.contains(&format!("asked {url}/page\n")), "{}", one.stderr);
}

#[test]
fn failure_says_of_each_address_what_it_lacks() {
    let url = format!("http://127.0.0.1:{}", server());
    let verify = format!("http: ['{url}/', '{url}/page'], expect: {{ status: 404 }}");
    let failed = program(&verify).run(&["run"]).exits(4);
    let words = format!(
        "{url}/ or {url}/page did not answer as expected within 0.4 s, asked 2 times\n      {url}/: the \
         status is 302, not 404; {url}/page: the status is 200, not 404"
    );
    assert!(failed.stderr.contains(&words), "{}", failed.stderr);
    let help = format!("`curl -v '{url}/' '{url}/page'`");
    assert!(failed.stderr.contains(&help), "{}", failed.stderr);
    assert!(failed.stderr.contains("> GET /page\n"), "{}", failed.stderr);

    let silent = "http: ['http://127.0.0.1:9/a', 'http://127.0.0.1:9/b']";
    let silent = program(silent).run(&["run"]).exits(4);
    let words = "nothing listens on port 9 of 127.0.0.1, asked 2 times within 0.4 s";
    assert!(silent.stderr.contains(words), "{}", silent.stderr);

    let mixed = format!("http: ['http://127.0.0.1:9/a', '{url}/page'], expect: {{ status: 404 }}");
    let mixed = program(&mixed).run(&["run"]).exits(4);
    let words = format!(
        "http://127.0.0.1:9/a: nothing listens there; {url}/page: the status is 200, not 404"
    );
    assert!(mixed.stderr.contains(&words), "{}", mixed.stderr);
}

#[test]
fn plan_shows_all_addresses() {
    let plan = program("http: ['http://127.0.0.1:9/a', 'http://127.0.0.1:9/b']");
    let shown = plan.run(&["plan", "--offline"]).exits(0);
    let words = "http://127.0.0.1:9/a or http://127.0.0.1:9/b";
    assert!(shown.stdout.contains(words), "{}", shown.stdout);
}

#[test]
fn list_without_an_address_is_refused() {
    let refused = program("http: []").run(&["check"]).exits(2);
    let words = "error[missing-key]: `http` is empty, and nothing would be asked\n";
    assert!(refused.stderr.starts_with(words), "{}", refused.stderr);
}
