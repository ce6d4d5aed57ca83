//! Reads and parses the plan's file.

use super::exit::Exit;
use super::say;
use crate::oci::Digest;
use crate::plan::schema::Plan;
use crate::plan::{Diagnostic, read_bytes, render};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A plan's file, read and parsed.
pub struct PlanFile {
    /// The path as it was given; empty if there is no plan.
    pub name: String,
    /// The folder of the file, absolute.
    pub folder: PathBuf,
    pub text: String,
    /// `None` if the plan has errors.
    pub plan: Option<Plan>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Bounds what is read of a file that is no plan. It is far above the size that
/// the parser refuses, so that the parser can say how large the file is.
const MAX_READ_BYTES: u64 = 256 << 20;

/// The remedy for a missing plan, of commands that take the plan by position.
pub const PLAN_ARGUMENT_HELP: &str = "name the plan's file, as in `shipway run PLAN`";
/// The remedy for a missing plan, of commands that take the plan as an option.
pub const PLAN_OPTION_HELP: &str = "name the plan's file with `--plan PLAN`";

impl PlanFile {
    /// Reads a plan, which may have mistakes. A missing file is shown with
    /// `remedy`.
    pub fn read(file: &Path, remedy: &str) -> Result<Self, Exit> {
        let bytes = read(file).map_err(|error| {
            let help = (error.kind() == io::ErrorKind::NotFound).then_some(remedy);
            say::error(
                &[format!("cannot read the plan `{}`", file.display()), error.to_string()],
                help,
            );
            Exit::Usage
        })?;
        let folder = std::path::absolute(file)
            .ok()
            .and_then(|file| file.parent().map(Path::to_owned))
            .unwrap_or_default();
        let (text, reading) = read_bytes(&bytes);
        Ok(Self {
            name: file.display().to_string(),
            folder,
            text,
            plan: reading.plan,
            diagnostics: reading.diagnostics,
        })
    }

    /// Stands for the plan of a command that does without one.
    pub fn none() -> Self {
        Self {
            name: String::new(),
            folder: std::env::current_dir().unwrap_or_default(),
            text: String::new(),
            plan: Some(Plan::empty()),
            diagnostics: Vec::new(),
        }
    }

    pub fn is_none(&self) -> bool {
        self.name.is_empty()
    }

    /// Shows the plan's errors and warnings, and returns the plan if it has no
    /// errors.
    pub fn into_plan(mut self) -> Result<(Plan, Self), Exit> {
        if !self.diagnostics.is_empty() {
            say::tell(&render(&self.name, &self.text, &self.diagnostics, say::color()));
        }
        match self.plan.take() {
            Some(plan) => Ok((plan, self)),
            None => Err(Exit::Usage),
        }
    }

    /// SHA-256 of the text.
    pub fn digest(&self) -> String {
        Digest::of(self.text.as_bytes()).to_string()
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_READ_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
