//! A parsed Dockerfile, with variables not yet expanded.

use super::error::{DockerfileLine, NativeError};
use super::expand::logical_line;
use super::run::here_documents::{HereDocument, escape_of, take};
use parse_dockerfile::{Flag, HealthcheckArguments, Instruction, JsonOrStringArray};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

#[derive(Clone, Debug)]
pub struct ParsedDockerfile {
    pub escape: char,
    /// `ARG` instructions before the first `FROM`.
    pub globals: Vec<Step>,
    pub stages: Vec<StageText>,
}

/// A stage: a `FROM` and the instructions after it.
#[derive(Clone, Debug)]
pub struct StageText {
    pub place: DockerfileLine,
    pub name: Option<String>,
    pub from: String,
    pub platform: Option<String>,
    pub options: Vec<StepOption>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub place: DockerfileLine,
    /// The instruction as written, joined into one line.
    pub text: String,
    pub kind: StepKind,
}

/// An instruction with its arguments as written.
#[derive(Clone, Debug)]
pub enum StepKind {
    Arg(String),
    Cmd(Command),
    Copy(CopyText),
    Entrypoint(Command),
    Env(String),
    Expose(Vec<String>),
    /// The command is absent for `HEALTHCHECK NONE`.
    Healthcheck(Vec<StepOption>, Option<Command>),
    Label(String),
    Maintainer(String),
    Onbuild(String),
    Run(RunText),
    Shell(Vec<String>),
    StopSignal(String),
    User(String),
    Volume(Vec<String>),
    Workdir(String),
}

/// The arguments of `RUN`.
#[derive(Clone, Debug)]
pub struct RunText {
    pub options: Vec<StepOption>,
    pub command: Command,
    pub documents: Vec<HereDocument>,
}

/// The command of `CMD`, `ENTRYPOINT`, `HEALTHCHECK` or `RUN`.
#[derive(Clone, Debug)]
pub enum Command {
    Exec(Vec<String>),
    Shell(String),
}

/// An option `--name` or `--name=value` of an instruction.
#[derive(Clone, Debug)]
pub struct StepOption {
    pub name: String,
    pub value: Option<String>,
}

#[derive(Clone, Debug)]
pub struct CopyText {
    pub add: bool,
    pub options: Vec<StepOption>,
    pub sources: Vec<SourceText>,
    pub to: String,
}

#[derive(Clone, Debug)]
pub enum SourceText {
    Path(String),
    Text { name: String, expand: bool, text: String },
}

impl ParsedDockerfile {
    /// Parses a Dockerfile. `file` is its name in errors.
    pub fn read(file: &str, text: &str) -> Result<Self, NativeError> {
        let syntax = |source: parse_dockerfile::Error| {
            // An error about the whole file is in line 0.
            let place = DockerfileLine { file: file.to_owned(), line: source.line().max(1) };
            NativeError::Syntax { place, message: format!("{source:#}") }
        };
        let taken = take(file, text, escape_of(text))?;
        let readable = with_empty_entrypoints(&taken.rest);
        let parsed = parse_dockerfile::parse(&readable).map_err(syntax)?;
        let escape = parsed.parser_directives.escape.as_ref().map_or('\\', |it| it.value.value);
        let documents = &taken.of_run;
        let reader = Reader { file, text, escape, line: None, documents };
        let (mut globals, mut stages) = (Vec::new(), Vec::<StageText>::new());
        for instruction in &parsed.instructions {
            match (instruction, stages.last_mut()) {
                (Instruction::From(from), _) => stages.push(reader.stage(from)),
                (other, Some(stage)) => stage.steps.push(reader.step(other)?),
                (other, None) => globals.push(reader.step(other)?),
            }
        }
        Ok(Self { escape, globals, stages })
    }

