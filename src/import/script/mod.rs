//! Shell scripts: the commands of `az`, docker and curl in them become steps.
//!
//! `lexer` and `statements` take a script apart, `variables` follows what is assigned,
//! `az`, `docker` and `probe` know the commands. A statement that none of them knows is
//! kept, in its order, as part of a `run` step.

mod az;
mod docker;
mod folders;
mod importer;
mod kept;
mod lexer;
mod options;
mod origin;
mod probe;
mod statements;
mod variables;

use super::names::kebab;
use super::note::NoteKind;
use super::plan::PlanBuilder;
use super::service::ServiceBuilder;
use super::workflow::scope::{Fact, Scope};
use crate::draft::Node;
use folders::{Change, Folders};
use importer::{Conversion, Importer};
use kept::Kept;
use lexer::Piece;
use statements::{Assigned, Command, Form, Statement};
use std::collections::BTreeSet;
use variables::{Known, Shell, split_operation, variable_of};

pub use lexer::{masked_words, words};
pub use origin::Script;

/// Converts what is known of a script, and keeps the rest.
pub fn import(
    script: &Script<'_>,
    scope: &mut Scope<'_>,
    service: &mut ServiceBuilder,
    plan: &mut PlanBuilder,
) {
    let (masked, expressions) = lexer::mask(script.text);
    let statements = statements::statements(&masked);
    let mut importer = Importer {
        script,
        shell: Shell::new(expressions),
        scope,
        service,
        plan,
        kept: Kept::default(),
        folders: Folders::new(script.folder),
    };
    // A script that is run by hand between its commands cannot be cut.
    let converts = statements.iter().any(is_known);
    if converts {
        for statement in &statements {
            importer.statement(statement);
        }
    } else {
        importer.keep_all(&statements);
    }
    importer.write_kept();
}

/// Programs whose commands become steps.
const KNOWN_PROGRAMS: [&str; 4] = ["az", "curl", "docker", "wget"];

impl Importer<'_, '_> {
    fn line(&self, statement: &Statement) -> usize {
        self.script.line + statement.line
    }

    fn statement(&mut self, statement: &Statement) {
        let line = self.line(statement);
        let conversion = match &statement.form {
            Form::Assignment { name, value } => {
                self.assign(name, value, statement);
                return;
            }
            Form::Command(command) if command.writes_to.as_deref().is_some_and(is_github_file) => {
                self.output(command)
            }
            Form::Command(command)
                if command.writes_to.is_some() || !command.piped_from.is_empty() =>
            {
                self.redirected(command, line)
            }
            Form::Command(command) => self.command(command, line),
            Form::Loop { body, condition } => probe::of_loop(self, condition, body),
            Form::Opaque => Conversion::Unknown,
        };
        match conversion {
            Conversion::Done => {}
            Conversion::Unknown => self.kept.keep(statement),
        }
    }

    fn command(&mut self, command: &Command, line: usize) -> Conversion {
        let program = command.program();
        if ["cd", "pushd", "popd"].contains(&program) {
            return self.change_folder(command, line);
        }
        if !KNOWN_PROGRAMS.contains(&program) {
            // What is only told to people is of no use between converted commands.
            let is_told = ["echo", "printf", "set", "sleep", ":"].contains(&program);
            if program == "sleep" {
                self.plan.changed(
                    line,
                    "`sleep` is not needed: a deploy waits, and `verify` tries again",
                );
            }
            return if is_told && self.kept.is_empty() {
                Conversion::Done
            } else {
                Conversion::Unknown
            };
        }
        self.write_kept();
        self.note_arguments(&command.words, line);
        self.compute(&command.words, line);
        let words = self.shell.expand_all(&command.words, self.scope);
        match program {
            "az" => az::command(self, &words, line),
            "docker" => docker::command(self, &words, line),
            _ => probe::command(self, &words),
        }
    }

