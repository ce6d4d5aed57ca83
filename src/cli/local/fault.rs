//! `shipway local fault`: the faults of a local cloud that is up.

use crate::cli::dry_run::control::FaultControl;
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::local::{CloudFile, FaultRule, FaultState};
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Redactor;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway local fault 'PUT containerGroups: 409 ContainerGroupTransitioning x2'
  shipway local fault 'GET /v2/: delay 3s' 'GET vault.azure.net: 403 Forbidden x1'
  shipway local fault                           what requests may still meet
  shipway local fault --clear                   the bad day is over")]
pub struct FaultArguments {
    /// Let requests meet this fault; without one, list those that are left
    #[arg(value_name = "RULE")]
    pub rules: Vec<FaultRule>,
    /// Remove all faults
    #[arg(long, conflicts_with = "rules")]
    pub clear: bool,
    /// Take the cloud that wrote this file instead of the newest one
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
}

/// Adds, lists or removes faults of the cloud of a file.
pub async fn fault(arguments: &FaultArguments, file: &Path) -> Result<Exit, StepError> {
    let cloud = CloudFile::read(file).map_err(|error| {
        let what = format!("cannot reach the local cloud of `{}`", file.display());
        StepError::of_usage(what).because(chain_of(&error).join(": "))
    })?;
    let control = FaultControl::of(&cloud, &Redactor::default())?;
    if arguments.clear {
        let left = control.clear().await?;
        say::tell(&match left.as_slice() {
            [] => "no fault was left".to_owned(),
            left => format!("removed:\n{}", lines(left)),
        });
        return Ok(Exit::Done);
    }
    let left = if arguments.rules.is_empty() {
        control.left().await?
    } else {
        control.add(&arguments.rules).await?
    };
    if left.is_empty() {
        say::tell("no fault is left; `shipway local fault RULE` adds one");
    } else {
        say::result(&lines(&left));
    }
    Ok(Exit::Done)
}

/// A line for each fault.
fn lines(faults: &[FaultState]) -> String {
    let line = |fault: &FaultState| {
        let met = match (fault.met, fault.of) {
            (met, Some(of)) => format!("met {met} of {of}"),
            (0, None) => "not met yet".to_owned(),
            (1, None) => "met once".to_owned(),
            (met, None) => format!("met {met} times"),
        };
        format!("{}  ({met})", fault.rule)
    };
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::local::FaultState;

    #[test]
    fn faults_are_listed_with_how_often_they_were_met() {
        let fault = |met, of| FaultState { rule: "*: reset".to_owned(), met, of };
        assert_eq!(
            lines(&[fault(1, Some(2)), fault(0, None), fault(1, None), fault(3, None)]),
            "*: reset  (met 1 of 2)\n*: reset  (not met yet)\n*: reset  (met once)\n*: reset  (met 3 times)"
        );
    }
}