    /// Parses an `ONBUILD` instruction of a base image.
    pub fn trigger(text: &str, place: &DockerfileLine) -> Result<Step, NativeError> {
        let syntax = |source: parse_dockerfile::Error| NativeError::Syntax {
            place: place.clone(),
            message: format!("{source:#}"),
        };
        let nothing = || NativeError::Syntax {
            place: place.clone(),
            message: "an `ONBUILD` of the base says nothing".into(),
        };
        // The parser requires a `FROM` before other instructions.
        let text = format!("FROM scratch\n{text}");
        let taken = take(&place.file, &text, '\\').map_err(|_error| NativeError::Syntax {
            place: place.clone(),
            message: "an `ONBUILD` of the base has a here-document".into(),
        })?;
        let readable = with_empty_entrypoints(&taken.rest);
        let mut parsed = parse_dockerfile::parse_iter(&readable).map_err(syntax)?;
        let instruction = parsed.nth(1).ok_or_else(nothing)?.map_err(syntax)?;
        let reader = Reader {
            file: &place.file,
            text: &text,
            escape: '\\',
            line: Some(place.line),
            documents: &taken.of_run,
        };
        reader.step(&instruction)
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    escape: char,
    /// Overrides line numbers computed from the text.
    line: Option<usize>,
    /// Those of each `RUN`, by where it begins.
    documents: &'a BTreeMap<usize, Vec<HereDocument>>,
}

impl Reader<'_> {
    fn place(&self, at: usize) -> DockerfileLine {
        let line = || self.text[..at].matches('\n').count() + 1;
        DockerfileLine { file: self.file.to_owned(), line: self.line.unwrap_or_else(line) }
    }

    fn line_from(&self, at: usize) -> String {
        logical_line(&self.text[at..], self.escape)
    }

    fn stage(&self, from: &parse_dockerfile::FromInstruction<'_>) -> StageText {
        let platform = from.options.iter().find(|option| option.name.value == "platform");
        StageText {
            place: self.place(from.from.span.start),
            name: from.as_.as_ref().map(|(_, name)| name.value.to_ascii_lowercase()),
            from: from.image.value.clone().into_owned(),
            platform: platform
                .and_then(|option| option.value.as_ref())
                .map(|value| value.value.clone().into_owned()),
            options: from.options.iter().map(option).collect(),
            steps: Vec::new(),
        }
    }

