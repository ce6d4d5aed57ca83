//! Commands of docker.

use super::importer::{Importer, Taken};
use super::options::Options;
use crate::draft::Node;
use crate::import::names::with_tag;
use crate::import::workflow::scope::Use;

/// Options of `docker build` without a value.
const FLAGS: [&str; 7] = ["--load", "--no-cache", "--pull", "--push", "--quiet", "-q", "--rm"];

pub fn command(importer: &mut Importer<'_, '_>, words: &[Option<String>], line: usize) -> Taken {
    let word = |at: usize| words.get(at).and_then(Option::as_deref).unwrap_or_default();
    match (word(1), word(2)) {
        ("build", _) => build(importer, &words[2..], line),
        ("buildx" | "image", "build") => build(importer, &words[3..], line),
        ("push", _) => push(importer, &words[2..], line),
        ("image", "push") => push(importer, &words[3..], line),
        ("tag", _) => tag(importer, &words[2..], line),
        ("image", "tag") => tag(importer, &words[3..], line),
        ("pull", _) => {
            let image = words.last().cloned().flatten();
            let Some(image) = image.and_then(|image| importer.text(&image, Use::Name, line)) else {
                return Taken::Unknown;
            };
            importer.service.build(Node::flow([("image", Node::text(with_tag(&image)))]));
            Taken::Converted
        }
        ("login", _) => login(importer, &words[2..], None, line),
        ("logout" | "images" | "ps", _) | ("buildx", "create" | "use" | "inspect") => {
            Taken::Converted
        }
        _ => Taken::Unknown,
    }
}

fn build(importer: &mut Importer<'_, '_>, words: &[Option<String>], line: usize) -> Taken {
    let options = Options::new(words);
    let context = options.positional(&FLAGS).into_iter().next_back().flatten();
    let Some(context) = context.filter(|context| context != "-") else { return Taken::Unknown };
    let build = importer.dockerfile_build(&options, &context, line);
    importer.service.build(build);
    if options.has(&["--push"]) {
        for reference in options.repeated(&["--tag", "-t"]).into_iter().flatten() {
            if let Some(reference) = importer.text(&reference, Use::Name, line) {
                importer.service.push(&reference);
            }
        }
        importer.service.flush();
    }
    for option in ["--secret", "--ssh", "--cache-from", "--cache-to"] {
        if options.has(&[option]) {
            importer.plan.needs_you(
                line,
                format!("`{option}` was left out: `build` has a key of this name"),
            );
        }
    }
    Taken::Converted
}

/// A name on this machine is no more than that; what is pushed counts.
fn tag(importer: &mut Importer<'_, '_>, words: &[Option<String>], line: usize) -> Taken {
    let source = words.first().cloned().flatten().unwrap_or_default();
    if !importer.service.has_build() && !source.is_empty() {
        let Some(image) = importer.text(&source, Use::Name, line) else { return Taken::Unknown };
        importer.service.build(Node::flow([("image", Node::text(with_tag(&image)))]));
    }
    Taken::Converted
}

fn push(importer: &mut Importer<'_, '_>, words: &[Option<String>], line: usize) -> Taken {
    if !importer.service.has_build() {
        return Taken::Unknown;
    }
    let options = Options::new(words);
    let flags = ["--all-tags", "-a", "--quiet", "-q"];
    let reference = options.positional(&flags).into_iter().next().flatten();
    match reference.and_then(|reference| importer.text(&reference, Use::Name, line)) {
        Some(reference) => {
            importer.service.push(&reference);
            Taken::Converted
        }
        None => Taken::Unknown,
    }
}

/// Takes how a registry is signed in to; `piped` is what standard input has.
pub fn login(
    importer: &mut Importer<'_, '_>,
    words: &[Option<String>],
    piped: Option<String>,
    line: usize,
) -> Taken {
    let options = Options::new(words);
    let host = options.positional(&["--password-stdin"]).into_iter().next();
    let host = match host {
        Some(Some(host)) => importer.text(&host, Use::Name, line),
        Some(None) => None,
        None => Some("docker.io".to_owned()),
    };
    let Some(host) = host else { return Taken::Converted };
    let username = options.text(&["--username", "-u"]);
    let username = username.and_then(|username| importer.text(&username, Use::Name, line));
    let password = options.text(&["--password", "-p"]).or(piped);
    let password = password.and_then(|password| importer.text(&password, Use::Value, line));
    importer.plan.sign_in(line, &host, username, password);
    Taken::Converted
}
