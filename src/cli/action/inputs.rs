//! The inputs of the action as a command line.

use crate::cli::check::CheckArguments;
use crate::cli::down::DownArguments;
use crate::cli::dry_run::DryRunArguments;
use crate::cli::matrix::MatrixArguments;
use crate::cli::plan::PlanArguments;
use crate::cli::plan_search::with_found_plan;
use crate::cli::preview::PreviewArguments;
use crate::cli::report::ReportArguments;
use crate::cli::run_saved::SavedRunArguments;
use crate::cli::sweep::SweepArguments;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _, Parser};

/// The commands that the action runs.
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
pub enum ActionCommand {
    Run(SavedRunArguments),
    Preview(PreviewArguments),
    DryRun(DryRunArguments),
    Plan(PlanArguments),
    Check(CheckArguments),
    Down(DownArguments),
    Sweep(SweepArguments),
    Matrix(MatrixArguments),
    Report(ReportArguments),
}

/// How an input is written on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// `true` gives the option, `false` leaves it out.
    Flag,
    Value,
    /// The option once for each line.
    Lines,
}

/// The inputs that are options, each of the option's name.
const OPTIONS: [(&str, Form); 38] = [
    ("env", Form::Value),
    ("set", Form::Lines),
    ("from", Form::Value),
    ("until", Form::Value),
    ("only", Form::Lines),
    ("keep-going", Form::Flag),
    ("event", Form::Value),
    ("pr", Form::Value),
    ("allow-fork-deploy", Form::Value),
    ("allow-older", Form::Flag),
    ("comment-key", Form::Value),
    ("no-report", Form::Flag),
    ("deny", Form::Value),
    ("since", Form::Value),
    ("jobs", Form::Value),
    ("levels", Form::Value),
    ("merge", Form::Value),
    ("cloud", Form::Value),
    ("state-dir", Form::Value),
    ("images", Form::Flag),
    ("no-wait", Form::Flag),
    ("repository", Form::Value),
    ("subscription", Form::Value),
    ("resource-group", Form::Lines),
    ("max", Form::Value),
    ("save", Form::Value),
    ("exit-code", Form::Flag),
    ("skip-run", Form::Flag),
    ("secret-env", Form::Lines),
    ("secrets-file", Form::Value),
    ("runtime", Form::Value),
    ("seed-image", Form::Lines),
    ("allow-host", Form::Lines),
    ("fault", Form::Lines),
    ("offline", Form::Flag),
    ("detach", Form::Flag),
    ("saved-plan", Form::Value),
    ("save-images", Form::Value),
];

/// An input that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrongInput {
    /// What is wrong, and why.
    pub chain: Vec<String>,
    pub help: Option<String>,
}

impl WrongInput {
    fn new(what: String, help: Option<String>) -> Self {
        Self { chain: vec![what], help }
    }
}

/// The command line that the inputs stand for.
pub fn command_line(input: &impl Fn(&str) -> Option<String>) -> Result<ActionCommand, WrongInput> {
    let words = words(input)?;
    with_found_plan(ActionCommand::command())
        .try_get_matches_from(std::iter::once("shipway".to_owned()).chain(words))
        .and_then(|found| ActionCommand::from_arg_matches(&found))
        .map_err(|error| wrong_value(&error))
}

fn words(input: &impl Fn(&str) -> Option<String>) -> Result<Vec<String>, WrongInput> {
    let command = input("command").map_or_else(|| "run".to_owned(), |text| text.trim().to_owned());
    let known = commands();
    if !known.contains(&command) {
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let (last, others) = known.split_last().map_or(("", &[][..]), |(last, all)| (last, all));
        return Err(WrongInput::new(
            format!("the input `command` is `{command}`"),
            Some(format!("it is {} or {last}", others.join(", "))),
        ));
    }
    let mut words = vec![command.clone()];
    for (name, form) in OPTIONS {
        let Some(text) = input(name) else { continue };
        let given = given(&command, name, form, &text)?;
        if !given.is_empty() && option(&command, name).is_none() {
            return Err(of_other_commands(&command, name));
        }
        words.extend(given);
    }
    // A job has no terminal to ask in.
    if option(&command, "yes").is_some() {
        words.push("--yes".to_owned());
    }
    match input("plan").map(|plan| plan.trim().to_owned()) {
        Some(plan) if matches!(command.as_str(), "sweep" | "report") => {
            words.push(format!("--plan={plan}"));
        }
        Some(plan) => words.extend(["--".to_owned(), plan]),
        None => {}
    }
    Ok(words)
}

fn commands() -> Vec<String> {
    ActionCommand::command().get_subcommands().map(|one| one.get_name().to_owned()).collect()
}

/// The words of an option. Its value is joined to it, so that one which begins with `-` is
/// not taken for another option.
fn given(command: &str, name: &str, form: Form, text: &str) -> Result<Vec<String>, WrongInput> {
    let option = option_of_input(command, name);
    Ok(match form {
        Form::Value => vec![format!("--{option}={}", text.trim())],
        Form::Lines => text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| format!("--{option}={line}"))
            .collect(),
        Form::Flag => match text.trim() {
            "true" => vec![format!("--{option}")],
            "false" => Vec::new(),
            other => {
                let what = format!("the input `{name}` is `{other}`, not `true` or `false`");
                return Err(WrongInput::new(what, None));
            }
        },
    })
}

/// The option's name: `plan` is the plan's file as an input, and a saved one as an option.
fn option_of_input<'n>(command: &str, name: &'n str) -> &'n str {
    if name == "saved-plan" && command == "run" { "plan" } else { name }
}

