//! The commands of the documents: those of a page are run in order, in a folder with the plan
//! of the page, against a local cloud of their own, and print what the page shows.

mod comparison;
mod deployed;
mod local;
mod page;
mod walk;

use page::Page;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The page of each test here, and how many of its blocks say why they are not run.
const RUN_HERE: [CountedPage; 14] = [
    CountedPage { name: "azure.md", not_run: 1 },
    CountedPage { name: "commands.md", not_run: 0 },
    CountedPage { name: "dry-runs.md", not_run: 0 },
    CountedPage { name: "editors.md", not_run: 1 },
    CountedPage { name: "events.md", not_run: 0 },
    CountedPage { name: "getting-started.md", not_run: 10 },
    CountedPage { name: "images.md", not_run: 0 },
    CountedPage { name: "monorepos.md", not_run: 0 },
    CountedPage { name: "operate.md", not_run: 0 },
    CountedPage { name: "plan-output.md", not_run: 0 },
    CountedPage { name: "previews.md", not_run: 0 },
    CountedPage { name: "releases.md", not_run: 0 },
    CountedPage { name: "removing.md", not_run: 0 },
    CountedPage { name: "signing.md", not_run: 0 },
];

/// By `az/walks.rs`, `cli/diagnostic_examples.rs` and `local/rehearse.rs`.
const RUN_ELSEWHERE: [&str; 4] =
    ["diagnostics.md", "job-files.md", "local-cloud.md", "rehearse.md"];

struct CountedPage {
    name: &'static str,
    not_run: usize,
}

#[test]
fn every_page_with_commands_is_run_or_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(entry.path()).expect("text");
            if text.contains("\n```console\n") {
                found.insert(name);
            }
        }
    }
    let here = RUN_HERE.iter().map(|page| page.name);
    let named = here.chain(RUN_ELSEWHERE).map(str::to_owned);
    assert_eq!(found, named.collect());
    for CountedPage { name, not_run } in RUN_HERE {
        assert_eq!(Page::read(name).not_run, not_run, "{name}");
    }
}
