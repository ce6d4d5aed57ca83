//! `shipway action`: what `action.yml` calls. The inputs come as variables, the
//! log goes to standard output, where the runner reads its commands.

use super::arguments::{CheckArguments, DryRunArguments, Format, RunArguments};
use super::exit::Exit;
use super::pipeline::reporters::Audience;
use super::{check, dry_run, run, say};
use std::path::PathBuf;

/// Reads the inputs and does what they say.
pub(super) fn action() -> Exit {
    let input = |name: &str| {
        std::env::var(format!("INPUT_{name}")).ok().filter(|value| !value.trim().is_empty())
    };
    let arguments = match arguments(&input) {
        Ok(arguments) => arguments,
        Err(message) => {
            say::error(&[message], None);
            return Exit::Usage;
        }
    };
    match input("COMMAND").as_deref().map(str::trim) {
        None | Some("run") => run::run(&arguments, Audience::Action),
        Some("dry-run") => {
            let dry = DryRunArguments { run: arguments, ..DryRunArguments::default() };
            dry_run::dry_run(&dry, Audience::Action)
        }
        Some("check") => {
            let plan = arguments.plan;
            check::check(&CheckArguments { plan, format: Format::Github })
        }
        Some(other) => {
            say::error(
                &[format!("the input `command` is `{other}`")],
                Some("it is `run`, `dry-run` or `check`"),
            );
            Exit::Usage
        }
    }
}

/// The command line that the inputs stand for.
fn arguments(input: &impl Fn(&str) -> Option<String>) -> Result<RunArguments, String> {
    let lines = |name: &str| -> Vec<String> {
        let text = input(name).unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let pr = input("PR").map(|text| {
        text.trim().parse().map_err(|_| format!("the input `pr` is `{text}`, not a number"))
    });
    let keep_going = match input("KEEP_GOING").as_deref().map(str::trim) {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            return Err(format!("the input `keep-going` is `{other}`, not `true` or `false`"));
        }
    };
    Ok(RunArguments {
        plan: PathBuf::from(input("PLAN").unwrap_or_else(|| "shipway.yml".to_owned())),
        env: input("ENV"),
        set: lines("SET"),
        from: input("FROM"),
        until: input("UNTIL"),
        only: lines("ONLY"),
        keep_going,
        pr: pr.transpose()?,
        comment_key: input("COMMENT_KEY"),
        allow_fork_deploy: input("ALLOW_FORK_DEPLOY"),
        ..RunArguments::default()
    })
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
        assert_eq!(read.set, ["cpu=2", "label=x"]);
        assert_eq!(read.pr, Some(7));
        assert!(read.keep_going);
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
