//! The source of the crate: its files as modules, and the paths that they use.
//! Comments, texts and tests are blanked out first.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The segments of a path. That of a module begins at the crate's root.
pub type Segments = Vec<String>;

pub struct SourceFile {
    /// Relative to `src`.
    pub path: String,
    pub code: String,
    defined: BTreeSet<String>,
    /// What the file imports, by the name that it has here; `*` for a glob.
    imports: Vec<(String, Segments)>,
    /// Every path that the file uses, as it is written.
    used: Vec<Segments>,
}

pub struct Source {
    files: BTreeMap<Segments, SourceFile>,
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

impl Source {
    /// The source of this crate, read once.
    pub fn of_the_crate() -> &'static Self {
        static SOURCE: LazyLock<Source> = LazyLock::new(Source::read);
        &SOURCE
    }

    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut texts = BTreeMap::new();
        for path in rust_files(&root) {
            let text = blank(&fs::read_to_string(&path).expect("a source file"));
            let path = path.strip_prefix(&root).expect("below src").display().to_string();
            texts.insert(module_of(&path), (path, text));
        }
        let tests = test_modules(&texts);
        let is_test = |module: &Segments| tests.iter().any(|test| module.starts_with(test));
        texts.retain(|module, _| !is_test(module));
        let modules: BTreeSet<Segments> = texts.keys().cloned().collect();
        let files = texts.into_iter().map(|(module, (path, text))| {
            let file = SourceFile::new(path, without_tests(&text), &module, &modules);
            (module, file)
        });
        Self { files: files.collect() }
    }

    pub fn files(&self) -> impl Iterator<Item = (&Segments, &SourceFile)> {
        self.files.iter()
    }

    /// The paths that a file uses, from the root of the crate; only those that
    /// lead into the crate.
    pub fn inner_paths(&self, module: &Segments) -> Vec<Segments> {
        let used = self.files[module].used.iter();
        used.filter_map(|path| absolute(module, path)).collect()
    }

    /// The modules of which a file uses an item, re-exports followed to the file
    /// that defines it.
    pub fn uses(&self, module: &Segments) -> BTreeSet<&Segments> {
        let used = self.files[module].used.iter();
        let found = used.filter_map(|path| self.resolve(module, path, 0));
        // `use super::module` alone takes nothing yet.
        found
            .filter(|(_, item)| item.is_some())
            .map(|(to, _)| to)
            .filter(|to| *to != module)
            .collect()
    }

    /// The module and the item that a path ends in.
    fn resolve<'a>(
        &'a self,
        module: &Segments,
        path: &[String],
        depth: usize,
    ) -> Option<(&'a Segments, Option<String>)> {
        // Re-exports that lead to each other.
        if depth > 12 {
            return None;
        }
        let Some(path) = absolute(module, path) else {
            let file = self.files.get(module)?;
            let (_, target) = file.imports.iter().find(|(name, _)| *name == path[0])?;
            let whole = [target.as_slice(), &path[1..]].concat();
            return if whole == path { None } else { self.resolve(module, &whole, depth + 1) };
        };
        let known = (0..=path.len()).rev().find(|end| self.files.contains_key(&path[..*end]))?;
        let (current, file) = self.files.get_key_value(&path[..known])?;
        let rest = &path[known..];
        let Some(item) = rest.first() else { return Some((current, None)) };
        for (name, target) in &file.imports {
            let (target, must_define) = match name.as_str() {
                "*" => ([target.as_slice(), rest].concat(), true),
                name if name == item => ([target.as_slice(), &rest[1..]].concat(), false),
                _ => continue,
            };
            if target == path {
                continue;
            }
            if let Some((to, found)) = self.resolve(current, &target, depth + 1) {
                let defines = |item: &String| self.files[to].defined.contains(item);
                if !must_define || found.as_ref().is_some_and(defines) {
                    return Some((to, found));
                }
            }
        }
        Some((current, Some(item.clone())))
    }
}