    fn assign(&mut self, name: &str, value: &Assigned, statement: &Statement) {
        let known = match (self.shell.assigned(value, self.scope), value) {
            (Known::Nothing, Assigned::Word(word)) if self.shell.is_computable(word) => {
                Known::Computed { statement: statement.text.clone(), value: word.clone() }
            }
            (known, Assigned::Word(word)) => {
                self.note_arguments(std::slice::from_ref(word), self.line(statement));
                known
            }
            (known, Assigned::List { .. }) => known,
        };
        self.shell.set(name, known);
        self.kept.assignment(name, statement);
    }

    /// `cd`, which the steps after it do by their own paths.
    fn change_folder(&mut self, command: &Command, line: usize) -> Conversion {
        self.write_kept();
        let words = self.shell.expand_all(&command.words, self.scope);
        let target = words.get(1).cloned().flatten().filter(|path| !path.contains("${{"));
        if self.folders.change(command.program(), target.as_deref()) == Change::Unknown {
            let text = format!(
                "where `{}` leads is known only to the script: the paths after it are relative to {}",
                command.program(),
                self.folders
                    .current()
                    .map_or_else(|| "the plan".to_owned(), |it| format!("`{it}`"))
            );
            self.plan.needs_you(line, text);
        }
        Conversion::Done
    }

    /// Says which variables are read for the arguments of the script.
    fn note_arguments(&mut self, words: &[lexer::Word], line: usize) {
        for piece in words.iter().flatten() {
            let Piece::Variable(spelled) = piece else { continue };
            let (name, _) = split_operation(spelled);
            let variable = variable_of(name).filter(|variable| *variable != name);
            if let Some(variable) = variable {
                let text = format!(
                    "a plan has no arguments: `${name}` is read from the variable `{variable}`"
                );
                self.plan.needs_you(line, text);
            }
        }
    }

    /// Lets `run` steps compute the variables that words name and only a run knows.
    fn compute(&mut self, words: &[lexer::Word], line: usize) {
        let names: BTreeSet<String> = words
            .iter()
            .flatten()
            .filter_map(|piece| match piece {
                Piece::Variable(spelled) => Some(split_operation(spelled).0.to_owned()),
                Piece::Text(_) | Piece::AllOf(_) | Piece::Output(_) => None,
            })
            .collect();
        for name in names {
            let Some((statement, value)) = self.shell.computed(&name) else { continue };
            // Not again while what it is made of is computed.
            self.shell.set(&name, Known::Nothing);
            self.compute(std::slice::from_ref(&value), line);
            let again = Assigned::Word(value);
            let known = match self.shell.assigned(&again, self.scope) {
                Known::Nothing => self.computing_step(&name, &statement, line),
                known => known,
            };
            self.shell.set(&name, known);
        }
    }

    /// The output of a `run` step that computes a variable.
    fn computing_step(&mut self, name: &str, statement: &str, line: usize) -> Known {
        let id = self.service.unused_id(&format!("{}-value", kebab(name)));
        let text =
            self.kept.with_assignments(&format!("echo \"value=${name}\" >> \"$SHIPWAY_OUTPUT\""));
        let text = self.shell.unmask(&text);
        let origin =
            Script { id: None, name: None, continue_on_error: false, ..self.script.clone() };
        match kept::step(&text, &origin, self.folders.current(), self.scope) {
            Ok(step) => {
                self.service.run(step.begin_with("id", Node::text(id.clone())));
                let shown = self.shell.unmask(statement);
                self.plan.changed(line, format!("a `run` step computes `{shown}`"));
                let source = format!("steps.{id}.outputs.value");
                Known::Text(Fact::Expression(source).as_source())
            }
            Err(_) => Known::Nothing,
        }
    }