    fn step(&self, instruction: &Instruction<'_>) -> Result<Step, NativeError> {
        let (span, kind) = self.kind(instruction)?;
        let text = self.line_from(span.start);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Step { place: self.place(span.start), text, kind })
    }

    fn kind(&self, instruction: &Instruction<'_>) -> Result<(Range<usize>, StepKind), NativeError> {
        let words = |words: &[parse_dockerfile::UnescapedString<'_>]| -> Vec<String> {
            words.iter().map(|word| word.value.clone().into_owned()).collect()
        };
        Ok(match instruction {
            Instruction::Add(it) => {
                let text = self.copy_text(&it.options, &it.src, &it.dest);
                (it.add.span.clone(), StepKind::Copy(CopyText { add: true, ..text }))
            }
            Instruction::Copy(it) => {
                let text = self.copy_text(&it.options, &it.src, &it.dest);
                (it.copy.span.clone(), StepKind::Copy(text))
            }
            Instruction::Arg(it) => (it.arg.span.clone(), StepKind::Arg(raw(&it.arguments))),
            Instruction::Cmd(it) => {
                (it.cmd.span.clone(), StepKind::Cmd(self.command(&it.arguments)))
            }
            Instruction::Entrypoint(it) => {
                (it.entrypoint.span.clone(), StepKind::Entrypoint(self.command(&it.arguments)))
            }
            Instruction::Env(it) => (it.env.span.clone(), StepKind::Env(raw(&it.arguments))),
            Instruction::Expose(it) => {
                (it.expose.span.clone(), StepKind::Expose(words(&it.arguments)))
            }
            Instruction::Healthcheck(it) => (it.healthcheck.span.clone(), self.healthcheck(it)),
            Instruction::Label(it) => (it.label.span.clone(), StepKind::Label(raw(&it.arguments))),
            Instruction::Maintainer(it) => {
                (it.maintainer.span.clone(), StepKind::Maintainer(raw(&it.name)))
            }
            Instruction::Onbuild(it) => {
                let text = self.line_from(it.onbuild.span.end).trim().to_owned();
                (it.onbuild.span.clone(), StepKind::Onbuild(text))
            }
            Instruction::Run(it) => {
                let options = it.options.iter().map(option).collect();
                let command = self.command(&it.arguments);
                let documents = self.documents.get(&it.run.span.start).cloned();
                let documents = documents.unwrap_or_default();
                (it.run.span.clone(), StepKind::Run(RunText { options, command, documents }))
            }
            Instruction::Shell(it) => {
                (it.shell.span.clone(), StepKind::Shell(words(&it.arguments)))
            }
            Instruction::Stopsignal(it) => {
                (it.stopsignal.span.clone(), StepKind::StopSignal(raw(&it.arguments)))
            }
            Instruction::User(it) => (it.user.span.clone(), StepKind::User(raw(&it.arguments))),
            Instruction::Volume(it) => {
                let volumes = match &it.arguments {
                    JsonOrStringArray::Json(list) => words(&list.value),
                    JsonOrStringArray::String(list) => words(list),
                };
                (it.volume.span.clone(), StepKind::Volume(volumes))
            }
            Instruction::Workdir(it) => {
                (it.workdir.span.clone(), StepKind::Workdir(raw(&it.arguments)))
            }
            _ => {
                let message = "this instruction does not belong here".to_owned();
                return Err(NativeError::Syntax { place: self.place(0), message });
            }
        })
    }

    /// The arguments of `COPY`.
    fn copy_text(
        &self,
        options: &[Flag<'_>],
        sources: &[parse_dockerfile::Source<'_>],
        to: &parse_dockerfile::UnescapedString<'_>,
    ) -> CopyText {
        CopyText {
            add: false,
            options: options.iter().map(option).collect(),
            sources: self.sources(sources),
            to: raw(to),
        }
    }

    fn healthcheck(&self, check: &parse_dockerfile::HealthcheckInstruction<'_>) -> StepKind {
        let command = match &check.arguments {
            HealthcheckArguments::Cmd { arguments, .. } => Some(self.command(arguments)),
            _ => None,
        };
        StepKind::Healthcheck(check.options.iter().map(option).collect(), command)
    }

    fn sources(&self, sources: &[parse_dockerfile::Source<'_>]) -> Vec<SourceText> {
        let source = |source: &parse_dockerfile::Source<'_>| match source {
            parse_dockerfile::Source::HereDoc(text) => SourceText::Text {
                // The delimiter follows the document in the text; it is the document's name.
                name: self.text[text.span.end..].lines().next().unwrap_or_default().to_owned(),
                expand: text.expand,
                text: text.value.clone().into_owned(),
            },
            parse_dockerfile::Source::Path(path) => {
                SourceText::Path(path.value.clone().into_owned())
            }
            _ => SourceText::Path(String::new()),
        };
        sources.iter().map(source).collect()
    }

    fn command(&self, command: &parse_dockerfile::Command<'_>) -> Command {
        match command {
            parse_dockerfile::Command::Exec(words) => Command::Exec(
                words.value.iter().map(|word| word.value.clone().into_owned()).collect(),
            ),
            parse_dockerfile::Command::Shell(text)
                if is_empty_list(&self.text[text.span.start..]) =>
            {
                Command::Exec(Vec::new())
            }
            parse_dockerfile::Command::Shell(text) => {
                // The parser was given the text without here-documents.
                let text = &self.text[text.span.clone()];
                Command::Shell(logical_line(text, self.escape).trim().to_owned())
            }
            _ => Command::Exec(Vec::new()),
        }
    }
}

/// The text with the `[` of each `ENTRYPOINT []` replaced, so that the parser, which refuses
/// an empty list there, takes it for a command. Nothing changes its position.
fn with_empty_entrypoints(text: &str) -> Cow<'_, str> {
    let mut readable = Cow::Borrowed(text);
    loop {
        let wrong = parse_dockerfile::parse(&readable).err().map(|error| error.line());
        let Some(at) = wrong.and_then(|line| empty_entrypoint(&readable, line)) else { break };
        readable.to_mut().replace_range(at..=at, "x");
    }
    readable
}

/// Where the list of an `ENTRYPOINT []` in this line begins.
fn empty_entrypoint(text: &str, line: usize) -> Option<usize> {
    let before = line.checked_sub(1)?;
    let start = text.split_inclusive('\n').take(before).map(str::len).sum::<usize>();
    let (mut keyword, mut arguments) = first_word(&text[start..])?;
    if keyword.eq_ignore_ascii_case("ONBUILD") {
        (keyword, arguments) = first_word(arguments)?;
    }
    let arguments = arguments.trim_start();
    let found = keyword.eq_ignore_ascii_case("ENTRYPOINT") && is_empty_list(arguments);
    found.then(|| text.len() - arguments.len())
}

/// The first word of a line and what follows it.
fn first_word(text: &str) -> Option<(&str, &str)> {
    text.trim_start().split_once([' ', '\t'])
}

/// Whether a line begins with `[]` and has nothing after it.
fn is_empty_list(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let within = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    within.is_some_and(|within| within.trim().is_empty())
}

/// A word as written, without white space around it.
fn raw(word: &parse_dockerfile::UnescapedString<'_>) -> String {
    word.value.trim().to_owned()
}

fn option(flag: &Flag<'_>) -> StepOption {
    StepOption {
        name: flag.name.value.clone().into_owned(),
        value: flag.value.as_ref().map(|value| value.value.clone().into_owned()),
    }
}
