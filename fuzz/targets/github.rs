//! What GitHub answers and sends: comments, pull requests, errors, events; and what programs
//! write for its runner.

#![no_main]

mod bytes;

use libfuzzer_sys::fuzz_target;
use shipway::testing::github::actions::untrusted as actions;
use shipway::testing::github::client::untrusted as client;
use shipway::testing::resolve::untrusted::event;

const STATUSES: [u16; 8] = [401, 403, 404, 410, 422, 429, 500, 503];

fuzz_target!(|input: &[u8]| {
    let [first, body @ ..] = input else { return };
    match first {
        b'c' => drop(client::comments(body)),
        b'p' => drop(client::pulls(body)),
        b'v' => [true, false].iter().for_each(|ours| {
            let Some(found) = event(body, *ours) else { return };
            assert!(found.is_read_back, "{found:?}");
            // A payload alone chooses no protected environment for a fork.
            let is_fork = found.decision.starts_with("Fork");
            let may_go = found.decision.ends_with("Go");
            assert!(!(is_fork && may_go), "{found:?}");
        }),
        b'm' => {
            let mut parts = bytes::Bytes(body);
            let mut part = || String::from_utf8_lossy(parts.piece()).into_owned();
            let (plan, environment, key) = (part(), part(), part());
            let (marker, read) = client::marker(&plan, &environment, &key);
            assert_eq!(read.as_deref(), Some(environment.as_str()), "{marker}");
            let inner = marker.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
            let inner = inner.expect("a comment of HTML");
            assert!(!inner.contains("--") && !inner.contains(['<', '>', '\n']), "{marker}");
        }
        b'o' => {
            let Some(outputs) = actions::outputs(body) else { return };
            // What can be written is read as it was.
            if let Some(text) = actions::written(&outputs) {
                assert_eq!(actions::outputs(text.as_bytes()), Some(outputs), "{text:?}");
            }
        }
        b'l' => {
            for line in actions::log_lines(&String::from_utf8_lossy(body)) {
                assert!(!line.contains(['\n', '\r']) && !line.contains("##["), "{line:?}");
                assert!(!line.trim_start().starts_with("::"), "{line:?}");
            }
        }
        status => {
            let status = STATUSES[usize::from(*status) % STATUSES.len()];
            let (_, kind) = client::error(status, body);
            assert!(!kind.is_empty());
        }
    }
});