    /// A command whose output goes to a file or another command.
    fn redirected(&mut self, command: &Command, line: usize) -> Conversion {
        let words = &command.words;
        let last = self.shell.expand_all(words, self.scope);
        let is_login =
            ["docker", "login"].into_iter().eq(last.iter().take(2).filter_map(Option::as_deref));
        if is_login {
            let piped = self.shell.expand_all(&command.piped_from, self.scope);
            let piped = piped.into_iter().next_back().flatten();
            return docker::login(self, last.get(2..).unwrap_or_default(), piped, line);
        }
        match command.writes_to.as_deref() {
            Some("/dev/null") => {
                self.command(&Command { writes_to: None, ..command.clone() }, line)
            }
            _ => Conversion::Unknown,
        }
    }

    /// `echo NAME=VALUE >> $GITHUB_OUTPUT`, or the same to `$GITHUB_ENV`.
    fn output(&mut self, command: &Command) -> Conversion {
        let words = self.shell.expand_all(&command.words, self.scope);
        let Some(words) = words.into_iter().collect::<Option<Vec<_>>>() else {
            return Conversion::Unknown;
        };
        let text = words.get(1..).unwrap_or_default().join(" ");
        let (true, Some((name, value))) = (command.program() == "echo", text.split_once('='))
        else {
            return Conversion::Unknown;
        };
        let fact = value.to_owned();
        if command.writes_to.as_deref().is_some_and(|file| file.contains("GITHUB_ENV")) {
            self.scope.env.insert(name.to_owned(), fact);
        } else if let Some(id) = self.script.id {
            self.scope.outputs.insert((id.to_owned(), name.to_owned()), fact);
        }
        Conversion::Done
    }

    fn keep_all(&mut self, statements: &[Statement]) {
        for statement in statements {
            self.kept.keep(statement);
        }
    }

    /// Makes a `run` step of what was kept.
    fn write_kept(&mut self) {
        let Some(kept) = self.kept.take() else { return };
        let text = self.shell.unmask(&kept.text);
        let line = self.script.line + kept.line;
        match kept::step(&text, self.script, self.folders.current(), self.scope) {
            Ok(step) => {
                self.service.run(step);
                self.note_kept(line, &text, self.shell.unmask(&kept.shown));
                if kept.names_argument {
                    let text = "a `run` step has no arguments: `$1` is empty there, write a variable instead";
                    self.plan.needs_you(line, text);
                }
            }
            Err(missing) => self.plan.needs_you(
                line,
                format!(
                    "a command uses `{}`, which a plan does not have, and was left out",
                    missing.0
                ),
            ),
        }
    }

    fn note_kept(&mut self, line: usize, text: &str, shown: String) {
        self.plan.note(line, NoteKind::KeptAsRun, shown);
        if text.lines().any(|line| line.trim_start().starts_with("az ")) {
            self.plan.needs_you(line, "`az` in a `run` step needs `azure/login` in the workflow");
        }
        if text.lines().any(|line| line.trim_start().starts_with("docker ")) {
            self.plan.needs_you(
                line,
                "`docker` in a `run` step does not see the images that the plan builds",
            );
        }
        if text.contains("GITHUB_ENV") || text.contains("GITHUB_PATH") {
            self.plan.needs_you(line, "later steps do not see what is written to `GITHUB_ENV`: write outputs to `$SHIPWAY_OUTPUT`");
        }
    }
}

/// Whether a statement is a command of which steps are made, or outputs that can be
/// known without running it.
fn is_known(statement: &Statement) -> bool {
    match &statement.form {
        Form::Command(command) => {
            let program = command.program();
            let is_output = command.writes_to.as_deref().is_some_and(is_github_file);
            KNOWN_PROGRAMS.contains(&program) || is_output
        }
        Form::Loop { condition, body } => condition.iter().chain(body).any(probe::asks),
        Form::Assignment { .. } | Form::Opaque => false,
    }
}

fn is_github_file(file: &str) -> bool {
    ["GITHUB_OUTPUT", "GITHUB_ENV"].iter().any(|name| file.contains(name))
}
