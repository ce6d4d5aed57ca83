//! This machine: container engines, the way to the network, the clock.

use super::check::Check;
use super::needs::Needs;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::run::perform::command_refusal;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// How long an engine or a server may take to answer.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(10);

/// Entra refuses tokens that seem to be of another time by five minutes.
const MAX_SKEW_SECONDS: i64 = 300;
const NOTABLE_SKEW_SECONDS: i64 = 60;

const ENGINES: [(&str, &[&str]); 3] = [
    ("docker", &["version", "--format", "{{.Server.Version}}"]),
    ("podman", &["version", "--format", "{{.Version}}"]),
    ("buildah", &["--version"]),
];

/// An engine that builds the plan's Dockerfiles.
pub async fn engine(needs: &Needs) -> Option<Check> {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let has_run = |text: String| {
        text.lines().any(|line| line.trim_start().to_ascii_uppercase().starts_with("RUN "))
    };
    if needs.dockerfiles.is_empty() {
        return None;
    }
    for (engine, arguments) in ENGINES {
        if let Some(version) = answer_of(engine, arguments).await {
            return Some(Check::ok("engine", format!("{engine} {version} builds the images")));
        }
    }
    if !needs.dockerfiles.iter().any(|file| has_run(read(file))) {
        let detail = "no container engine works, and none is needed: no Dockerfile has `RUN`";
        return Some(Check::ok("engine", detail));
    }
    let Some(reason) = command_refusal().await else {
        let detail = "no container engine works, and `RUN` is run without one";
        return Some(Check::ok("engine", detail));
    };
    let failed = Check::failed(
        "engine",
        format!("none of docker, podman and buildah works, and a Dockerfile has `RUN`: {reason}"),
    );
    Some(failed.help(Some("install one of them, or start docker".to_owned())))
}

/// The first line that a program prints, if it succeeds in time.
async fn answer_of(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(MAX_ANSWER_TIME, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

/// Whether Resource Manager can be reached, through which proxy, and how its clock
/// compares with this one.
pub async fn network(session: &PlanSession, connections: &Connections) -> Vec<Check> {
    let url = connections.endpoints.resource_manager.clone();
    let host = url.host_str().unwrap_or_default().to_owned();
    let way = way(session);
    let request = connections.http.direct().get(url).timeout(MAX_ANSWER_TIME);
    let response = match connections.http.send(request).await {
        Ok(response) => response,
        Err(error) => {
            let chain = crate::run::outcome::chain_of(&error).join(": ");
            let failed = Check::failed("network", format!("cannot reach {host}{way}: {chain}"));
            let help = "`HTTPS_PROXY` names a proxy, and `SSL_CERT_FILE` a file with further \
                        certificates to trust";
            return vec![failed.help(Some(help.to_owned()))];
        }
    };
    let date = response.headers().get("date").and_then(|date| date.to_str().ok());
    let mut checks = vec![Check::ok("network", format!("{host} answers{way}"))];
    checks.extend(date.and_then(|date| clock(date, Timestamp::now())));
    checks
}

/// The proxy and the certificates that the variables name, without a password.
fn way(session: &PlanSession) -> String {
    if session.options.cloud.is_some() {
        return ", in the local cloud".to_owned();
    }
    let first =
        |names: [&'static str; 2]| names.into_iter().find(|name| session.host.var(name).is_some());
    let proxy = first(["HTTPS_PROXY", "https_proxy"]);
    let trust = first(["SSL_CERT_FILE", "SSL_CERT_DIR"]);
    let proxy = proxy.map(|name| format!(", through the proxy of `{name}`"));
    let trust = trust.map(|name| format!(", with the certificates of `{name}`"));
    format!("{}{}", proxy.unwrap_or_default(), trust.unwrap_or_default())
}

/// Compares a `Date` header with this clock.
fn clock(date: &str, now: Timestamp) -> Option<Check> {
    let served = DateTimeParser::new().parse_timestamp(date).ok()?;
    let skew = now.as_second() - served.as_second();
    let side = if skew > 0 { "ahead" } else { "behind" };
    let detail = format!("this clock is {} s {side}", skew.abs());
    let fix = "sudo timedatectl set-ntp true";
    Some(match skew.abs() {
        0..NOTABLE_SKEW_SECONDS => Check::ok("clock", "agrees with Azure's"),
        NOTABLE_SKEW_SECONDS..MAX_SKEW_SECONDS => Check::warning("clock", detail).fix(fix),
        _ => Check::failed("clock", format!("{detail}, and Entra ID refuses tokens")).fix(fix),
    })
}

#[cfg(test)]
mod tests {
    use super::clock;
    use crate::cli::doctor::check::State;
    use crate::cli::doctor::show::table;

    #[test]
    fn clock_that_is_off_by_minutes_is_named() {
        let date = "Sun, 29 Nov 2026 18:00:00 GMT";
        let at = |time: &str| clock(date, time.parse().expect("a time")).expect("a check");
        assert_eq!(at("2026-11-29T18:00:30Z").detail, "agrees with Azure's");
        let early = at("2026-11-29T17:57:00Z");
        assert_eq!(
            (early.state, early.detail.as_str()),
            (State::Warning, "this clock is 180 s behind")
        );
        let late = at("2026-11-29T19:00:00Z");
        assert_eq!(late.state, State::Failed);
        assert_eq!(late.detail, "this clock is 3600 s ahead, and Entra ID refuses tokens");
        assert_eq!(
            table(&[early, late]),
            "! clock  this clock is 180 s behind\n    fix: sudo timedatectl set-ntp true\n\
             ✗ clock  this clock is 3600 s ahead, and Entra ID refuses tokens\n    \
             fix: sudo timedatectl set-ntp true\n\n1 to mend"
        );
    }
}
