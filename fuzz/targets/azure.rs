//! What Resource Manager, Entra ID, Key Vault and the services of containers answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shipway::testing::azure::untrusted::{
    arm, container_apps, container_instances, entra, key_vault, task_log,
};

const STATUSES: [u16; 12] = [200, 201, 202, 400, 401, 403, 404, 409, 412, 429, 500, 503];

fuzz_target!(|input: &[u8]| {
    let [first, body @ ..] = input else { return };
    let status = STATUSES[usize::from(*first) % STATUSES.len()];
    // A header or a log stands behind a NUL.
    let (body, rest) = match body.iter().position(|byte| *byte == 0) {
        Some(at) => (&body[..at], &body[at + 1..]),
        None => (body, &b"x"[..]),
    };
    let rest = String::from_utf8_lossy(rest);
    for [words, remedy] in [
        arm::refusal(status, body),
        entra::refusal(status, body, &rest),
        key_vault::refusal(status, body, &rest),
    ] {
        assert!(!words.is_empty() && remedy.len() <= 20 * input.len() + 4_000, "{remedy}");
    }
    let lines = task_log(body, rest.as_bytes());
    assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
    let Ok(document) = serde_json::from_slice(body) else { return };
    assert!(!arm::operation(status, &document)[0].is_empty());
    container_instances::group(&document, &rest);
    container_apps::app(&document, &rest);
    container_apps::log(&rest);
    if let Some((home, host)) = container_apps::stream_hosts(&document, &rest) {
        assert_eq!(home, host, "the token is for one host");
    }
});
