//! Shell scripts: the commands of `az`, docker and curl in them become steps.
//!
//! `lexer` and `statements` take a script apart, `variables` follows what is assigned,
//! `az`, `docker` and `probe` know the commands. A statement that none of them knows is
//! kept, in its order, as part of a `run` step.

mod az;
mod docker;
mod importer;
mod kept;
mod lexer;
mod options;
mod origin;
mod probe;
mod statements;
mod variables;

use super::note::NoteKind;
use super::plan::PlanBuilder;
use super::service::ServiceBuilder;
use super::workflow::scope::Scope;
use importer::{Conversion, Importer};
use kept::Kept;
use statements::{Command, Form, Statement};
use variables::Shell;

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
                let known = self.shell.assigned(value, self.scope);
                self.shell.set(name, known);
                self.kept.assignment(name, statement);
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
        let words = self.shell.expand_all(&command.words, self.scope);
        self.write_kept();
        match program {
            "az" => az::command(self, &words, line),
            "docker" => docker::command(self, &words, line),
            _ => probe::command(self, &words),
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
        match kept::step(&text, self.script, self.scope) {
            Ok(step) => {
                self.service.run(step);
                self.note_kept(line, &text);
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

    fn note_kept(&mut self, line: usize, text: &str) {
        let first =
            text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let first = first.unwrap_or_default();
        self.plan.note(line, NoteKind::KeptAsRun, format!("`{first}`"));
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
