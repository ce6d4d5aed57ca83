//! A page of the documents: its commands, and what it shows of their output.

use regex::Regex;
use std::fs;
use std::path::Path;

/// A command of a page.
#[derive(Debug)]
pub struct DocumentedCommand {
    /// As it is typed, without the prompt; its further lines had the prompt `> `.
    pub typed: String,
    /// The lines that stand below it.
    pub shown: Vec<String>,
}

pub struct Page {
    pub commands: Vec<DocumentedCommand>,
    /// The blocks of YAML that are plans.
    pub plans: Vec<String>,
    /// How many blocks say why they are not run.
    pub not_run: usize,
}

impl Page {
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        Self::parse(&fs::read_to_string(path).expect("the page"))
    }

    fn parse(text: &str) -> Self {
        let block =
            Regex::new(r"(?ms)^(<!-- not run: [^\n]{10,} -->\n)?```(yaml|console)\n(.*?)^```$")
                .expect("a pattern");
        let mut page = Self { commands: Vec::new(), plans: Vec::new(), not_run: 0 };
        for found in block.captures_iter(text) {
            match (&found[2], found.get(1)) {
                ("yaml", _) => page.plans.push(found[3].to_owned()),
                (_, Some(_)) => page.not_run += 1,
                (_, None) => page.add_block(&found[3]),
            }
        }
        page
    }

    fn add_block(&mut self, block: &str) {
        for line in block.lines() {
            if let Some(typed) = line.strip_prefix("$ ") {
                let typed = typed.to_owned();
                self.commands.push(DocumentedCommand { typed, shown: Vec::new() });
                continue;
            }
            let command = self.commands.last_mut().expect("a block begins with a prompt");
            match line.strip_prefix("> ") {
                Some(more) if command.shown.is_empty() => {
                    command.typed.extend(["\n", more]);
                }
                _ => command.shown.push(line.to_owned()),
            }
        }
    }
}

#[test]
fn block_with_a_reason_is_not_run() {
    let page = Page::parse(
        "```yaml\nname: a\n```\n```console\n$ cat <<E\n> x\n> E\nx\n$ true\n```\n\
         <!-- not run: the real Azure -->\n```console\n$ az login\n```\n```text\n$ no\n```\n",
    );
    let typed: Vec<&str> = page.commands.iter().map(|one| one.typed.as_str()).collect();
    assert_eq!(typed, ["cat <<E\nx\nE", "true"]);
    assert_eq!(page.commands[0].shown, ["x"]);
    assert_eq!((page.not_run, page.plans), (1, vec!["name: a\n".to_owned()]));
}
