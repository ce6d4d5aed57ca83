//! The files of a run: its journal, its events, and the artifacts of several jobs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shipway::testing::journal::untrusted::{journal, with_checksums};
use shipway::testing::report::{Merger, reports};
use std::cell::OnceCell;
use std::fs;
use tempfile::TempDir;

const PLAN: &str = "\
name: shop
azure: { resource-group: shop, location: westeurope }
services:
  web:
    steps: [{ build: . }, { tag: 'demo.azurecr.io/web:1' }, { push: }]
  api:
    needs: [web]
    steps: [{ run: 'true' }]
";

/// GitHub takes no longer comments.
const MAX_COMMENT_CHARS: usize = 65_536;

thread_local! {
    static PLACE: OnceCell<(TempDir, Merger)> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    let [first, rest @ ..] = input else { return };
    match first {
        b'j' => replay(&with_checksums(rest)),
        b'r' => replay(rest),
        b'm' => merge(rest),
        _ => report(input),
    }
});

fn replay(bytes: &[u8]) {
    let Some(read) = journal(bytes) else { return };
    let again = journal(&read.written).expect("what is written can be read");
    assert_eq!((again.all, again.legal, &again.state), (read.all, read.legal, &read.state));
    assert_eq!(again.written, read.written);
    // A process that is killed leaves a part of it, which replays too.
    for end in [bytes.len() / 3, bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let part = journal(&bytes[..end]).expect("a part of what can be read");
        assert!(part.all <= read.all && part.legal <= read.legal);
    }
}

fn report(events: &[u8]) {
    let made = reports(events);
    let is_plain = |letter: char| matches!(letter, '\n' | '\t') || !letter.is_control();
    assert!(made.log.chars().all(is_plain), "{:?}", made.log);
    check_page(&made.page);
    let Some(made) = made.finished else { return };
    for text in [&made.comment, &made.summary] {
        assert!(!text.to_ascii_lowercase().contains("<script"), "{text}");
    }
    assert!(made.comment.chars().count() <= MAX_COMMENT_CHARS);
    assert!(!made.line.contains(|letter: char| letter.is_control()), "{:?}", made.line);
    let result: serde_json::Value = serde_json::from_str(&made.result).expect("JSON");
    assert!(result.is_object());
}

/// What an element of the page may be.
const ELEMENTS: [&str; 36] = [
    "!doctype", "html", "head", "meta", "title", "style", "body", "header", "main", "section",
    "footer", "h1", "h2", "h3", "p", "a", "b", "i", "br", "ul", "li", "div", "span", "code", "pre",
    "strong", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "em", "small",
];

fn check_page(page: &str) {
    for part in page.split('<').skip(1) {
        let end =
            part.find(|letter: char| !letter.is_ascii_alphanumeric() && !"!/".contains(letter));
        let name = part[..end.unwrap_or(part.len())].trim_start_matches('/');
        assert!(ELEMENTS.contains(&name), "{part}");
        let inside = part.split('>').next().unwrap_or_default();
        // No value ends before its end.
        assert!(inside.matches('"').count() % 2 == 0, "{part}");
        if let Some((_, target)) = inside.split_once("href=\"") {
            let is_known =
                ["http://", "https://", "#step-"].iter().any(|it| target.starts_with(it));
            assert!(is_known, "{part}");
        }
    }
}

/// Events and result of each of two jobs, with NULs between.
fn merge(input: &[u8]) {
    PLACE.with(|place| {
        let (folder, merger) = place.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let plan = folder.path().join("shipway.yml");
            fs::write(&plan, PLAN).expect("a file");
            let merger = Merger::new(&plan).expect("a plan without mistakes");
            (folder, merger)
        });
        let runs = folder.path().join("runs");
        fs::remove_dir_all(&runs).ok();
        let mut files = input.split(|byte| *byte == 0);
        for run in ["a", "b"] {
            fs::create_dir_all(runs.join(run)).expect("a folder");
            for name in ["events.jsonl", "result.json"] {
                let Some(bytes) = files.next().filter(|bytes| !bytes.is_empty()) else { continue };
                fs::write(runs.join(run).join(name), bytes).expect("a file");
            }
        }
        let Some([comment, result]) = merger.merge(&runs) else { return };
        assert!(comment.chars().count() <= MAX_COMMENT_CHARS);
        assert!(serde_json::from_str::<serde_json::Value>(&result).is_ok());
    });
}
