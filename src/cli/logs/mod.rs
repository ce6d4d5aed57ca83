//! `shipway logs`: what the containers of the plan have written.
//!
//! `stream` reads the log of one container, once or as it grows, `cursor` finds what of
//! it is new, `printer` writes the lines.

mod cursor;
mod printer;
mod stream;
mod when;

use super::exit::Exit;
use super::plan_options::DeployedOptions;
use super::runtime::block_on;
use super::say;
use super::session::PlanSession;
use super::session::connections::Connections;
use super::targets::{
    Targets, no_container, refuse_missing_environment, refuse_unknown_services, service_of,
};
use crate::report::{Output, Terminal};
use crate::run::outcome::StepError;
use clap::Args;
use futures::future::try_join_all;
use jiff::Timestamp;
use printer::{LineStyle, Printer};
use std::path::PathBuf;
use stream::{Stream, Window};
use when::{Since, Tail};

const AFTER_HELP: &str = "\
Examples:
  shipway logs --env production
  shipway logs -f web --env production
  shipway logs web/proxy --since 10m --tail all
  shipway logs --env production --output json > log.jsonl

Lines go to standard output, notices to standard error.

Exit codes: 0 done; 2 the plan or the command line is wrong; 3 nothing of that name runs, or something
needed is missing, such as a login; 130 ended by Ctrl-C.";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct LogsArguments {
    /// Show these services, or these containers of them, only
    #[arg(value_name = "SERVICE[/CONTAINER]")]
    pub names: Vec<String>,
    /// Show new lines until nothing runs any more
    #[arg(short, long)]
    pub follow: bool,
    /// Show this many last lines of each container, or `all` [default: 100, with -f 20]
    #[arg(long, value_name = "NUMBER")]
    pub tail: Option<Tail>,
    /// Show lines of this time and later: `10m`, or a time such as 2026-11-21T10:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,
    /// Show how the instance before the last restart ended
    #[arg(long, conflicts_with = "follow")]
    pub previous: bool,
    /// Show the time of each line
    #[arg(long)]
    pub timestamps: bool,
    #[command(flatten)]
    pub deployed: DeployedOptions,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Write this to standard output: text, or one object a line
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Shows logs.
pub fn logs(arguments: &LogsArguments) -> Result<Exit, Exit> {
    let session = arguments.deployed.open(arguments.cloud.as_ref(), arguments.output)?;
    let services: Vec<&str> = arguments.names.iter().map(|name| service_of(name)).collect();
    refuse_unknown_services(&session, services)?;
    refuse_missing_environment(&session)?;
    block_on(async {
        let result = perform(arguments, &session).await;
        result.map_err(|error| session.show_step_error(error))
    })
}

async fn perform(arguments: &LogsArguments, session: &PlanSession) -> Result<Exit, StepError> {
    let connections = Connections::of(session)?;
    let targets = Targets::new(session, &connections);
    let streams = streams(&targets, &arguments.names).await?;
    if streams.is_empty() {
        return Err(not_deployed(arguments));
    }
    let labels: Vec<&str> = streams.iter().map(|stream| stream.source.label.as_str()).collect();
    let style = LineStyle {
        timestamps: arguments.timestamps,
        color: Terminal::of_stdout().color,
        json: arguments.output == Output::Json,
    };
    let printer = Printer::new(&labels, style, &session.redactor);
    if arguments.previous {
        for stream in &streams {
            say::tell(&stream.describe_previous());
        }
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    let window = Window {
        tail: arguments.tail.unwrap_or(Tail::default_of(arguments.follow)),
        since: arguments.since.map(|since| since.before(now)),
    };
    if arguments.follow {
        try_join_all(streams.iter().map(|stream| stream.follow(window, &printer))).await?;
    } else {
        let all = try_join_all(streams.iter().map(|stream| stream.read(window))).await?;
        for (stream, lines) in streams.iter().zip(all) {
            printer.print(&stream.source, &lines);
            if lines.is_empty() && arguments.tail.is_none() {
                let since = if window.since.is_some() { " since then" } else { "" };
                say::tell(&format!("`{}` wrote nothing{since}", stream.source.label));
            }
        }
    }
    Ok(Exit::Done)
}

/// The containers that are meant, in the order of the services. Fails for a container that a
/// deployed service does not have.
async fn streams<'t>(
    targets: &'t Targets<'_>,
    names: &[String],
) -> Result<Vec<Stream<'t>>, StepError> {
    let mut found = targets.of_environment().await?;
    let services: Vec<&str> = targets.session.plan.services.keys().collect();
    let place = |name: &str| services.iter().position(|known| *known == name);
    found.sort_by_key(|target| place(&target.tags.service).unwrap_or(services.len()));
    found.retain(|target| {
        names.is_empty() || names.iter().any(|name| service_of(name) == target.tags.service)
    });
    let read = try_join_all(found.iter().map(|target| targets.read(target))).await?;
    let mut streams = Vec::new();
    for (target, resource) in found.iter().zip(read) {
        let Some(resource) = resource else { continue };
        streams.extend(Stream::of(&targets.clients.deployed, target, &resource));
    }
    for (service, container) in names.iter().filter_map(|name| name.split_once('/')) {
        let own = || streams.iter().filter(|stream| stream.source.service == service);
        if own().next().is_some() && !own().any(|stream| stream.source.container == container) {
            let known: Vec<&str> = own().map(|stream| stream.source.container.as_str()).collect();
            return Err(no_container(service, container, &known));
        }
    }
    let is_meant = |stream: &Stream<'_>| {
        names.iter().any(|name| match name.split_once('/') {
            Some((service, container)) => {
                stream.source.service == service && stream.source.container == container
            }
            None => stream.source.service == *name,
        })
    };
    streams.retain(|stream| names.is_empty() || is_meant(stream));
    Ok(streams)
}

fn not_deployed(arguments: &LogsArguments) -> StepError {
    let what = match arguments.names.as_slice() {
        [] => "nothing of the plan is deployed in this environment".to_owned(),
        names => format!("`{}` is not deployed in this environment", names.join("`, `")),
    };
    StepError::new(what).help("`shipway status` shows what is")
}
