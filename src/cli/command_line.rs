//! A command line that cannot be parsed.

use super::exit::Exit;
use super::local::FAILED;
use super::pipeline::audience::Audience;
use super::pipeline::{Asked, refused_early};
use super::refusal::Refusal;
use super::run::RunArguments;
use super::runtime::block_on;
use super::say;
use crate::event::Failure;
use crate::journal::RunOptions;
use clap::error::{ContextKind, ContextValue};
use clap::{Command, FromArgMatches as _};

/// Shows what clap has to say: a mistake, or the help that was asked for. In a
/// workflow a mistake in the command that runs a plan is reported like one in the
/// plan, to where the rest of the command line points.
pub fn refused(mut error: clap::Error, known: Command) -> Exit {
    leave_out_hidden(&mut error, &known);
    error.print().ok();
    if !error.use_stderr() {
        return Exit::Done;
    }
    if is_evaluated() {
        say::result(FAILED);
    }
    let Some(RunArguments { plan, options, state_dir, view }) =
        readable_part(known).filter(|_| say::in_actions())
    else {
        return Exit::Usage;
    };
    let audience = Audience::Command(&view);
    let redactor = audience.redactor();
    let asked = Asked {
        plan: &plan,
        options: &options,
        state_dir: state_dir.as_deref(),
        audience,
        redactor: &redactor,
    };
    let refusal = Refusal::new(Exit::Usage, vec![failure(&error.to_string())]);
    block_on(async { Ok(refused_early(asked, refusal).await) }).unwrap_or_else(|exit| exit)
}

/// Takes commands that no help shows out of what clap suggests.
fn leave_out_hidden(error: &mut clap::Error, known: &Command) {
    let kind = ContextKind::SuggestedSubcommand;
    let Some(ContextValue::Strings(names)) = error.get(kind) else { return };
    let is_shown = |name: &&String| {
        known.find_subcommand(name.as_str()).is_none_or(|command| !command.is_hide_set())
    };
    let shown: Vec<String> = names.iter().filter(is_shown).cloned().collect();
    if shown.is_empty() {
        error.remove(kind);
    } else {
        error.insert(kind, ContextValue::Strings(shown));
    }
}

/// Whether a shell evaluates the output: that of `shipway local --detach`.
fn is_evaluated() -> bool {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    words.first().is_some_and(|word| word == "local") && words.iter().any(|it| it == "--detach")
}

/// The arguments of a command that runs a plan, without those that are wrong.
fn readable_part(known: Command) -> Option<RunArguments> {
    let matches = known.ignore_errors(true).try_get_matches().ok()?;
    let (command, matches) = matches.subcommand()?;
    // The other commands do not define all of its arguments, which clap asserts.
    let is_dry_run = match command {
        "run" | "preview" => false,
        "dry-run" => true,
        _ => return None,
    };
    let read = RunArguments::from_arg_matches(matches).ok()?;
    // A dry run reports to its own GitHub, which is not up.
    let dry_run = is_dry_run.then(crate::journal::DryRunOptions::default);
    Some(RunArguments { options: RunOptions { dry_run, ..read.options }, ..read })
}

/// The first line is the mistake; the others show the usage.
fn failure(text: &str) -> Failure {
    let first = text.lines().next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    Failure { chain: vec![message], ..Failure::default() }
}
