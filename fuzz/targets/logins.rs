//! Stored logins: docker's and podman's files, and what credential helpers print.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shipway::testing::registry::untrusted::login::{helper_output, login, no_token};

const PLACES: [(&str, &str); 4] = [
    ("demo.azurecr.io", "team/web"),
    ("docker.io", "library/nginx"),
    ("127.0.0.1:5000", "web"),
    ("a.io", ""),
];

fuzz_target!(|input: &[u8]| {
    for (host, repository) in PLACES {
        let found = login(input, host, repository);
        assert!(found.refused.is_none() || found.secret.is_none(), "{found:?}");
        // A message quotes keys alone; a password may be in any value.
        let quoted = found.refused.unwrap_or_default();
        assert!(quoted.len() <= input.len() * 2 + 200, "{quoted}");
    }
    helper_output(input);
    let said = no_token("text/html", input);
    assert!(said.chars().count() <= 300 && !said.contains(char::is_control), "{said:?}");
});
