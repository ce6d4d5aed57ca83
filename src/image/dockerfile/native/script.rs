//! A Dockerfile as it is read, before any variable is known.

use super::error::{NativeError, Place};
use super::words::logical_line;
use parse_dockerfile::{Flag, HealthcheckArguments, Instruction, JsonOrStringArray};
use std::ops::Range;

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Script {
    /// What escapes.
    pub(super) escape: char,
    /// The arguments before the first `FROM`, as written.
    pub(super) globals: Vec<Step>,
    pub(super) stages: Vec<StageText>,
}

/// From one `FROM` to the next.
#[derive(Clone, Debug)]
pub(super) struct StageText {
    pub(super) place: Place,
    pub(super) name: Option<String>,
    /// As written.
    pub(super) from: String,
    pub(super) platform: Option<String>,
    pub(super) steps: Vec<Step>,
}

/// One instruction.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) place: Place,
    /// As written, in one line.
    pub(super) text: String,
    pub(super) what: What,
}

/// What is to be done, its words as written.
#[derive(Clone, Debug)]
pub(super) enum What {
    Arg(String),
    Cmd(Command),
    Copy(CopyText),
    Entrypoint(Command),
    Env(String),
    Expose(Vec<String>),
    /// Absent for `NONE`.
    Healthcheck(Vec<Switch>, Option<Command>),
    Label(String),
    Maintainer(String),
    Onbuild(String),
    Run,
    Shell(Vec<String>),
    StopSignal(String),
    User(String),
    Volume(Vec<String>),
    Workdir(String),
}

/// `CMD` and `ENTRYPOINT`.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Exec(Vec<String>),
    Shell(String),
}

/// `--name=value`
#[derive(Clone, Debug)]
pub(super) struct Switch {
    pub(super) name: String,
    pub(super) value: Option<String>,
}

/// `COPY` and `ADD`.
#[derive(Clone, Debug)]
pub(super) struct CopyText {
    pub(super) add: bool,
    pub(super) options: Vec<Switch>,
    pub(super) sources: Vec<SourceText>,
    pub(super) to: String,
}

#[derive(Clone, Debug)]
pub(super) enum SourceText {
    Path(String),
    /// A here-document.
    Text {
        name: String,
        expand: bool,
        text: String,
    },
}

impl Script {
    /// Reads a Dockerfile. `file` is how it is shown.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, NativeError> {
        let syntax = |source: parse_dockerfile::Error| {
            let place = Place { file: file.to_owned(), line: source.line() };
            NativeError::Syntax { place, message: format!("{source:#}") }
        };
        let parsed = parse_dockerfile::parse(text).map_err(syntax)?;
        let escape = parsed.parser_directives.escape.as_ref().map_or('\\', |it| it.value.value);
        let reader = Reader { file, text, escape, line: None };
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

