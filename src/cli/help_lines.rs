//! Tests that every command and option that a message of the program names in backticks
//! exists on its command line. The messages are the string literals in `src/`.

use super::Arguments;
use crate::value::completed_commands;
use clap::{Command, CommandFactory as _};
use std::fs;
use std::path::{Path, PathBuf};

/// Options that messages name and that are not of `shipway`: here one of `FROM` in a
/// Dockerfile.
const OTHER_PROGRAMS_OPTIONS: [&str; 1] = ["--platform"];

/// The string literals of Rust source code. Escapes stay as they are, but lines that
/// end with a backslash are joined.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    // A scan is enough: what matters is not to mistake a comment, a character or a
    // lifetime for the start of a string.
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (before, after) = rest.split_at(at);
        let raw_with_hash = before.ends_with("r#");
        let raw = before.ends_with('r');
        if after.starts_with("//") {
            rest = after.split_once('\n').map_or("", |(_, next)| next);
        } else if let Some(character) = after.strip_prefix('\'') {
            // `'"'` is a character, whose quotation mark starts no string. A lifetime has
            // no closing quote after one character.
            let length = if character.starts_with('\\') { 2 } else { 1 };
            let end = character.char_indices().nth(length);
            let is_character = end.is_some_and(|(end, _)| character[end..].starts_with('\''));
            rest = if is_character {
                &character[end.map_or(0, |(end, _)| end + 1)..]
            } else {
                character
            };
        } else if let Some(text) = after.strip_prefix('"') {
            let end = if raw_with_hash {
                text.find("\"#")
            } else if raw {
                text.find('"')
            } else {
                let mut escaped = false;
                text.find(|letter| {
                    let ends = letter == '"' && !escaped;
                    escaped = letter == '\\' && !escaped;
                    ends
                })
            };
            let (literal, next) = text.split_at(end.unwrap_or(text.len()));
            let lines = literal.split("\\\n").enumerate();
            let lines = lines.map(|(at, line)| if at == 0 { line } else { line.trim_start() });
            found.push(lines.collect());
            rest = next.get(1..).unwrap_or_default();
        } else {
            rest = &after[1..];
        }
    }
    found
}

/// The texts in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Adds the source files in a folder and below. Files of tests alone are left out.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

fn has_option(command: &Command, option: &str) -> bool {
    let name = option.trim_start_matches('-').split(['=', '[']).next().unwrap_or_default();
    let is_it = |known: &str| known == name;
    let declared = command.get_arguments().any(|argument| {
        argument.get_long().is_some_and(is_it)
            || argument.get_all_aliases().is_some_and(|all| all.into_iter().any(is_it))
    });
    // clap adds these two itself.
    declared || ["help", "version"].contains(&name)
}

fn any_has_option(command: &Command, option: &str) -> bool {
    has_option(command, option)
        || command.get_subcommands().any(|command| any_has_option(command, option))
}

/// Why a quoted text does not fit the command line; `None` if it does, or if it is neither
/// a `shipway` command nor an option.
fn mistake(shipway: &Command, text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let first = words.next()?;
    if first == "shipway" {
        let mut command = shipway;
        // What is after `--` belongs to another program.
        for word in words.take_while(|word| *word != "--") {
            let placeholder = word.contains(['{', '…']);
            if word.starts_with("--") {
                if !placeholder && !has_option(command, word) {
                    return Some(format!("`{}` has no `{word}`", command.get_name()));
                }
            } else if let Some(next) = command.find_subcommand(word) {
                command = next;
            } else if command.get_name() == "shipway" && !placeholder {
                return Some(format!("there is no command `{word}`"));
            }
        }
        return None;
    }
    let is_option = first.starts_with("--")
        && first[2..].starts_with(|letter: char| letter.is_ascii_lowercase())
        && !OTHER_PROGRAMS_OPTIONS.contains(&first.split('=').next().unwrap_or_default());
    (is_option && !any_has_option(shipway, first)).then(|| format!("there is no option `{first}`"))
}

