//! `shipway local stop`: ends a cloud that was left in the background.

use crate::cli::dry_run::control::CloudControl;
use crate::cli::session::github::unanswered;
use crate::local::{CloudFile, Termination, Workloads, terminate, workloads};
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Redactor;
use std::path::Path;
use std::time::{Duration, Instant};

const MAX_STOP_TIME: Duration = Duration::from_secs(30);

/// Stops the cloud of a file. Returns what it stopped, in words.
pub async fn stop(file: &Path, cloud: &CloudFile) -> Result<String, StepError> {
    let ran = workloads(&cloud.state);
    let failed = || StepError::new(format!("cannot stop the local cloud, process {}", cloud.pid));
    // A suspended process would end only when it goes on. One that has ended is found below.
    if let Ok(control) = CloudControl::of(cloud, &Redactor::default())
        && control.is_suspended().await
    {
        return Err(unanswered(cloud, failed()));
    }
    let termination = terminate(cloud).map_err(|error| {
        let mut failed = failed();
        failed.failure.chain.extend(chain_of(&error));
        failed
    })?;
    let state = cloud.state.display();
    if termination == Termination::EndedBefore {
        std::fs::remove_file(file).map_err(|error| failed().because(error.to_string()))?;
        return Ok(format!("the local cloud in `{state}` had ended already"));
    }
    // It removes the file when its containers have ended.
    let begun = Instant::now();
    while file.exists() {
        if begun.elapsed() > MAX_STOP_TIME {
            return Err(failed().because(format!("it has not ended within {MAX_STOP_TIME:?}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let what = in_words(&ran);
    Ok(format!("stopped the local cloud in `{state}`, process {}, with {what}", cloud.pid))
}

/// The line that takes the variables of a cloud out of the shell that has them; `None` where it
/// has none of them.
pub fn unset(cloud: &CloudFile, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let is_set = |name: &str, value: &str| variable(name).is_some_and(|found| found == value);
    let names = cloud.variables().filter(|(name, value)| is_set(name, value));
    let names: Vec<&str> = names.map(|(name, _)| name).collect();
    (!names.is_empty()).then(|| format!("unset {}", names.join(" ")))
}

fn in_words(ran: &Workloads) -> String {
    let counted = |kind: &str, names: &[String]| match names {
        [] => None,
        [one] => Some(format!("1 {kind}: {one}")),
        many => Some(format!("{} {kind}s: {}", many.len(), many.join(", "))),
    };
    let groups = counted("container group", &ran.container_groups);
    let apps = counted("container app", &ran.apps);
    match (groups, apps) {
        (None, None) => "no container group".to_owned(),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(groups), Some(apps)) => format!("{groups}, and {apps}"),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;
    use crate::local::Workloads;

    #[test]
    fn what_was_stopped_is_named() {
        let case = |groups: &[&str], apps: &[&str], expected: &str| {
            let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
            let ran = Workloads { container_groups: names(groups), apps: names(apps) };
            assert_eq!(in_words(&ran), expected);
        };
        case(&[], &[], "no container group");
        case(&["web"], &[], "1 container group: web");
        case(&["db", "web"], &[], "2 container groups: db, web");
        case(&[], &["api", "job"], "2 container apps: api, job");
        case(&["web"], &["api"], "1 container group: web, and 1 container app: api");
    }
}
