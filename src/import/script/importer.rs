//! What the commands of a script are converted with.

use super::folders::Folders;
use super::kept::Kept;
use super::options::{OptionValue, Options};
use super::origin::Script;
use super::variables::Shell;
use crate::draft::Node;
use crate::import::names::is_default_dockerfile;
use crate::import::plan::PlanBuilder;
use crate::import::service::ServiceBuilder;
use crate::import::workflow::expression;
use crate::import::workflow::scope::{Scope, Use};

/// What a command became.
pub enum Conversion {
    /// It became steps of the plan, or nothing that a plan needs.
    Done,
    /// It is not known, or not in this form.
    Unknown,
}

pub struct Importer<'a, 'n> {
    pub script: &'a Script<'a>,
    pub shell: Shell,
    pub scope: &'a mut Scope<'n>,
    pub service: &'a mut ServiceBuilder,
    pub plan: &'a mut PlanBuilder,
    pub kept: Kept,
    pub folders: Folders,
}

impl Importer<'_, '_> {
    /// A text of the workflow as one of the plan. What a plan does not have is a note.
    pub fn text(&mut self, source: &str, used: Use, line: usize) -> Option<String> {
        let text = expression::text(source, used, self.scope);
        text.map_err(|missing| missing.note(line, self.plan)).ok()
    }

    /// The value of an option as a text of the plan.
    pub fn option(
        &mut self,
        options: &Options,
        names: &[&str],
        used: Use,
        line: usize,
    ) -> Option<String> {
        match options.value(names)? {
            OptionValue::Known(source) => self.text(&source, used, line),
            OptionValue::Unknown => {
                let text = format!("the value of `{}` is known only to the script", names[0]);
                self.plan.needs_you(line, text);
                None
            }
        }
    }

    pub fn name_of(&mut self, options: &Options, names: &[&str], line: usize) -> Option<String> {
        self.option(options, names, Use::Name, line)
    }

    /// `NAME=VALUE` words. What is sent as a secure value has to come from a secret.
    pub fn environment(
        &mut self,
        pairs: &[Option<String>],
        secure: bool,
        line: usize,
    ) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for pair in pairs {
            let Some((name, value)) = pair.as_deref().and_then(|pair| pair.split_once('=')) else {
                self.plan.needs_you(
                    line,
                    "a variable of the container is known only to the script, and was left out",
                );
                continue;
            };
            let Some(value) = self.text(value, Use::Value, line) else { continue };
            if secure && !value.contains("secrets.") {
                self.plan.needs_you(
                    line,
                    format!("the secure value of `{name}` is read from the variable `{name}`"),
                );
                let secret = self.scope.needed.secret(name);
                found.push((name.to_owned(), format!("${{{{ secrets.{secret} }}}}")));
            } else {
                found.push((name.to_owned(), value));
            }
        }
        found
    }

    /// `build` from the options that `docker build` and `az acr build` share.
    pub fn dockerfile_build(&mut self, options: &Options, context: &str, line: usize) -> Node {
        let folders = self.folders.clone();
        let inside = |path: &str| folders.path(path);
        let context = self.text(context, Use::Name, line).unwrap_or_else(|| ".".to_owned());
        let context = inside(&context);
        let mut keys = vec![("context", Node::text(context.clone()))];
        if let Some(file) = self.name_of(options, &["--file", "-f"], line) {
            let file = inside(&file);
            if !is_default_dockerfile(&context, &file) {
                keys.push(("dockerfile", Node::text(file)));
            }
        }
        if let Some(target) = self.name_of(options, &["--target"], line) {
            keys.push(("target", Node::text(target)));
        }
        let arguments = options.repeated(&["--build-arg"]);
        let arguments = self.environment(&arguments, false, line);
        if !arguments.is_empty() {
            let arguments =
                arguments.iter().map(|(name, value)| (name.as_str(), Node::text(value.clone())));
            keys.push(("args", Node::flow(arguments.collect::<Vec<_>>())));
        }
        if let Some(platform) = self.name_of(options, &["--platform"], line) {
            let platforms: Vec<&str> = platform.split(',').collect();
            keys.push(match platforms.as_slice() {
                [one] => ("platform", Node::text(*one)),
                several => ("platforms", Node::texts(several.iter().copied())),
            });
        }
        if keys.len() == 1 { Node::text(context) } else { Node::flow(keys) }
    }
}