#[test]
fn messages_name_commands_and_options_that_exist() {
    let shipway = Arguments::command();
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("help_lines.rs")) {
        let source = fs::read_to_string(file).expect("a source file");
        // Tests quote the wrong commands that they expect to be refused.
        let shipped = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for literal in literals(shipped) {
            let mistakes = quoted(&literal).filter_map(|text| mistake(&shipway, text));
            wrong.extend(mistakes.map(|mistake| format!("{}: {mistake}", file.display())));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The commands of the examples, without what the shell does with them.
fn examples(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty()).map(str::trim);
    let shell = ["  ", " -- ", " > ", " < ", " && ", " | "];
    let end = |line: &str| shell.iter().filter_map(|sign| line.find(sign)).min();
    lines.map(|line| &line[..end(line).unwrap_or(line.len())]).collect()
}

/// The commands below this one that people call, each with its words.
fn commands_below(command: &Command, words: &str) -> Vec<(String, Command)> {
    // Those that only other programs call.
    let is_called = |command: &&Command| {
        !["action", "help"].contains(&command.get_name()) && !command.is_hide_set()
    };
    let below = command.get_subcommands().filter(is_called).flat_map(|command| {
        let words = format!("{words} {}", command.get_name());
        let mut all = commands_below(command, &words);
        all.insert(0, (words, command.clone()));
        all
    });
    below.collect()
}

#[test]
fn each_command_has_examples_that_parse_and_its_exit_codes() {
    let shipway = Arguments::command();
    let commands = commands_below(&shipway, "shipway");
    assert!(commands.iter().any(|(words, _)| words == "shipway local stop"), "{commands:?}");
    for (name, command) in commands {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let codes = help.rsplit("\n\nExit codes: ").next().unwrap_or_default();
        assert!(
            codes.starts_with("0 ") || codes.starts_with("as ") || codes.starts_with("that "),
            "{name}: {help}"
        );
        let examples = examples(&help);
        assert!(!examples.is_empty(), "`{name}` has no example");
        for example in examples {
            let parts = example.split('\'').enumerate();
            // Every second part stood between quotes.
            let words = parts.flat_map(|(at, part)| match at % 2 {
                0 => part.split_whitespace().collect(),
                _ => vec![part],
            });
            let words: Vec<&str> = words.skip_while(|word| *word != "shipway").collect();
            // What another program does before.
            if words.is_empty() {
                continue;
            }
            if let Err(error) = shipway.clone().try_get_matches_from(words) {
                panic!("{example}: {error}");
            }
        }
    }
}

/// The options that say of which plan, environment and cloud a command is.
#[test]
fn commands_that_messages_complete_have_these_options() {
    let shipway = Arguments::command();
    for (name, options) in completed_commands() {
        let command = shipway.find_subcommand(name).expect("a command");
        let takes_plan = command.get_positionals().any(|it| it.get_id() == "plan");
        let all = ["plan", "env", "set", "event", "pr", "comment-key", "cloud", "state-dir"];
        let all = all.into_iter();
        // That of `run` is a saved plan.
        let has = |option: &&str| has_option(command, option) && !(takes_plan && *option == "plan");
        // They belong to `--merge`, `--prune` and `--explain`, which no message names.
        let of_merge = ["env", "set", "pr", "comment-key", "cloud"];
        let has = |option: &&str| {
            let is_of_other_use = match *name {
                "report" => of_merge.contains(option),
                "images" => *option == "pr",
                "check" => ["env", "set"].contains(option),
                _ => false,
            };
            has(option) && !is_of_other_use
        };
        let mut known: Vec<&str> = all.filter(has).collect();
        if takes_plan {
            known.insert(0, "PLAN");
        }
        assert_eq!(known, *options, "{name}");
    }
}

#[test]
fn literals_are_found_between_comments_and_characters() {
    let source = r##"
        // "not this"
        let a = ('"', '\'', "one `--a`", r"two\", r#"th"ree"#, 'b', "fo\"ur");
        fn f<'a>(x: &'a str) { g("five \
            six") }
    "##;
    assert_eq!(literals(source), ["one `--a`", "two\\", "th\"ree", "fo\\\"ur", "five six"]);
}

#[test]
fn mistakes_are_found() {
    let shipway = Arguments::command();
    let mistake = |text| mistake(&shipway, text);
    assert_eq!(mistake("shipway resume --rerun {id}"), None);
    assert_eq!(mistake("shipway local stop FILE"), None);
    assert_eq!(mistake("--seed-image REFERENCE=oci:FOLDER"), None);
    assert_eq!(mistake("shipway exec SERVICE -- ls --all"), None);
    assert_eq!(mistake("git log"), None);
    assert_eq!(mistake("shipway float").as_deref(), Some("there is no command `float`"));
    assert_eq!(mistake("shipway run --rerun x").as_deref(), Some("`run` has no `--rerun`"));
    assert_eq!(mistake("--sweep").as_deref(), Some("there is no option `--sweep`"));
}