impl SourceFile {
    fn new(path: String, code: String, module: &Segments, modules: &BTreeSet<Segments>) -> Self {
        static USE: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"(?m)^\s*(?:pub(?:\([^)]*\))?\s+)?use\s+([^;]+);"));
        static DEFINED: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"\b(?:fn|struct|enum|trait|type|const|static|mod)\s+(\w+)"));
        static PATH: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:^|[^:\w])(\w+(?:::\w+)+)"));
        let defined = DEFINED.captures_iter(&code).map(|found| found[1].to_owned()).collect();
        let mut imports = Vec::new();
        for found in USE.captures_iter(&code) {
            expand(&found[1], &[], &mut imports);
        }
        // An import of a child module may be written without `self`.
        for (_, path) in &mut imports {
            if modules.contains(&[module.as_slice(), &path[..1]].concat()) {
                path.insert(0, "self".to_owned());
            }
        }
        let mut used: Vec<Segments> = imports.iter().map(|(_, path)| path.clone()).collect();
        let body = USE.replace_all(&code, "");
        for found in PATH.captures_iter(&body) {
            let path: Segments = found[1].split("::").map(str::to_owned).collect();
            let imported = imports.iter().find(|(name, _)| *name == path[0]);
            let child = [module.as_slice(), &path[..1]].concat();
            if ["crate", "self", "super"].contains(&path[0].as_str()) {
                used.push(path);
            } else if modules.contains(&child) {
                used.push([&["self".to_owned()], path.as_slice()].concat());
            } else if let Some((_, target)) = imported {
                used.push([target.as_slice(), &path[1..]].concat());
            }
        }
        Self { path, code, defined, imports, used }
    }

    /// Whether the file is that one or lies below it: `plan`, `run/state.rs`.
    pub fn is_below(&self, path: &str) -> bool {
        let rest = self.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
    }

    /// The imports of other crates, `std` included.
    pub fn outer_imports(&self) -> impl Iterator<Item = String> {
        self.imports.iter().map(|(_, path)| path.join("::"))
    }
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut waiting) = (Vec::new(), vec![root.to_owned()]);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn module_of(path: &str) -> Segments {
    let path = path.strip_suffix(".rs").expect("a source file");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// A path from the root of the crate, `None` where it does not begin with
/// `crate`, `self` or `super`.
fn absolute(module: &[String], path: &[String]) -> Option<Segments> {
    let (mut from, rest) = match path.first()?.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (module.to_vec(), &path[1..]),
        "super" => (module.to_vec(), path),
        _ => return None,
    };
    let ups = rest.iter().take_while(|segment| *segment == "super").count();
    from.truncate(from.len().saturating_sub(ups));
    from.extend(rest[ups..].iter().cloned());
    Some(from)
}

/// Every path of a `use`, with the name that it has in the file.
fn expand(tree: &str, prefix: &[String], found: &mut Vec<(String, Segments)>) {
    let tree = tree.trim();
    let segments = |text: &str| -> Segments {
        let parts = text.split("::").map(str::trim).filter(|part| !part.is_empty());
        prefix.iter().cloned().chain(parts.map(str::to_owned)).collect()
    };
    if let Some((before, group)) = tree.split_once('{') {
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        let prefix = segments(before);
        let (mut depth, mut start) = (0, 0);
        for (at, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&group[start..at], &prefix, found);
                    start = at + 1;
                }
                _ => {}
            }
        }
        if !group[start..].trim().is_empty() {
            expand(&group[start..], &prefix, found);
        }
        return;
    }
    let (path, alias) = match tree.split_once(" as ") {
        Some((path, alias)) => (path, Some(alias.trim().to_owned())),
        None => (tree, None),
    };
    let mut path = segments(path);
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let Some(last) = path.last().cloned() else { return };
    if last == "*" {
        path.pop();
    }
    found.push((alias.unwrap_or(last), path));
}

/// The modules that `#[cfg(test)] mod name;` declares.
fn test_modules(texts: &BTreeMap<Segments, (String, String)>) -> Vec<Segments> {
    let declared = pattern(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;");
    let mut tests = Vec::new();
    for (module, (_, text)) in texts {
        for found in declared.captures_iter(text) {
            tests.push([module.as_slice(), &[found[1].to_owned()]].concat());
        }
    }
    tests
}

/// The text without the items under `#[cfg(test)]`.
fn without_tests(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some(start) = text.find("#[cfg(test)]") {
        let item = &text[start..];
        let end = item.find(['{', ';']).unwrap_or(item.len() - 1);
        let end = if item[end..].starts_with('{') { closing(item, end) } else { end };
        text.replace_range(start..=start + end, "");
    }
    text
}

/// Where the brace at `open` is closed.
fn closing(text: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, letter) in text[open..].char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => return open + at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len() - 1
}

/// The text with spaces for comments and for what stands between quotes.
fn blank(text: &str) -> String {
    static OPAQUE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r"(?s)//[^\n]*|/\*.*?\*/",
            r##"|\bb?r#"(?:.*?)"#|\bb?r"[^"]*""##,
            r#"|"(?:\\.|[^"\\])*""#,
            r"|'(?:\\[^']+|\\'|[^'\\\n])'",
        ))
    });
    let spaces = |found: &regex::Captures<'_>| {
        let blank = |letter: char| if letter == '\n' { '\n' } else { ' ' };
        found[0].chars().map(blank).collect::<String>()
    };
    OPAQUE.replace_all(text, spaces).into_owned()
}

#[test]
fn comments_and_texts_are_blanked() {
    let text = "a // \"b\"\n'{' \"x\\\"}\" r#\"{\"\"#; <'a> /* { */ c";
    let blanked = blank(text);
    let rest: Vec<&str> = blanked.split_whitespace().collect();
    assert_eq!(rest, ["a", ";", "<'a>", "c"]);
}

#[test]
fn a_group_is_expanded() {
    let mut found = Vec::new();
    expand("crate::{a::{self, B as C}, d::*}", &[], &mut found);
    let found: Vec<String> =
        found.iter().map(|(name, path)| format!("{name}={}", path.join("::"))).collect();
    assert_eq!(found, ["a=crate::a", "C=crate::a::B", "*=crate::d"]);
}
