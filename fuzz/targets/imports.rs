//! Files that `shipway import` makes plans of.

#![no_main]

mod limits;

use libfuzzer_sys::fuzz_target;
use shipway::testing::import::untrusted::imported;
use shipway::testing::plan::untrusted::check;
use std::time::Duration;

/// What is wrong with a text that is no plan at all.
const UNREADABLE: [&str; 6] =
    ["not-utf-8", "not-a-plan", "empty-plan", "duplicate-key", "unknown-key", "wrong-type"];

fuzz_target!(|input: &str| {
    let limit = Duration::from_secs(1);
    let Some(plan) = limits::within(limit, || imported("deploy.yml", input)) else { return };
    // What is written can be read, whatever is still to do in it.
    if plan.len() < 1 << 20 {
        let checked = check(plan.as_bytes(), &[]);
        for (code, spans) in checked.found {
            let is_read = !UNREADABLE.contains(&code) && !code.starts_with("yaml-");
            assert!(is_read, "{code} {spans:?}\n{plan}");
        }
    }
});
