//! Requests that check what was deployed: curl and wget, alone or in a loop.

use super::importer::{Conversion, Importer};
use super::statements::Command;
use crate::draft::Node;
use crate::import::workflow::expression::text;
use crate::import::workflow::scope::Use;

/// Whether a command asks a URL.
pub fn asks(command: &Command) -> bool {
    ["curl", "wget"].contains(&command.program())
}

/// Commands that a loop of requests may have besides.
const FILLERS: [&str; 17] = [
    "[", "[[", "break", "continue", "do", "done", "echo", "else", "exit", "fi", "for", "printf",
    "set", "sleep", "test", "then", "true",
];

pub fn of_loop(
    importer: &mut Importer<'_, '_>,
    condition: &[Command],
    body: &[Command],
) -> Conversion {
    let all = || condition.iter().chain(body);
    let is_plain = |command: &Command| asks(command) || FILLERS.contains(&command.program());
    let Some(request) = all().find(|command| asks(command)).filter(|_| all().all(is_plain)) else {
        return Conversion::Unknown;
    };
    let words = importer.shell.expand_all(&request.words, importer.scope);
    command(importer, &words)
}

/// A request for a page of what was deployed becomes `verify`.
pub fn command(importer: &mut Importer<'_, '_>, words: &[Option<String>]) -> Conversion {
    let sends = ["-X", "-d", "--data", "--request", "-F", "-T", "-o", "-O", "--output"];
    let quiet = words.windows(2).all(|pair| {
        let is_output = matches!(pair[0].as_deref(), Some("-o" | "--output" | "-O"));
        !is_output || pair[1].as_deref() == Some("/dev/null")
    });
    let is_plain = quiet
        && !words.iter().flatten().any(|word| {
            sends.contains(&word.as_str()) && !["-o", "--output", "-O"].contains(&word.as_str())
        });
    if !is_plain || importer.service.deployed().is_none() {
        return Conversion::Unknown;
    }
    for word in words.iter().skip(1).flatten().filter(|word| !word.starts_with('-')) {
        let Ok(url) = text(word, Use::Name, importer.scope) else { continue };
        if let Some(path) = own_path(importer, &url) {
            importer.service.verify(Node::text(path));
            return Conversion::Done;
        }
    }
    Conversion::Unknown
}

/// The path of a URL of the group that was deployed last.
fn own_path(importer: &Importer<'_, '_>, url: &str) -> Option<String> {
    let group = importer.service.deployed()?;
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = path_start(rest).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let label = group.dns_label.as_deref();
    let is_own = host.contains("outputs.fqdn")
        || host.contains("outputs.ip")
        || host.contains("outputs.url")
        || label
            .is_some_and(|label| host.starts_with(label) && host.contains(".azurecontainer.io"));
    is_own.then(|| if path.is_empty() { "/".to_owned() } else { path.to_owned() })
}

/// The first `/` outside of expressions.
fn path_start(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    text.char_indices().find_map(|(at, letter)| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (letter == '/' && depth == 0).then_some(at)
    })
}
