//! Reads the output of an engine line by line, to say which instruction of the
//! Dockerfile failed and why.
//!
//! An engine's exit code says little, and its command line has only paths that are gone
//! when the report is read. `dialect` knows how each engine writes, `locate` finds an
//! instruction in the Dockerfile.

mod dialect;
mod locate;
#[cfg(test)]
mod tests;

use self::dialect::{Dialect, Line};
use self::locate::Instructions;
use super::engine::Engine;
use super::error::{DockerfileError, EngineReason};
use std::collections::{BTreeMap, VecDeque};

/// How many lines of the failed instruction are kept.
const MAX_LINES: usize = 20;

/// A longer line is cut.
const MAX_LINE_CHARS: usize = 1_000;

/// A longer instruction is cut in messages.
const MAX_INSTRUCTION_CHARS: usize = 100;

/// The output of one build.
#[derive(Clone, Debug)]
pub struct BuildOutput {
    engine: String,
    dialect: Dialect,
    instructions: Instructions,
    /// The steps by the number that `BuildKit` gives them. The other engines do one after
    /// the other, which is number "".
    steps: BTreeMap<String, Step>,
    /// How often each instruction has begun.
    begun: BTreeMap<String, usize>,
    /// The step that failed first, and the reason in the engine's words.
    failed: Option<(String, String)>,
}

/// A step of the build.
#[derive(Clone, Debug, Default)]
struct Step {
    instruction: String,
    /// Which of several equal instructions it is, counted from 1.
    occurrence: usize,
    lines: VecDeque<String>,
}

/// Why a build failed.
#[derive(Debug)]
pub struct BuildFailure {
    pub error: DockerfileError,
    /// The last lines that the failed instruction wrote.
    pub lines: Vec<String>,
}

impl BuildOutput {
    /// `file` is the Dockerfile as messages show it, with the content `text`.
    pub fn new(engine: &Engine, file: &str, text: &str) -> Self {
        Self::written(engine.to_string(), Dialect::of(engine), file, text)
    }

    /// The log of a build by ACR Tasks.
    pub fn of_acr_tasks(file: &str, text: &str) -> Self {
        Self::written("ACR Tasks".to_owned(), Dialect::AcrTasks, file, text)
    }

    fn written(engine: String, dialect: Dialect, file: &str, text: &str) -> Self {
        Self {
            engine,
            dialect,
            instructions: Instructions::read(file, text),
            steps: BTreeMap::new(),
            begun: BTreeMap::new(),
            failed: None,
        }
    }

    /// Reads one line of output.
    pub fn line(&mut self, line: &str) {
        let plain = without_colours(line);
        match self.dialect.read(&plain) {
            Line::Begins { step, instruction } => {
                let occurrence = self.begun.entry(instruction.to_owned()).or_insert(0);
                *occurrence += 1;
                let (instruction, occurrence) = (instruction.to_owned(), *occurrence);
                let lines = VecDeque::new();
                self.steps.insert(step.to_owned(), Step { instruction, occurrence, lines });
            }
            Line::Output { step, text } => {
                self.steps.entry(step.to_owned()).or_default().push(text);
            }
            Line::Failed { step, reason } => {
                self.failed.get_or_insert((step.to_owned(), reason.to_owned()));
            }
            Line::Noise => {}
        }
    }

    /// Why the build ended with this exit code.
    pub fn failure(mut self, code: u8) -> BuildFailure {
        let (id, reason) = self.failed.take().unwrap_or_default();
        let mut step = self.steps.remove(&id).unwrap_or_default();
        let reason = if reason.is_empty() {
            // Docker's old builder gives the reason as the last line.
            step.lines.pop_back().unwrap_or_default()
        } else {
            reason
        };
        let place = self.instructions.find(&step.instruction, step.occurrence);
        let place = place.map(|place| format!(" at `{place}`")).unwrap_or_default();
        let lines = step.lines.into_iter().collect();
        if let Some(image) = dialect::base_image(&step.instruction) {
            let (image, reason) = (image.to_owned(), in_short(&reason));
            let error = DockerfileError::BaseImage { image, place, reason };
            return BuildFailure { error, lines };
        }
        if step.instruction.is_empty() {
            let (engine, file) = (self.engine, self.instructions.file().to_owned());
            let reason = in_short(&reason);
            let error = DockerfileError::Engine { engine, file, code, reason };
            return BuildFailure { error, lines };
        }
        let instruction = cut(&step.instruction, MAX_INSTRUCTION_CHARS);
        let error = if let Some(code) = dialect::exit_code(&reason) {
            DockerfileError::Instruction { instruction, place, code }
        } else {
            let reason = in_short(&reason);
            DockerfileError::InstructionRefused { instruction, place, reason }
        };
        BuildFailure { error, lines }
    }
}

fn in_short(reason: &str) -> Option<EngineReason> {
    Some(dialect::shortened(reason)).filter(|reason| !reason.is_empty()).map(EngineReason)
}

impl Step {
    fn push(&mut self, text: &str) {
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(cut(text, MAX_LINE_CHARS));
    }
}

/// The first characters, with `…` where there are more.
fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Removes the sequences with which docker's old builder colours errors.
fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}