/// The option of a command that an input is for, if it has one.
fn option(command: &str, name: &str) -> Option<clap::Arg> {
    let known = ActionCommand::command();
    let command_line = known.find_subcommand(command)?;
    let name = option_of_input(command, name);
    command_line.get_arguments().find(|argument| argument.get_long() == Some(name)).cloned()
}

fn of_other_commands(command: &str, name: &str) -> WrongInput {
    let others = commands().into_iter().filter(|other| option(other, name).is_some());
    let others: Vec<String> = others.map(|other| format!("`command: {other}`")).collect();
    WrongInput::new(
        format!("the input `{name}` has no meaning for `command: {command}`"),
        Some(format!("it is for {}", others.join(", "))),
    )
}

/// What clap has to say of a value, in terms of the inputs.
fn wrong_value(error: &clap::Error) -> WrongInput {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg).unwrap_or_default();
    let name = argument.split_whitespace().next().unwrap_or_default().trim_start_matches("--");
    let (Some(value), false) = (text(ContextKind::InvalidValue), name.is_empty()) else {
        let shown = error.to_string();
        let first = shown.lines().next().unwrap_or_default();
        return WrongInput::new(first.trim_start_matches("error: ").to_owned(), None);
    };
    let why = std::error::Error::source(error).map(ToString::to_string);
    let help = text(ContextKind::ValidValue).map(|known| format!("it is one of {known}"));
    let mut wrong = WrongInput::new(format!("the input `{name}` is `{value}`"), help);
    wrong.chain.extend(why);
    wrong
}

#[cfg(test)]
mod tests {
    use super::{ActionCommand, Form, OPTIONS, WrongInput, command_line, commands, option, words};
    use clap::CommandFactory as _;
    use std::collections::{BTreeMap, BTreeSet};

    fn reading<T>(
        inputs: &[(&str, &str)],
        read: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> T,
    ) -> T {
        let inputs: BTreeMap<&str, &str> = inputs.iter().copied().collect();
        read(&|name: &str| inputs.get(name).map(|value| (*value).to_owned()))
    }

    fn line(inputs: &[(&str, &str)]) -> String {
        reading(inputs, |input| words(&input)).expect("good inputs").join(" ")
    }

    #[track_caller]
    fn refused(inputs: &[(&str, &str)]) -> String {
        let WrongInput { chain, help } =
            reading(inputs, |input| command_line(&input)).expect_err("a wrong input");
        let help = help.map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}{help}", chain.join(": "))
    }

    #[test]
    fn inputs_are_a_command_line() {
        assert_eq!(line(&[]), "run");
        let inputs = [
            ("set", "cpu=2\n\n label=-x \n"),
            ("pr", " 7 "),
            ("keep-going", "true"),
            ("plan", "p"),
        ];
        assert_eq!(line(&inputs), "run --set=cpu=2 --set=label=-x --keep-going --pr=7 -- p");
        let sweep = [("command", "sweep"), ("plan", "p"), ("resource-group", "a\nb")];
        assert_eq!(line(&sweep), "sweep --resource-group=a --resource-group=b --yes --plan=p");
        assert_eq!(line(&[("saved-plan", "plan.json")]), "run --plan=plan.json");
    }

    #[test]
    fn arguments_of_a_run_are_read_from_the_inputs() {
        let inputs = [("set", "cpu=2"), ("pr", "7"), ("plan", "web/shipway.yml")];
        let read = reading(&inputs, |input| command_line(&input)).expect("good inputs");
        let ActionCommand::Run(read) = read else { panic!("another command") };
        assert_eq!(
            (read.run.options.set.as_slice(), read.run.options.pr),
            (&["cpu=2".into()][..], Some(7))
        );
        assert_eq!(read.run.plan.to_str(), Some("web/shipway.yml"));
    }

    #[test]
    fn wrong_input_is_named() {
        assert_eq!(
            refused(&[("pr", "seven")]),
            "the input `pr` is `seven`: invalid digit found in string"
        );
        assert_eq!(
            refused(&[("keep-going", "yes")]),
            "the input `keep-going` is `yes`, not `true` or `false`"
        );
        assert_eq!(
            refused(&[("command", "deploy")]),
            "the input `command` is `deploy` (it is `run`, `preview`, `dry-run`, `plan`, `check`, \
             `down`, `sweep`, `matrix` or `report`)"
        );
        assert_eq!(
            refused(&[("command", "preview"), ("offline", "true")]),
            "the input `offline` has no meaning for `command: preview` (it is for `command: \
             dry-run`, `command: plan`)"
        );
        assert_eq!(
            refused(&[("command", "dry-run"), ("runtime", "lxc")]),
            "the input `runtime` is `lxc` (it is one of auto, docker, podman, built-in)"
        );
    }

    #[test]
    fn every_option_of_the_commands_is_an_input() {
        // Standard output and questions are for people and scripts. `verbose` follows the
        // debug logging of the workflow, and `dry-run` of removals only lists.
        const NOT_INPUTS: [&str; 13] = [
            "output", "verbose", "notify", "logs", "open", "keep", "yes", "dry-run", "format",
            "plan", "as", "html", "explain",
        ];
        let known: BTreeSet<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
        let whole = ActionCommand::command();
        for command in whole.get_subcommands() {
            let name = command.get_name();
            let options = command.get_arguments().filter_map(|argument| argument.get_long());
            for long in options.filter(|long| !NOT_INPUTS.contains(long)) {
                assert!(
                    known.contains(long),
                    "`shipway {name}` has `--{long}`, the action has not"
                );
            }
        }
        for (name, form) in OPTIONS {
            let of = commands().iter().find_map(|command| option(command, name));
            let of = of.unwrap_or_else(|| panic!("no command has `--{name}`"));
            assert_eq!(of.get_action().takes_values(), form != Form::Flag, "{name}");
        }
    }
}
