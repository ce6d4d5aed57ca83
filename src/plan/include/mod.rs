//! `include`: the files that a plan takes services and settings from.

mod hashes;
mod merge;

use super::diagnostic::Diagnostic;
use super::plan_text::PlanText;
use super::span::Spanned;
use super::tree::{Kind, Node, load};

pub use hashes::check_hashes;
pub use merge::{empty, merge};

/// Reads a file by its path relative to the folder of the plan. The error says why it cannot
/// be read.
pub type Open<'o> = &'o mut dyn FnMut(&str) -> Result<Vec<u8>, String>;

/// How many files a plan includes at most.
const MAX_FILES: usize = 100;

/// Adds the text of each file that the plan includes, and of those that these include.
pub fn add_files(text: &mut PlanText, open: Open<'_>, found: &mut Vec<Diagnostic>) {
    let mut known = vec![KnownFile { path: String::new(), included_by: 0 }];
    let mut number = 0;
    loop {
        let Some(part) = text.parts().nth(number) else { return };
        // Reading a tree takes long, and few plans include others.
        let mut named =
            if part.text.contains("include") { included(part.text) } else { Vec::new() };
        let (folder, start) = (part.folder.to_owned(), part.start);
        for path in &mut named {
            path.span = path.span.start + start..path.span.end + start;
            let read = resolve(path, &folder, &known, number);
            let read = read.and_then(|resolved| match resolved {
                Some(resolved) => Ok(Some((content(path, &resolved, open)?, resolved))),
                None => Ok(None),
            });
            match read {
                Ok(Some((content, resolved))) => {
                    text.add(&shown(text, &resolved), folder_of(&resolved), &content);
                    known.push(KnownFile { path: resolved, included_by: number });
                }
                Ok(None) => {}
                Err(mistake) => found.push(*mistake),
            }
        }
        number += 1;
    }
}

/// The path relative to the folder of the plan; `None` if its file is there already.
fn resolve(
    path: &Spanned<String>,
    folder: &str,
    known: &[KnownFile],
    number: usize,
) -> Result<Option<String>, Box<Diagnostic>> {
    let spelled = &path.value;
    if spelled.contains("${{") {
        return Err(refusal(path, "`include` takes no expression".to_owned())
            .help("it is read before anything is evaluated")
            .into());
    }
    let Some(resolved) = joined(folder, spelled) else {
        return Err(refusal(path, format!("`{spelled}` is no relative path"))
            .help("write the path of a plan, relative to the file that includes it")
            .into());
    };
    if is_above(known, number, &resolved) {
        return Err(refusal(path, format!("`{spelled}` includes this file"))
            .help("put what both need into a third file, and include that in one of them")
            .into());
    }
    if known.iter().any(|file| file.path == resolved) {
        return Ok(None);
    }
    if known.len() > MAX_FILES {
        return Err(refusal(path, format!("a plan includes at most {MAX_FILES} files")).into());
    }
    Ok(Some(resolved))
}

fn content(
    path: &Spanned<String>,
    resolved: &str,
    open: Open<'_>,
) -> Result<String, Box<Diagnostic>> {
    let bytes = open(resolved).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned())
    });
    match bytes {
        Ok(content) => Ok(content.strip_prefix('\u{feff}').unwrap_or(&content).to_owned()),
        Err(why) => Err(refusal(path, format!("cannot include `{}`: {why}", path.value))
            .help("the path is relative to the file that includes it")
            .into()),
    }
}

fn refusal(path: &Spanned<String>, message: String) -> Diagnostic {
    Diagnostic::error("cannot-include", message, &path.span)
}

/// The path of an included file as it is shown: beside that of the plan.
fn shown(text: &PlanText, resolved: &str) -> String {
    let plan = text.parts().next().map_or("", |part| part.name);
    joined(folder_of(plan), resolved).unwrap_or_else(|| resolved.to_owned())
}

