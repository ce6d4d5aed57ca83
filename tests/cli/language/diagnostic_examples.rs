//! The sections of `docs/diagnostics.md`: each wrong plan has the mistake of its code alone,
//! in the words that stand below it, and the right plan has none.
//!
//! `UPDATE_DOCS=1 cargo test --test main diagnostic_examples` writes these words, and the
//! list of codes.

use crate::docs::shell_words;
use crate::support::Program;
use regex::Regex;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A message of a run has no code in it.
const WITHOUT_CODE: &[&str] = &["empty-name"];

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnostics.md")
}

/// What a wrong plan of the page stands for where the page says it in words.
fn written_out(code: &str, plan: &str) -> Vec<u8> {
    let filler = match code {
        "not-utf-8" => {
            let units = plan.encode_utf16().flat_map(u16::to_le_bytes);
            return [0xff, 0xfe].into_iter().chain(units).collect();
        }
        "too-large" => "x".repeat(2 << 20),
        "yaml-depth" => "[".repeat(96),
        "yaml-bomb" => {
            let level = |level: u8| {
                let aliases = vec![format!("*a{}", level - 1); 4].join(", ");
                format!("x-{level}: &a{level} [{aliases}]\n")
            };
            (2..10).map(level).collect::<String>().trim_end().to_owned()
        }
        _ => {
            assert!(!plan.contains('…'), "`{code}` has a plan that is not complete");
            return plan.as_bytes().to_vec();
        }
    };
    assert!(plan.contains('…'), "`{code}` has nothing that could be written out");
    plan.replace('…', &filler).into_bytes()
}

/// The folder that the page is about, with this plan.
fn folder(code: &str, plan: &[u8]) -> Program {
    let dockerfile = "FROM scratch\nARG COMMIT\n";
    let program = Program::new()
        .file("Dockerfile", dockerfile)
        .file("web/Dockerfile", dockerfile)
        .file("api/Dockerfile", dockerfile)
        .file("web/shipway.yml", "name: web\nsteps:\n  - run: make\n")
        .file("keys/release.pub", include_str!("../../fixtures/signing/own.pub"))
        .file("keys/rekor.pub", include_str!("../../fixtures/signing/own.pub"))
        .file("keys/fulcio.pem", include_str!("../../fixtures/signing/fulcio.pem"));
    fs::write(program.path("shipway.yml"), plan).expect("written");
    if code == "password-in-repository" { program.committed() } else { program }
}

/// What a command line of the page prints, and its exit code.
fn said(program: &Program, command: &str) -> (String, i32) {
    let words = shell_words(command.strip_prefix("shipway ").expect("a command of the program"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let finished = program.run(&words);
    let said = format!("{}{}", finished.stderr, finished.stdout).replace("DIR", "/home/ada/shop");
    (format!("{}\n", said.trim_end_matches('\n')), finished.code)
}

/// A section of the page, of what is between its fences.
struct Section<'p> {
    code: &'p str,
    /// Prose and blocks in turn.
    parts: Vec<&'p str>,
}

impl<'p> Section<'p> {
    fn read(text: &'p str) -> Self {
        let parts: Vec<&str> = text.split("```").collect();
        Self { code: text.lines().next().unwrap_or_default(), parts }
    }

    /// A block of the section: the first line of it, and the rest.
    #[track_caller]
    fn block(&self, number: usize) -> (&'p str, &'p str) {
        let block = self.parts.get(2 * number + 1).and_then(|block| block.split_once('\n'));
        block.unwrap_or_else(|| panic!("`{}` lacks a block", self.code))
    }

    /// The block with what is said of the wrong plan, after trying both plans.
    fn checked(&self) -> String {
        let code = self.code;
        let [(wrong_kind, wrong), (said_kind, shown), (right_kind, right)] =
            [0, 1, 2].map(|number| self.block(number));
        assert_eq!((wrong_kind, right_kind), ("yaml wrong", "yaml right"), "{code}");
        let command = match said_kind {
            "text" => None,
            "console" => shown.strip_prefix("$ ").and_then(|rest| rest.lines().next()),
            _ => panic!("`{code}` has a block of `{said_kind}`"),
        };

        let program = folder(code, &written_out(code, wrong));
        let (said, _) = self::said(&program, command.unwrap_or("shipway check"));
        let heads = Regex::new(r"(?m)^(?:error|warning)\[([a-z0-9-]+)\]").expect("a pattern");
        let codes: Vec<String> =
            heads.captures_iter(&said).map(|found| found[1].to_owned()).collect();
        if WITHOUT_CODE.contains(&code) {
            assert!(said.starts_with("error: "), "{code}:\n{said}");
        } else {
            assert_eq!(codes, [code], "{wrong}\n{said}");
        }

        let program = folder(code, right.as_bytes());
        let (mended, exit) = self::said(&program, "shipway check --deny warnings");
        // A note may follow, on how Azure pulls.
        let first = mended.lines().next();
        assert_eq!((first, exit), (Some("shipway.yml: no mistakes"), 0), "{code}:\n{right}");
        if self.parts.len() > 7 {
            let (_, console) = self.block(3);
            let (command, shown) = console.split_once('\n').expect("a command");
            let (said, exit) = self::said(&program, command.trim_start_matches("$ "));
            assert_eq!((said.as_str(), exit), (shown, 0), "{code}");
        } else if let Some(command) = command {
            let (said, exit) = self::said(&program, command);
            assert_eq!(exit, 0, "{code}: {said}");
        }
        command.map_or(format!("text\n{said}"), |command| format!("console\n$ {command}\n{said}"))
    }
}

/// The list of codes of a page, a line for each heading.
fn index(page: &str) -> String {
    let mut list = String::new();
    for part in page.split("\n## ").skip(1) {
        let name = part.lines().next().unwrap_or_default();
        let codes = part.lines().filter_map(|line| line.strip_prefix("### "));
        let codes: Vec<String> = codes.map(|code| format!("[{code}](#{code})")).collect();
        let anchor = name.to_lowercase().replace(' ', "-");
        writeln!(list, "- [{name}](#{anchor}): {}", codes.join(", ")).expect("a text");
    }
    list
}

#[test]
fn plans_of_the_page_have_the_mistakes_that_it_says() {
    let page = fs::read_to_string(path()).expect("the page is there");
    let (head, sections) = page.split_once("<!-- codes -->\n").expect("a list of codes");
    let (_, sections) = sections.split_once("<!-- end -->\n").expect("its end");
    let mut updated = format!("{head}<!-- codes -->\n{}<!-- end -->\n", index(sections));
    let mut parts = sections.split("\n### ");
    updated.push_str(parts.next().unwrap_or_default());
    let mut count = 0;
    for text in parts {
        let section = Section::read(text);
        let said = section.checked();
        let mut blocks = section.parts.clone();
        blocks[3] = &said;
        updated.extend(["\n### ", &blocks.join("```")]);
        count += 1;
    }
    assert!(count > 80, "{count}");
    if page != updated && std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(), updated).expect("can be written");
        return;
    }
    assert_same_lines(&page, &updated);
}

/// Fails at the first line that differs: the page is long.
#[track_caller]
fn assert_same_lines(page: &str, updated: &str) {
    for (number, (one, other)) in page.lines().zip(updated.lines()).enumerate() {
        assert_eq!(one, other, "line {} is stale; run this test with UPDATE_DOCS=1", number + 1);
    }
    assert_eq!(page.len(), updated.len(), "stale; run this test with UPDATE_DOCS=1");
}
