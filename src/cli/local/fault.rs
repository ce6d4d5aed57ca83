//! `shipway local fault`: the faults of a local cloud that is up.

use super::choose::CloudOption;
use crate::cli::dry_run::control::CloudControl;
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::local::{CloudFile, FaultRule, FaultState};
use crate::run::outcome::StepError;
use crate::secret::Redactor;
use clap::Args;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway local fault 'PUT containerGroups: 409 ContainerGroupTransitioning x2'
  shipway local fault 'GET /v2/: delay 3s' 'GET vault.azure.net: 403 Forbidden x1'
  shipway local fault                           what requests may still meet
  shipway local fault --clear                   the bad day is over

Exit codes: 0 done; 2 a rule or the command line is wrong; 3 no local cloud is up, or it does not answer")]
pub struct FaultArguments {
    /// Let requests meet this fault; without one, list those that are left
    #[arg(value_name = "RULE")]
    pub rules: Vec<FaultRule>,
    /// Remove all faults
    #[arg(long, conflicts_with = "rules")]
    pub clear: bool,
    #[command(flatten)]
    pub which: CloudOption,
}

/// Adds, lists or removes faults of a cloud.
pub async fn fault(arguments: &FaultArguments, cloud: &CloudFile) -> Result<Exit, StepError> {
    let control = CloudControl::of(cloud, &Redactor::default())?;
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
