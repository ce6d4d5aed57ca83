//! Reads the plan's file.

use super::exit::Exit;
use super::say;
use crate::oci::Digest;
use crate::plan::schema::Plan;
use crate::plan::{Diagnostic, read_bytes, render};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A plan as it lies on the disk.
pub(super) struct Loaded {
    /// The file as it was given.
    pub(super) file: String,
    /// The folder it lies in, absolute.
    pub(super) folder: PathBuf,
    /// Its text.
    pub(super) text: String,
    /// The plan, where it has no mistakes.
    pub(super) plan: Option<Plan>,
    /// Its mistakes.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Far more than any plan has, so that one that is too large is told its size;
/// what is over is not read.
const MOST: u64 = 256 << 20;

/// What to do where there is no plan, of commands that take it by position.
pub(super) const BY_POSITION: &str = "name the plan's file, as in `shipway run PLAN`";
/// The same of commands that take it by an option.
pub(super) const BY_OPTION: &str = "name the plan's file with `--plan PLAN`";

/// Reads a plan with its mistakes; says so where there is no file, and what to
/// do about that.
pub(super) fn load(file: &Path, remedy: &str) -> Result<Loaded, Exit> {
    let bytes = read(file).map_err(|error| {
        let help = (error.kind() == io::ErrorKind::NotFound).then_some(remedy);
        say::error(&[format!("read the plan `{}`", file.display()), error.to_string()], help);
        Exit::Usage
    })?;
    let folder = std::path::absolute(file)
        .ok()
        .and_then(|file| file.parent().map(Path::to_owned))
        .unwrap_or_default();
    let (text, reading) = read_bytes(&bytes);
    Ok(Loaded {
        file: file.display().to_string(),
        folder,
        text,
        plan: reading.plan,
        diagnostics: reading.diagnostics,
    })
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Loaded {
    /// No plan, for a command that can do without.
    pub(super) fn nothing() -> Self {
        let folder = std::env::current_dir().unwrap_or_default();
        let (file, text, diagnostics) = (String::new(), String::new(), Vec::new());
        Self { file, folder, text, plan: Some(Plan::empty()), diagnostics }
    }

    /// Whether there is no plan.
    pub(super) fn is_nothing(&self) -> bool {
        self.file.is_empty()
    }

    /// The plan, or its mistakes shown and the exit that they lead to. Warnings
    /// are shown in any case.
    pub(super) fn sound(mut self) -> Result<(Plan, Self), Exit> {
        if !self.diagnostics.is_empty() {
            say::tell(&render(&self.file, &self.text, &self.diagnostics, say::color()));
        }
        match self.plan.take() {
            Some(plan) => Ok((plan, self)),
            None => Err(Exit::Usage),
        }
    }

    /// SHA-256 of the text.
    pub(super) fn digest(&self) -> String {
        Digest::of(self.text.as_bytes()).to_string()
    }
}
