//! `shipway man`: manual pages, made of the same text as `--help`.

use super::exit::Exit;
use super::say;
use crate::plan::diagnostic::closest;
use clap::builder::Resettable;
use clap::{Args, Command};
use clap_mangen::Man;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway man run | man -l -
  shipway man --dir ~/.local/share/man/man1

Exit codes: 0 done; 2 there is no such command; 3 the folder cannot be written")]
pub struct ManArguments {
    /// Print the page of this command [default: of shipway itself]
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub command: Vec<String>,
    /// Write the pages of all commands to this folder
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

/// Prints one page or writes all.
pub fn man(arguments: &ManArguments, program: Command) -> Result<Exit, Exit> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    if let Some(folder) = &arguments.dir {
        let written = write_all(&program, folder).map_err(|error| {
            let chain = [format!("cannot write to `{}`", folder.display()), error.to_string()];
            say::error(&chain, None);
            Exit::Precondition
        })?;
        say::tell(&format!("{written} pages are in `{}`", folder.display()));
        return Ok(Exit::Done);
    }
    let mut command = &program;
    for name in &arguments.command {
        command = shown(command).find(|one| one.get_name() == name).ok_or_else(|| {
            let near = closest(name, shown(command).map(Command::get_name));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            say::error(&[format!("there is no command `{name}`")], help.as_deref());
            Exit::Usage
        })?;
    }
    let page = page(command).expect("a page can be written to memory");
    say::result(page.trim_end());
    Ok(Exit::Done)
}

/// Writes the page of a command and of those below it; how many there are.
fn write_all(command: &Command, folder: &Path) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("{}.1", title(command))), page(command)?)?;
    let mut written = 1;
    for below in shown(command) {
        written += write_all(below, folder)?;
    }
    Ok(written)
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|one| !one.is_hide_set())
}

/// Such as `shipway-local-stop`.
fn title(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command) -> io::Result<String> {
    let after = command.get_after_long_help().or(command.get_after_help());
    let after = after.map(ToString::to_string).unwrap_or_default();
    let without = command.clone().after_help(Resettable::Reset).after_long_help(Resettable::Reset);
    let mut page = Vec::new();
    let source = concat!("shipway ", env!("CARGO_PKG_VERSION"));
    Man::new(without).title(title(command)).source(source).render(&mut page)?;
    let page = String::from_utf8(page)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(page + &notes(&after))
}

/// What stands below the options, line by line as it is: examples lose their columns
/// where roff fills lines.
fn notes(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    // A line that begins with one of these would be a request.
    let lines = escaped.lines().map(|line| match line.chars().next() {
        Some('.' | '\'') => format!("\\&{line}\n"),
        _ => format!("{line}\n"),
    });
    format!(".SH NOTES\n.nf\n{}.fi\n", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::notes;

    #[test]
    fn notes_keep_their_lines() {
        assert_eq!(notes(""), "");
        assert_eq!(
            notes("Examples:\n  a --b  'c\n.d \\e\n'f"),
            ".SH NOTES\n.nf\nExamples:\n  a \\-\\-b  'c\n\\&.d \\ee\n\\&'f\n.fi\n"
        );
    }
}
