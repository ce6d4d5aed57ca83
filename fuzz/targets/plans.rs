//! Plans, with the files that they include, through all that `shipway check` does.

#![no_main]

mod limits;

use libfuzzer_sys::fuzz_target;
use shipway::testing::plan::untrusted::check;
use std::time::Duration;

fuzz_target!(|input: &[u8]| {
    // What stands behind a NUL is the text of an included file.
    let mut files = input.split(|byte| *byte == 0);
    let plan = files.next().unwrap_or_default();
    let others: Vec<&[u8]> = files.collect();
    let checked = limits::within(Duration::from_secs(1), || check(plan, &others));
    assert_eq!(checked.has_plan, !checked.has_error || checked.has_unfit_values);
    for (code, spans) in &checked.found {
        for span in spans {
            assert!(span.start <= span.end, "{code} {span:?}");
            // The place of what is missing may be the end.
            assert!(span.end <= checked.text.len() + 3, "{code} {span:?}");
        }
    }
    for document in &checked.documents {
        let read: serde_json::Value = serde_json::from_str(document).expect("JSON");
        assert!(read.is_array() || read.is_object());
    }
    // One line for the runner for each mistake, and no other command.
    for line in checked.drawn[1].lines() {
        assert!(line.starts_with("::") || line.starts_with("and "), "{line:?}");
    }
});
