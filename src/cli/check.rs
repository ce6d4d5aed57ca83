//! `shipway check`: every mistake in the plan, with its line.

use super::arguments::{CheckArguments, Format};
use super::exit::Exit;
use super::load::{BY_POSITION, load};
use super::say;
use crate::plan::{Diagnostic, render, render_github, render_json};

/// Finds every mistake. No mistake, no word.
pub(super) fn check(arguments: &CheckArguments) -> Exit {
    let loaded = match load(&arguments.plan, BY_POSITION) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let (file, text, found) = (&loaded.file, &loaded.text, &loaded.diagnostics);
    match arguments.format {
        Format::Human if found.is_empty() => say::tell(&format!("{file}: no mistakes")),
        Format::Human => say::tell(&render(file, text, found, say::color())),
        Format::Json => say::result(&render_json(file, text, found)),
        Format::Github => say::result(&render_github(file, text, found)),
    }
    let wrong = loaded.plan.is_none() || found.iter().any(Diagnostic::is_error);
    if wrong { Exit::Usage } else { Exit::Done }
}
