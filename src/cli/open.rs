//! `shipway open`: opens the URL of a service in the browser, or prints it where there
//! is no browser.

use super::exit::Exit;
use super::plan_options::DeployedOptions;
use super::runtime::block_on;
use super::say;
use super::session::PlanSession;
use super::session::connections::Connections;
use super::targets::{Targets, refuse_missing_environment, refuse_unknown_services};
use crate::report::Output;
use crate::run::outcome::StepError;
use clap::Args;
use serde_json::json;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const AFTER_HELP: &str = "\
Examples:
  shipway open web --env production
  curl \"$(shipway open web --env production)\"

The browser is that of BROWSER, else xdg-open, on macOS open. The URL is printed instead
where there is no display, over SSH, in CI, and where standard output is no terminal.

Exit codes: 0 done; 2 the plan or the command line is wrong; 3 the service is not
deployed, or something needed is missing, such as a login.";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct OpenArguments {
    /// Open this service [default: the first that has a URL]
    #[arg(value_name = "SERVICE")]
    pub service: Option<String>,
    /// Print the URL, and open nothing
    #[arg(long)]
    pub print: bool,
    #[command(flatten)]
    pub deployed: DeployedOptions,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Opens or prints a URL.
pub fn open(arguments: &OpenArguments) -> Result<Exit, Exit> {
    let session = arguments.deployed.open(arguments.cloud.as_ref(), arguments.output)?;
    refuse_unknown_services(&session, arguments.service.as_deref())?;
    refuse_missing_environment(&session)?;
    block_on(async {
        let result = perform(arguments, &session).await;
        result.map_err(|error| session.show_step_error(error))
    })
}

async fn perform(arguments: &OpenArguments, session: &PlanSession) -> Result<Exit, StepError> {
    let (service, url) = find(arguments, session).await?;
    if arguments.output == Output::Json {
        let document = json!({ "service": service, "url": url });
        say::result(&serde_json::to_string_pretty(&document).unwrap_or_default());
        return Ok(Exit::Done);
    }
    let variable = |name: &str| session.host.var(name).map(str::to_owned);
    let is_printed = arguments.print || arguments.cloud.is_some() || !io::stdout().is_terminal();
    match browser(&variable, &url).filter(|_| !is_printed) {
        None => say::result(&url),
        Some(words) => {
            if let Err(why) = start(&words) {
                say::tell(&format!("note: `{}` did not open the URL: {why}", words[0]));
                say::result(&url);
            }
        }
    }
    Ok(Exit::Done)
}

/// The service and its first URL. Without a service on the command line, those of the
/// first in the plan's order that has one.
async fn find(
    arguments: &OpenArguments,
    session: &PlanSession,
) -> Result<(String, String), StepError> {
    let connections = Connections::of(session)?;
    let targets = Targets::new(session, &connections);
    let mut found = targets.of_environment().await?;
    let place = |service: &str| session.plan.services.keys().position(|known| known == service);
    found.retain(|target| {
        let service = target.tags.service.as_str();
        match &arguments.service {
            Some(asked) => asked == service,
            None => place(service).is_some(),
        }
    });
    found.sort_by_key(|target| place(&target.tags.service));
    let kind = found.first().map(|target| target.kind);
    for target in found {
        let resource = targets.read(&target).await?;
        if let Some(url) = resource.and_then(|resource| resource.urls.into_iter().next()) {
            return Ok((target.tags.service, url));
        }
    }
    let environment = session.resolved.environment.as_ref();
    let place = environment.map(|chosen| format!(" in `{}`", chosen.name)).unwrap_or_default();
    Err(match (&arguments.service, kind) {
        (Some(service), Some(kind)) => StepError::new(format!("`{service}` has no URL{place}"))
            .because(kind.no_url)
            .help(kind.url_help),
        (Some(service), None) => StepError::new(format!("`{service}` is not deployed{place}"))
            .help("`shipway run` deploys it; another environment is named with `--env`"),
        (None, _) => StepError::new(format!("nothing that is deployed{place} has a URL"))
            .help("`shipway status` shows what is deployed"),
    })
}

/// The program that opens a URL, with its arguments; `None` where there is no browser.
fn browser(variable: &impl Fn(&str) -> Option<String>, url: &str) -> Option<Vec<String>> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    if is_set("CI") {
        return None;
    }
    // A list whose first entry is preferred; `%s` stands for the URL.
    let named = variable("BROWSER");
    let named = named.as_deref().and_then(|all| all.split(':').find(|one| !one.trim().is_empty()));
    if let Some(named) = named {
        let mut words: Vec<String> = named.split_whitespace().map(str::to_owned).collect();
        match words.iter().position(|word| word.contains("%s")) {
            Some(place) => words[place] = words[place].replace("%s", url),
            None => words.push(url.to_owned()),
        }
        return Some(words);
    }
    if is_set("SSH_CONNECTION") || is_set("SSH_TTY") {
        return None;
    }
    if cfg!(target_os = "macos") {
        return Some(vec!["open".to_owned(), url.to_owned()]);
    }
    let has_display = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    has_display.then(|| vec!["xdg-open".to_owned(), url.to_owned()])
}

/// Starts the browser, and waits for it: openers end at once, and a browser of the
/// terminal needs it.
fn start(words: &[String]) -> Result<(), String> {
    let status = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::inherit())
        .status()
        .map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::browser;

    const URL: &str = "http://shop.westeurope.azurecontainer.io";

    fn opened_by(variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        browser(&variable, URL).map(|words| words.join(" | ").replace(URL, "URL"))
    }

    #[test]
    fn browser_variable_comes_first_and_takes_the_url_as_one_argument() {
        let case = |value: &str, expected: &str| {
            let opened = opened_by(&[("BROWSER", value), ("DISPLAY", ":0")]);
            assert_eq!(opened.as_deref(), Some(expected), "{value}");
        };
        case("firefox", "firefox | URL");
        case("firefox:chromium", "firefox | URL");
        case("open -a Safari", "open | -a | Safari | URL");
        case("w3m --url=%s", "w3m | --url=URL");
        assert_eq!(
            opened_by(&[("BROWSER", "w3m"), ("SSH_TTY", "/dev/pts/1")]).as_deref(),
            Some("w3m | URL")
        );
    }

    #[test]
    fn nothing_is_opened_in_ci_over_ssh_or_without_a_display() {
        assert_eq!(opened_by(&[("CI", "true"), ("BROWSER", "firefox")]), None);
        assert_eq!(opened_by(&[("SSH_CONNECTION", "a b"), ("DISPLAY", ":0")]), None);
        if cfg!(target_os = "linux") {
            assert_eq!(opened_by(&[]), None);
            assert_eq!(opened_by(&[("DISPLAY", ":0")]).as_deref(), Some("xdg-open | URL"));
            assert_eq!(opened_by(&[("WAYLAND_DISPLAY", "w")]).as_deref(), Some("xdg-open | URL"));
        }
    }
}