/// A file whose text is there; the first is the plan.
struct KnownFile {
    /// Relative to the folder of the plan.
    path: String,
    /// The number of the file that includes it.
    included_by: usize,
}

/// Whether a path is that of a file that includes the file of this number, directly or not.
fn is_above(known: &[KnownFile], mut number: usize, path: &str) -> bool {
    loop {
        if known[number].path == path {
            return true;
        }
        if number == 0 {
            return false;
        }
        number = known[number].included_by;
    }
}

/// The paths under `include`. What is no path is reported when the plan is read.
fn included(text: &str) -> Vec<Spanned<String>> {
    let Some(Node { kind: Kind::Mapping(entries), .. }) = load(text, &mut Vec::new()) else {
        return Vec::new();
    };
    let value = entries.iter().find(|entry| entry.key.value == "include");
    value.map_or_else(Vec::new, |entry| {
        entry.value.items().iter().filter_map(Node::spelled).collect()
    })
}

/// The path of a file as it is seen from a folder: without `.`, and without `..` but at its
/// beginning. `None` for one that is not relative.
fn joined(folder: &str, path: &str) -> Option<String> {
    if path.is_empty() || path.starts_with('/') {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    if folder.starts_with('/') {
        names.push("");
    }
    for name in folder.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// The folder of a path; empty for a name alone.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::joined;
    use crate::plan::{read_files, render_plan};

    /// What is wrong with a plan, and its services, where there are these files beside it.
    fn shown(plan: &str, files: &[(&str, &str)]) -> String {
        let mut open = |path: &str| {
            let found = files.iter().find(|(known, _)| *known == path);
            let found = found.map(|(_, text)| text.as_bytes().to_vec());
            found.ok_or_else(|| "No such file or directory (os error 2)".to_owned())
        };
        let (text, reading) = read_files("shop/shipway.yml", plan.as_bytes(), &mut open);
        let drawn = render_plan(&text, &reading.diagnostics, false);
        let plan = reading.plan.map(|plan| {
            let services = plan
                .services
                .iter()
                .map(|(name, _)| format!("{} in `{}`", name.value, text.folder_of(&name.span)));
            let vars =
                plan.vars.iter().map(|(name, text)| format!("{}={}", name.value, text.source));
            services.chain(vars).collect::<Vec<_>>().join(", ")
        });
        [Some(drawn), plan]
            .into_iter()
            .flatten()
            .filter(|it| !it.is_empty())
            .collect::<Vec<_>>()
            .join("\n\n")
    }

    const STEPS: &str = "steps: [{ run: make }]\n";

    #[test]
    fn services_and_settings_of_other_files_are_taken() {
        let plan = "name: shop\ninclude: [web/shipway.yml, ./api/../api/shipway.yml]\n\
                    vars: { region: west }\nservices:\n  db: { steps: [{ run: make }] }\n";
        let web = format!("name: web\nversion: 1\nvars: {{ region: west, size: 2 }}\n{STEPS}");
        let api = format!(
            "name: api\ninclude: ../common/vars.yml\nservices:\n  api: {{ needs: [db], {} }}\n",
            STEPS.trim_end()
        );
        let files = [
            ("web/shipway.yml", web.as_str()),
            ("api/shipway.yml", &api),
            ("common/vars.yml", "vars: { color: blue }\n"),
        ];
        assert_eq!(
            shown(plan, &files),
            "db in ``, web in `web`, api in `api`, region=west, size=2, color=blue"
        );
    }

    #[test]
    fn entries_that_differ_are_a_mistake_with_both_places() {
        let plan = "name: shop\ninclude: [web.yml]\nvars: { size: 1 }\nservices:\n  web: { steps: [{ run: make }] }\n";
        let web = "name: web\nvars: { size: 2 }\nsteps: [{ run: test }]\n";
        assert_eq!(
            shown(plan, &[("web.yml", web)]),
            "\
error[duplicate-key]: two files have a service `web`
 --> shop/web.yml:1:7
  |
1 | name: web
  |       ^^^ again here
  |
 ::: shop/shipway.yml:5:3
  |
5 |   web: { steps: [{ run: make }] }
  |   --- first here
  |
  = help: rename one of them: the key under `services`, or the `name` of a plan with `steps`

error[duplicate-key]: `size` under `vars` is in two files that differ
 --> shop/web.yml:2:9
  |
2 | vars: { size: 2 }
  |         ^^^^ again here
  |
 ::: shop/shipway.yml:3:9
  |
3 | vars: { size: 1 }
  |         ---- first here
  |
  = help: write the same in both, or leave it out of one of them"
        );
    }

    #[test]
    fn mistakes_of_an_included_file_are_shown_with_its_path() {
        let plan = "name: shop\ninclude: [web.yml]\n";
        let web = "name: web\nsteps:\n- run: make\n  timeout: soon\nsevices: {}\n";
        assert_eq!(
            shown(plan, &[("web.yml", web)]),
            "\
error[bad-value]: `timeout` cannot be `soon`
 --> shop/web.yml:4:12
  |
4 |   timeout: soon
  |            ^^^^ expected a duration such as `10m`, `1h30m` or `500ms`

error[unknown-key]: a plan has no key `sevices`
 --> shop/web.yml:5:1
  |
5 | sevices: {}
  | ^^^^^^^
  |
  = help: did you mean `services`?"
        );
        assert_eq!(
            shown(plan, &[("web.yml", "name: [\n")]),
            "\
error[yaml-syntax]: `[` is not closed
 --> shop/web.yml:1:7
  |
1 | name: [
  |       ^
  |
  = help: put `]` where the list ends"
        );
        assert_eq!(
            shown(plan, &[("web.yml", "- a\n")]),
            "\
error[not-a-plan]: a plan is a mapping, and this is a list
 --> shop/web.yml:1:1
  |
1 | - a
  | ^^^"
        );
        assert_eq!(
            shown(plan, &[("web.yml", STEPS)]),
            "\
error[missing-key]: an included plan with `steps` has no `name`, which names its service
 --> shop/web.yml:1:1
  |
1 | steps: [{ run: make }]
  | ^^^^^"
        );
    }

    #[test]
    fn services_and_files_of_secrets_are_never_the_same() {
        let plan = "name: shop\ninclude: [web/a.yml, api/a.yml]\n";
        let two = |text: &str| shown(plan, &[("web/a.yml", text), ("api/a.yml", text)]);
        let said = two("name: web\nsteps: [{ build: . }]\n");
        assert!(
            said.starts_with("error[duplicate-key]: two files have a service `web`\n"),
            "{said}"
        );
        let said = two("secrets: { key: { file: key.txt } }\n");
        let clash = "error[duplicate-key]: `key` under `secrets` is the file of two folders\n";
        let help =
            "help: a `file` is relative to the plan that names it: leave one out, or rename it";
        assert!(said.contains(clash) && said.ends_with(help), "{said}");
        let said = shown(
            &format!("{plan}{STEPS}"),
            &[
                ("web/a.yml", "secrets: { key: { env: KEY } }\n"),
                ("api/a.yml", "secrets: { key: { env: KEY } }\n"),
            ],
        );
        assert!(!said.contains("error["), "{said}");
    }

    #[test]
    fn what_is_refused_alone_is_refused_when_included() {
        let one = |text: &str| {
            shown("name: shop\ninclude: [web.yml]\nsteps: [{ run: x }]\n", &[("web.yml", text)])
        };
        for text in ["", "# nothing\n", "{}\n", "~\n"] {
            let said = one(text);
            assert!(
                said.starts_with(
                    "error[empty-plan]: the included plan is empty\n --> shop/web.yml:1:1\n"
                ),
                "{text:?}: {said}"
            );
        }
        let said = one("name: web\nversion: 2\nvars: { a: b }\n");
        let words = "error[unsupported-version]: version `2` of the plan's language is not there\n --> shop/web.yml:2:10\n";
        assert!(said.starts_with(words), "{said}");
        let said =
            one("name: web\nsteps: [{ run: x }]\nservices: { a: { steps: [{ run: x }] } }\n");
        let words =
            "error[conflicting-keys]: `steps` does not go with `services`\n --> shop/web.yml:2:1\n";
        assert!(said.starts_with(words), "{said}");
        assert_eq!(
            one("services: { a: { steps: [{ run: x }] } }\n"),
            "\
error[conflicting-keys]: a plan with `steps` has one service, and the included file has others
 --> shop/shipway.yml:3:1
  |
3 | steps: [{ run: x }]
  | ^^^^^
  |
 ::: shop/web.yml:1:1
  |
1 | services: { a: { steps: [{ run: x }] } }
  | -------- these
  |
  = help: put the steps under `services`, as `services: { NAME: { steps: … } }`"
        );
    }

    #[test]
    fn hashes_of_files_are_of_the_plan_alone() {
        let plan =
            "name: shop\ninclude: [web.yml]\nsteps: [{ run: \"echo ${{ hashFiles('a') }}\" }]\n";
        assert_eq!(
            shown(plan, &[("web.yml", "vars: { a: \"${{ hashFiles('b') }}\" }\n")]),
            "\
error[hash-files]: `hashFiles` looks in the folder of the plan, not of an included file
 --> shop/web.yml:1:17
  |
1 | vars: { a: \"${{ hashFiles('b') }}\" }
  |                 ^^^^^^^^^^^^^^
  |
  = help: move it into the plan, as one of its `vars`"
        );
    }

    #[test]
    fn files_that_cannot_be_included_are_refused() {
        let one = |include: &str, files: &[(&str, &str)]| {
            let plan = format!("name: shop\ninclude: [{include}]\n{STEPS}");
            shown(&plan, files)
        };
        assert_eq!(
            one("web.yml", &[]),
            "\
error[cannot-include]: cannot include `web.yml`: No such file or directory (os error 2)
 --> shop/shipway.yml:2:11
  |
2 | include: [web.yml]
  |           ^^^^^^^
  |
  = help: the path is relative to the file that includes it"
        );
        assert_eq!(
            one("/etc/web.yml", &[]),
            "\
error[cannot-include]: `/etc/web.yml` is no relative path
 --> shop/shipway.yml:2:11
  |
2 | include: [/etc/web.yml]
  |           ^^^^^^^^^^^^
  |
  = help: write the path of a plan, relative to the file that includes it"
        );
        assert_eq!(
            one(
                "web/a.yml",
                &[("web/a.yml", "include: b.yml\n"), ("web/b.yml", "include: [./a.yml]\n")]
            ),
            "\
error[cannot-include]: `./a.yml` includes this file
 --> shop/web/b.yml:1:11
  |
1 | include: [./a.yml]
  |           ^^^^^^^
  |
  = help: put what both need into a third file, and include that in one of them"
        );
    }

    #[test]
    fn file_that_two_include_is_taken_once() {
        let files = [
            ("a.yml", "include: vars.yml\n"),
            ("b.yml", "include: vars.yml\n"),
            ("vars.yml", "vars: { a: 1 }\n"),
        ];
        let plan = format!("name: shop\ninclude: [a.yml, b.yml]\n{STEPS}");
        assert_eq!(shown(&plan, &files), "shop in ``, a=1");
    }

    #[test]
    fn paths_are_seen_from_the_plan() {
        let join = |folder: &str, path: &str| joined(folder, path);
        assert_eq!(join("", "a.yml").as_deref(), Some("a.yml"));
        assert_eq!(join("web", "../b/./c.yml").as_deref(), Some("b/c.yml"));
        assert_eq!(join("", "../../a.yml").as_deref(), Some("../../a.yml"));
        assert_eq!(join("/srv/shop", "../a.yml").as_deref(), Some("/srv/a.yml"));
        assert_eq!(join("web", "/a.yml"), None);
        assert_eq!(join("web", ""), None);
    }
}
