//! `shipway action`: what `action.yml` runs. The inputs come as variables, and
//! the log goes to standard output, where the runner reads its commands.

use super::check::{CheckArguments, DiagnosticFormat, check};
use super::dry_run::{DryRunArguments, dry_run};
use super::exit::Exit;
use super::pipeline::audience::Audience;
use super::pipeline::{Asked, refused_early, write_status};
use super::run::{RunArguments, run};
use super::runtime::block_on;
use super::say;
use crate::journal::RunOptions;
use std::path::PathBuf;

/// Runs the command that the inputs name, with the options that they set.
pub fn action() -> Result<Exit, Exit> {
    let input = |name: &str| {
        std::env::var(format!("INPUT_{name}")).ok().filter(|value| !value.trim().is_empty())
    };
    let arguments = match arguments(&input) {
        Ok(arguments) => arguments,
        Err(message) => return refuse(&input, &message, None),
    };
    match input("COMMAND").as_deref().map(str::trim) {
        None | Some("run") => run(&arguments, Audience::Action),
        Some("dry-run") => {
            let arguments = DryRunArguments { run: arguments, ..DryRunArguments::default() };
            dry_run(&arguments, Audience::Action)
        }
        Some("check") => {
            let format = DiagnosticFormat::Github;
            let done = check(&CheckArguments { plan: arguments.plan, format });
            Ok(write_status(done.unwrap_or_else(|exit| exit)))
        }
        Some(other) => {
            let message = format!("the input `command` is `{other}`");
            refuse(&input, &message, Some("it is `run`, `dry-run` or `check`"))
        }
    }
}

/// Reports that an input is wrong, to the place that the other inputs name.
fn refuse(
    input: &impl Fn(&str) -> Option<String>,
    message: &str,
    help: Option<&str>,
) -> Result<Exit, Exit> {
    let options = RunOptions {
        env: input("ENV"),
        comment_key: input("COMMENT_KEY"),
        pr: input("PR").and_then(|number| number.trim().parse().ok()),
        ..RunOptions::default()
    };
    let audience = Audience::Action;
    let redactor = audience.redactor();
    let refusal = say::refused(Exit::Usage, &[message.to_owned()], help);
    let plan = plan(input);
    let asked =
        Asked { plan: &plan, options: &options, state_dir: None, audience, redactor: &redactor };
    block_on(async { Err(refused_early(asked, refusal).await) })
}

fn plan(input: &impl Fn(&str) -> Option<String>) -> PathBuf {
    PathBuf::from(input("PLAN").unwrap_or_else(|| "shipway.yml".to_owned()))
}

/// The arguments of `shipway run` that the inputs stand for.
fn arguments(input: &impl Fn(&str) -> Option<String>) -> Result<RunArguments, String> {
    let lines = |name: &str| -> Vec<String> {
        let text = input(name).unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let pr = input("PR").map(|text| {
        text.trim().parse().map_err(|_| format!("the input `pr` is `{text}`, not a number"))
    });
    let flag = |name: &str| match input(name).as_deref().map(str::trim) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            let shown = name.to_ascii_lowercase().replace('_', "-");
            Err(format!("the input `{shown}` is `{other}`, not `true` or `false`"))
        }
    };
    let options = RunOptions {
        env: input("ENV"),
        set: lines("SET"),
        from: input("FROM"),
        until: input("UNTIL"),
        only: lines("ONLY"),
        keep_going: flag("KEEP_GOING")?,
        pr: pr.transpose()?,
        comment_key: input("COMMENT_KEY"),
        allow_fork_deploy: input("ALLOW_FORK_DEPLOY"),
        allow_older: flag("ALLOW_OLDER")?,
        ..RunOptions::default()
    };
    Ok(RunArguments { plan: plan(input), options, ..RunArguments::default() })
}

#[cfg(test)]
mod tests {
    use super::arguments;
    use std::collections::BTreeMap;

    fn read(inputs: &[(&str, &str)]) -> Result<super::RunArguments, String> {
        let inputs: BTreeMap<&str, &str> = inputs.iter().copied().collect();
        arguments(&|name: &str| inputs.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn inputs_are_the_command_line() {
        let read = read(&[("SET", "cpu=2\n\n label=x \n"), ("PR", "7"), ("KEEP_GOING", "true")])
            .expect("good inputs");
        assert_eq!(read.options.set, ["cpu=2", "label=x"]);
        assert_eq!(read.options.pr, Some(7));
        assert!(read.options.keep_going);
        assert_eq!(read.plan.to_str(), Some("shipway.yml"));
    }

    #[test]
    fn a_wrong_input_is_named() {
        let refused = |inputs: &[(&str, &str)]| read(inputs).expect_err("a wrong input");
        assert_eq!(refused(&[("PR", "seven")]), "the input `pr` is `seven`, not a number");
        assert_eq!(
            refused(&[("KEEP_GOING", "yes")]),
            "the input `keep-going` is `yes`, not `true` or `false`"
        );
    }
}