    /// Reads what a base image wants done first (`ONBUILD`).
    pub(super) fn trigger(text: &str, place: &Place) -> Result<Step, NativeError> {
        let syntax = |source: parse_dockerfile::Error| NativeError::Syntax {
            place: place.clone(),
            message: format!("{source:#}"),
        };
        let nothing = || NativeError::Syntax {
            place: place.clone(),
            message: "an `ONBUILD` of the base says nothing".into(),
        };
        // Nothing is read that does not begin with a stage.
        let text = format!("FROM scratch\n{text}");
        let mut parsed = parse_dockerfile::parse_iter(&text).map_err(syntax)?;
        let instruction = parsed.nth(1).ok_or_else(nothing)?.map_err(syntax)?;
        let reader =
            Reader { file: &place.file, text: &text, escape: '\\', line: Some(place.line) };
        reader.step(&instruction)
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    escape: char,
    /// Where it is not that of the text.
    line: Option<usize>,
}

impl Reader<'_> {
    fn place(&self, at: usize) -> Place {
        let line = || self.text[..at].matches('\n').count() + 1;
        Place { file: self.file.to_owned(), line: self.line.unwrap_or_else(line) }
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
            steps: Vec::new(),
        }
    }

    fn step(&self, instruction: &Instruction<'_>) -> Result<Step, NativeError> {
        let (span, what) = self.what(instruction)?;
        let text = self.line_from(span.start);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Step { place: self.place(span.start), text, what })
    }

    fn what(&self, instruction: &Instruction<'_>) -> Result<(Range<usize>, What), NativeError> {
        let words = |words: &[parse_dockerfile::UnescapedString<'_>]| -> Vec<String> {
            words.iter().map(|word| word.value.clone().into_owned()).collect()
        };
        let raw = |word: &parse_dockerfile::UnescapedString<'_>| word.value.trim().to_owned();
        Ok(match instruction {
            Instruction::Add(it) => {
                (it.add.span.clone(), self.copy(true, &it.options, &it.src, &raw(&it.dest)))
            }
            Instruction::Copy(it) => {
                (it.copy.span.clone(), self.copy(false, &it.options, &it.src, &raw(&it.dest)))
            }
            Instruction::Arg(it) => (it.arg.span.clone(), What::Arg(raw(&it.arguments))),
            Instruction::Cmd(it) => (it.cmd.span.clone(), What::Cmd(self.command(&it.arguments))),
            Instruction::Entrypoint(it) => {
                (it.entrypoint.span.clone(), What::Entrypoint(self.command(&it.arguments)))
            }
            Instruction::Env(it) => (it.env.span.clone(), What::Env(raw(&it.arguments))),
            Instruction::Expose(it) => (it.expose.span.clone(), What::Expose(words(&it.arguments))),
            Instruction::Healthcheck(it) => {
                let command = match &it.arguments {
                    HealthcheckArguments::Cmd { arguments, .. } => Some(self.command(arguments)),
                    _ => None,
                };
                let options = it.options.iter().map(option).collect();
                (it.healthcheck.span.clone(), What::Healthcheck(options, command))
            }
            Instruction::Label(it) => (it.label.span.clone(), What::Label(raw(&it.arguments))),
            Instruction::Maintainer(it) => {
                (it.maintainer.span.clone(), What::Maintainer(raw(&it.name)))
            }
            Instruction::Onbuild(it) => {
                let text = self.line_from(it.onbuild.span.end).trim().to_owned();
                (it.onbuild.span.clone(), What::Onbuild(text))
            }
            Instruction::Run(it) => (it.run.span.clone(), What::Run),
            Instruction::Shell(it) => (it.shell.span.clone(), What::Shell(words(&it.arguments))),
            Instruction::Stopsignal(it) => {
                (it.stopsignal.span.clone(), What::StopSignal(raw(&it.arguments)))
            }
            Instruction::User(it) => (it.user.span.clone(), What::User(raw(&it.arguments))),
            Instruction::Volume(it) => {
                let volumes = match &it.arguments {
                    JsonOrStringArray::Json(list) => words(&list.value),
                    JsonOrStringArray::String(list) => words(list),
                };
                (it.volume.span.clone(), What::Volume(volumes))
            }
            Instruction::Workdir(it) => {
                (it.workdir.span.clone(), What::Workdir(raw(&it.arguments)))
            }
            _ => {
                let message = "this instruction does not belong here".to_owned();
                return Err(NativeError::Syntax { place: self.place(0), message });
            }
        })
    }

    fn copy(
        &self,
        add: bool,
        options: &[Flag<'_>],
        sources: &[parse_dockerfile::Source<'_>],
        to: &str,
    ) -> What {
        let source = |source: &parse_dockerfile::Source<'_>| match source {
            parse_dockerfile::Source::HereDoc(text) => SourceText::Text {
                // Its name is what ends it, in the line after it.
                name: self.text[text.span.end..].lines().next().unwrap_or_default().to_owned(),
                expand: text.expand,
                text: text.value.clone().into_owned(),
            },
            parse_dockerfile::Source::Path(path) => {
                SourceText::Path(path.value.clone().into_owned())
            }
            _ => SourceText::Path(String::new()),
        };
        What::Copy(CopyText {
            add,
            options: options.iter().map(option).collect(),
            sources: sources.iter().map(source).collect(),
            to: to.to_owned(),
        })
    }

    fn command(&self, command: &parse_dockerfile::Command<'_>) -> Command {
        match command {
            parse_dockerfile::Command::Exec(words) => Command::Exec(
                words.value.iter().map(|word| word.value.clone().into_owned()).collect(),
            ),
            parse_dockerfile::Command::Shell(text) => {
                Command::Shell(logical_line(text.value, self.escape).trim().to_owned())
            }
            _ => Command::Exec(Vec::new()),
        }
    }
}

fn option(flag: &Flag<'_>) -> Switch {
    Switch {
        name: flag.name.value.clone().into_owned(),
        value: flag.value.as_ref().map(|value| value.value.clone().into_owned()),
    }
}
