//! The README and the documents are held to the code: paths exist, commands and
//! options are those of the program, plans pass `check`, tables are complete.

use crate::support::Program;
use regex::Regex;
use shipway::testing::plan::expr::FUNCTIONS;
use shipway::testing::plan::expr::contexts::{CONTEXTS, Members, OUTPUTS};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every page, by its path.
fn pages() -> Vec<(String, String)> {
    let docs = fs::read_dir(root().join("docs")).expect("docs");
    let names = docs.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| format!("docs/{}", name.to_string_lossy()));
    let mut pages: Vec<String> =
        names.filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "md")).collect();
    pages.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(str::to_owned));
    pages.sort();
    pages.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// A fenced block; `kind` is what follows the fence.
struct Block {
    kind: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let fenced = Regex::new(r"(?ms)^```([^\n]*)\n(.*?)^```$").expect("a pattern");
    let block = |found: regex::Captures<'_>| Block {
        kind: found[1].trim().to_owned(),
        text: found[2].to_owned(),
    };
    fenced.captures_iter(page).map(block).collect()
}

/// The code spans of a page, outside of its blocks.
fn spans(page: &str) -> Vec<String> {
    let fenced = Regex::new(r"(?ms)^```.*?^```$").expect("a pattern");
    let text = fenced.replace_all(page, "");
    let span = Regex::new(r"`([^`\n]+)`").expect("a pattern");
    span.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_path_exists() {
    let link = Regex::new(r#"\]\(([^)]+)\)|(?:src|srcset)="([^"]+)""#).expect("a pattern");
    let path =
        Regex::new(r"^(src|docs|tests|benches|fuzz|workflows|\.ci)/[\w./-]+$").expect("a pattern");
    let mut missing = Vec::new();
    for (name, page) in pages() {
        let folder = root().join(&name).parent().expect("a folder").to_owned();
        let links = link.captures_iter(&page).filter_map(|found| found.get(1).or(found.get(2)));
        let links = links.map(|path| path.as_str().to_owned());
        let links = links.filter(|to| !to.contains("://") && !to.starts_with('#'));
        let links = links.map(|to| folder.join(to.split('#').next().unwrap_or_default()));
        let named = spans(&page).into_iter().filter(|span| path.is_match(span));
        let named = named.map(|span| root().join(span));
        for path in links.chain(named).filter(|path| !path.exists()) {
            missing.push(format!("{name}: {}", path.display()));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_page_is_in_the_readme() {
    let readme = read("README.md");
    let names = pages().into_iter().map(|(name, _)| name).filter(|name| name != "README.md");
    let missing: Vec<String> =
        names.filter(|name| !readme.contains(&format!("]({name})"))).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_map_in_lib_names_existing_modules() {
    let library = read("src/lib.rs");
    let header: Vec<&str> = library.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    for name in spans(&header.join("\n")) {
        let path = name.replace("::", "/");
        let module = ["", ".rs"].iter().any(|end| root().join(format!("src/{path}{end}")).exists());
        let exists = module || root().join(&name).exists();
        assert!(exists, "src/lib.rs names `{name}`, which is not there");
    }
}

/// The words of a command line, as a shell reads them: what is in quotes is one word.
pub fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.chars() {
        match letter {
            '\'' | '"' if quote.is_none() => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            _ if quote == Some(letter) => quote = None,
            _ if quote.is_none() && letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The command lines of a page, without what a shell does with their output.
fn commands(page: &str) -> BTreeSet<Vec<String>> {
    let in_blocks = blocks(page).into_iter().filter(|block| block.kind == "console");
    let lines: Vec<String> = in_blocks
        .flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let command = Regex::new(r"(?:^|[ (])(?:shipway|-- (?P<cargo>dry-run)) ?(?P<rest>[^|)>;]*)")
        .expect("a pattern");
    let prompted = lines.iter().filter_map(|line| line.strip_prefix("$ ").map(str::to_owned));
    let spans = spans(page).into_iter().filter(|span| span.contains("shipway "));
    let mut found = BTreeSet::new();
    for line in prompted.chain(spans) {
        for capture in command.captures_iter(&line) {
            let cargo = capture.name("cargo").map(|word| word.as_str());
            let words = cargo.into_iter().map(str::to_owned);
            let words: Vec<String> = words.chain(shell_words(&capture["rest"])).collect();
            if words
                .first()
                .is_some_and(|word| word.starts_with(|letter: char| letter.is_ascii_lowercase()))
                && !line.starts_with("az ")
            {
                found.insert(words);
            }
        }
    }
    found
}

#[test]
fn every_command_line_is_understood() {
    let program = Program::new();
    let mut shown = 0;
    for (_, page) in pages() {
        for words in commands(&page) {
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            // What is after `--` belongs to another program.
            let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
            // `help` takes the names of commands alone.
            if words.first() != Some(&"help") {
                words.insert(end, "--help");
            }
            program.run(&words).exits(0);
            shown += 1;
        }
    }
    assert!(shown > 12, "only {shown} command lines were found");
}

/// What `--help` says of the program and of every command.
fn helps() -> (Vec<String>, String) {
    let program = Program::new();
    let all = program.run(&["--help"]).exits(0).stdout;
    let listed = all.split("Commands:").nth(1).and_then(|text| text.split("\n\n").next());
    let command = Regex::new(r"(?m)^  ([a-z-]+) ").expect("a pattern");
    let commands: Vec<String> = command
        .captures_iter(listed.expect("a list of commands"))
        .map(|found| found[1].to_owned())
        .collect();
    // `help` itself takes the names of commands alone.
    let with_help = commands.iter().filter(|name| *name != "help");
    let helps = with_help.map(|name| program.run(&[name, "--help"]).exits(0).stdout);
    let text = helps.collect::<Vec<_>>().join("\n");
    (commands, text)
}

#[test]
fn documented_commands_and_options_exist() {
    let (commands, text) = helps();
    let row = Regex::new(r"(?m)^\| `shipway ([a-z-]+)` \|").expect("a pattern");
    let page = read("docs/commands.md");
    let listed: Vec<&str> =
        row.captures_iter(&page).map(|found| found.get(1).expect("a name").as_str()).collect();
    assert_eq!(listed, commands);

    let option = Regex::new(r"^--[a-z][a-z-]*").expect("a pattern");
    for (name, page) in pages() {
        for span in spans(&page) {
            if let Some(option) = option.find(&span) {
                assert!(text.contains(option.as_str()), "{name}: no command has `{span}`");
            }
        }
    }
}

#[test]
fn every_plan_passes_the_check() {
    let mut checked = 0;
    for (name, page) in pages() {
        for block in blocks(&page) {
            let plan = match block.kind.as_str() {
                "yaml" => block.text,
                "yaml steps" => {
                    let steps: Vec<String> =
                        block.text.lines().map(|line| format!("  {line}\n")).collect();
                    format!("name: page\nsteps:\n{}", steps.concat())
                }
                // `cli/diagnostic_examples.rs` checks them.
                "yaml wrong" | "yaml right" => continue,
                other => {
                    let known = ["yaml workflow", "console", "text", "json"].contains(&other);
                    assert!(known, "{name}: a block of `{other}`, which no test checks");
                    continue;
                }
            };
            // What the plans of the pages build from, and include: `check` looks for it.
            let folders = ["", "web/", "api/"];
            let program = folders.iter().fold(Program::with_plan(&plan), |program, folder| {
                program.file(&format!("{folder}Dockerfile"), "FROM scratch\n")
            });
            let program = folders[1..].iter().fold(program, |program, folder| {
                let name = folder.trim_end_matches('/');
                let plan = format!("name: {name}\nsteps: [{{ run: make }}]\n");
                program.file(&format!("{folder}shipway.yml"), &plan)
            });
            let key = include_str!("fixtures/signing/own.pub");
            let roots = include_str!("fixtures/signing/fulcio.pem");
            // `check` looks only whether the certificates are there.
            let program = program.file("keys/release.pub", key).file("certs/example.pem", "");
            let program = program.file("keys/rekor.pub", key).file("keys/fulcio.pem", roots);
            program.run(&["check"]).exits(0);
            checked += 1;
        }
    }
    assert!(checked >= 3, "only {checked} plans were found");
}

#[test]
fn documented_exit_codes_are_complete() {
    let numbers = |text: &str, pattern: &str| -> Vec<String> {
        let pattern = Regex::new(pattern).expect("a pattern");
        pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let code = read("src/cli/exit.rs");
    let body = code.split("fn code").nth(1).and_then(|text| text.split("\n    }\n").next());
    let page = read("docs/commands.md");
    let table = page.split("| exit code |").nth(1).and_then(|text| text.split("\n\n").next());
    assert_eq!(
        numbers(table.expect("a table"), r"(?m)^\| (\d+) \|"),
        numbers(body.expect("a function"), r"=> (\d+),"),
    );
}

/// The source of all tests, and of the crate.
fn rust_files(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push_str(&fs::read_to_string(&path).expect("text"));
        }
    }
}

#[test]
fn every_threat_has_tests_that_exist() {
    let page = read("docs/security.md");
    let (_, answers) = page.split_once("## Secrets and output").expect("the first answers");
    let mut source = String::new();
    for folder in ["src", "tests"] {
        rust_files(&root().join(folder), &mut source);
    }
    let rows = answers.lines().filter(|line| line.starts_with("| "));
    let mut missing = Vec::new();
    for threat in rows.filter(|row| !row.starts_with("| threat |")) {
        let last = threat.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let names = spans(last);
        if names.is_empty() {
            missing.push(format!("no test: {threat}"));
        }
        let gone = names.into_iter().filter(|name| !source.contains(&format!("fn {name}(")));
        missing.extend(gone);
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn documented_contexts_functions_and_outputs_are_complete() {
    let (page, reference) = (read("docs/plan.md"), read("docs/reference.md"));
    for context in &CONTEXTS {
        assert!(page.contains(&format!("\n| `{}` | ", context.name)), "{}", context.name);
        // `github` is as GitHub documents it.
        let (Members::Closed(members), true) = (context.members, context.name != "github") else {
            continue;
        };
        let members: Vec<String> = members.iter().map(|member| format!("`{member}`")).collect();
        let row = format!("| `{}` | {} |", context.name, members.join(" "));
        assert!(reference.contains(&row), "docs/reference.md lacks: {row}");
    }
    for outputs in &OUTPUTS {
        if let Members::Closed(names) = outputs.names {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let row = format!("| `{}` | {} |", outputs.action, names.join(", "));
            assert!(page.contains(&row), "docs/plan.md lacks: {row}");
        }
    }
    let functions = page.split("Functions: ").nth(1).and_then(|text| text.lines().next());
    let functions: BTreeSet<String> =
        spans(functions.expect("a line")).into_iter().filter(|name| name != "if").collect();
    assert_eq!(functions, FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn the_workflow_uses_existing_inputs_and_outputs() {
    let action = read("action.yml");
    let (inputs, outputs) = action.split_once("\noutputs:").expect("outputs");
    let has = |text: &str, name: &str| text.contains(&format!("\n  {name}:\n"));
    let workflow = blocks(&read("docs/github-actions.md"));
    let workflow = workflow.iter().find(|block| block.kind == "yaml workflow").expect("a workflow");
    let step = workflow.text.split("OWNER/shipway@COMMIT").nth(1).expect("a step with the action");
    let with = step.split("with:\n").nth(1).expect("inputs");
    for line in with.lines().take_while(|line| line.starts_with("          ")) {
        let name = line.trim().split(':').next().unwrap_or_default();
        assert!(has(inputs, name), "the action has no input `{name}`");
    }
    let output = Regex::new(r"steps\.ship\.outputs\.([a-z-]+)").expect("a pattern");
    for found in output.captures_iter(step) {
        assert!(has(outputs, &found[1]), "the action has no output `{}`", &found[1]);
    }
}

/// The messages of the source, each as the texts before, between and after what it is
/// formatted with.
fn messages() -> Vec<Vec<String>> {
    let mut source = String::new();
    rust_files(&root().join("src"), &mut source);
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n").replace("'\"'", "");
    let continued = Regex::new(r"\\\n\s*").expect("a pattern");
    let code = continued.replace_all(&code, "").replace("{{", "\u{1}").replace("}}", "\u{2}");
    let literal = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).expect("a pattern");
    let placeholder = Regex::new(r"\{[^{}]*\}").expect("a pattern");
    let plain = |part: &str| part.replace("\\\"", "\"").replace('\u{1}', "{").replace('\u{2}', "}");
    let literals = literal.captures_iter(&code).map(|found| found.extract::<1>().1[0]);
    literals.map(|text| placeholder.split(text).map(plain).collect()).collect()
}

/// Whether the program can print this line by such a message, of which three tenths are constant.
fn is_printed_by(line: &str, parts: &[String]) -> bool {
    let constant: usize = parts.iter().map(String::len).sum();
    let [first, between @ .., last] = parts else { return parts.iter().any(|part| part == line) };
    let Some(mut rest) = line.strip_prefix(first.as_str()) else { return false };
    for part in between {
        let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
        rest = after;
    }
    rest.ends_with(last.as_str()) && constant >= 12 && constant * 10 >= line.len() * 3
}

#[test]
fn messages_of_the_page_about_trouble_are_those_of_the_program() {
    let messages = messages();
    let page = blocks(&read("docs/troubleshooting.md"));
    let quoted =
        page.iter().filter(|block| block.kind == "text").flat_map(|block| block.text.lines());
    let mut unknown = Vec::new();
    let mut count = 0;
    for line in quoted {
        count += 1;
        // Some errors are made of what was being done: `cannot` and a text of its own.
        let doing = line.strip_prefix("cannot ").unwrap_or(line);
        if ![line, doing].iter().any(|text| messages.iter().any(|it| is_printed_by(text, it))) {
            unknown.push(line);
        }
    }
    assert!(unknown.is_empty(), "no message of the program:\n{}", unknown.join("\n"));
    assert_eq!(count, 20);
    let other = "cannot find the sacret `db`: it is not set";
    assert!(!messages.iter().any(|parts| is_printed_by(other, parts)), "{other}");
}
