//! Reads and parses the plan's file.

use super::exit::Exit;
use super::plan_reading::{read_included, read_plan};
use super::refusal::Refusal;
use super::say;
use crate::event::Failure;
use crate::oci::Digest;
use crate::plan::schema::Plan;
use crate::plan::span::Span;
use crate::plan::{Diagnostic, PlanText, read_files, render_plan};
use crate::resolve::{BaseCommit, CommitFiles, credentials};
use crate::run::perform::PlanSource;
use crate::secret::Redactor;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A plan's file, read and parsed.
pub struct PlanFile {
    /// The path as it was given; empty if there is no plan.
    pub name: String,
    /// The folder of the file, absolute.
    pub folder: PathBuf,
    /// With the files that it includes.
    pub text: PlanText,
    /// `None` if the plan has errors.
    pub plan: Option<Plan>,
    /// As far as a plan with errors could be read.
    draft: Option<Plan>,
    pub diagnostics: Vec<Diagnostic>,
    /// The commit that it was read from, instead of what is checked out.
    pub commit: Option<BaseCommit>,
}

/// The remedy for a missing plan, of commands that take the plan by position.
pub const PLAN_ARGUMENT_HELP: &str =
    "name the plan's file as the argument PLAN, or write a first one with `shipway init`";
/// The remedy for a missing plan, of commands that take the plan as an option.
pub const PLAN_OPTION_HELP: &str =
    "name the plan's file with `--plan PLAN`, or write a first one with `shipway init`";

impl PlanFile {
    /// Reads a plan, which may have mistakes. A missing file is shown with
    /// `remedy`.
    pub fn read(file: &Path, remedy: &str) -> Result<Self, Refusal> {
        Self::open(file).map_err(|error| {
            let help = (error.kind() == io::ErrorKind::NotFound).then_some(remedy);
            let chain = [format!("cannot read the plan `{}`", file.display()), error.to_string()];
            say::refused(Exit::Usage, &chain, help)
        })
    }

    /// Reads a plan, which may have mistakes.
    pub fn open(file: &Path) -> io::Result<Self> {
        let bytes = read_plan(file)?;
        let folder = folder_of(file);
        let mut open = |path: &str| {
            read_included(&folder.join(path), &folder).map_err(|error| error.to_string())
        };
        Ok(Self::of_bytes(file, &bytes, &mut open))
    }

    /// Reads the plan that a commit has at this path, and what that includes. `files` are
    /// those of the commit, seen from the folder of the plan.
    pub fn of_commit(
        file: &Path,
        files: &CommitFiles<'_>,
        commit: BaseCommit,
    ) -> Result<Self, String> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let bytes = files.read(&name)?;
        let read = Self::of_bytes(file, &bytes, &mut |path: &str| files.read(path));
        Ok(Self { commit: Some(commit), ..read })
    }

    fn of_bytes(
        file: &Path,
        bytes: &[u8],
        open: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Self {
        let (text, reading) = read_files(&file.display().to_string(), bytes, open);
        Self {
            text,
            plan: reading.plan,
            draft: reading.draft,
            diagnostics: reading.diagnostics,
            ..Self::unread_in_its_folder(file)
        }
    }

    /// Stands for the plan of a command that does without one.
    pub fn none() -> Self {
        Self { name: String::new(), plan: Some(Plan::empty()), ..Self::unread(Path::new("")) }
    }

    /// Stands for a file that cannot be read.
    pub fn unread(file: &Path) -> Self {
        let folder = std::env::current_dir().unwrap_or_default();
        Self { folder, ..Self::unread_in_its_folder(file) }
    }

    /// Stands for a file that is not read yet.
    pub fn unread_in_its_folder(file: &Path) -> Self {
        Self {
            name: file.display().to_string(),
            folder: folder_of(file),
            text: PlanText::default(),
            plan: None,
            draft: None,
            diagnostics: Vec::new(),
            commit: None,
        }
    }

    /// The plan as far as it could be read, which is not to be run.
    pub fn known_plan(&self) -> Option<&Plan> {
        self.plan.as_ref().or(self.draft.as_ref())
    }

    /// The name of the plan as it is written in a text that has an error of syntax. `None` where
    /// it is not a plain word.
    pub fn written_name(&self) -> Option<String> {
        let text = self.text.text();
        let written = text.lines().find_map(|line| line.strip_prefix("name:"))?;
        let written = written.split(" #").next().unwrap_or_default().trim();
        let is_part = |it: char| it.is_alphanumeric() || "-_.".contains(it);
        let name = written.trim_matches(['"', '\'']);
        (!name.is_empty() && name.chars().all(is_part)).then(|| name.to_owned())
    }

    /// Whether no mistake can have changed which environment is chosen: each is in a
    /// section that has nothing to do with that.
    pub fn has_certain_environments(&self) -> bool {
        let mut errors = self.diagnostics.iter().filter(|found| found.is_error());
        errors.all(|found| {
            let section = section_of(self.text.text(), found.primary.span.start);
            section.is_some_and(|section| UNRELATED_SECTIONS.contains(&section))
        })
    }

    /// The text, with the paths by which GitHub knows the files: relative to the
    /// repository that the workflow has checked out.
    pub fn source(&self) -> PlanSource {
        let workspace = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
        let inside = |name: &str| {
            let path = absolute_plan(Path::new(name)).ok()?;
            Some(path.strip_prefix(workspace.as_deref()?).ok()?.display().to_string())
        };
        PlanSource(self.text.renamed(|name| inside(name).unwrap_or_else(|| name.to_owned())))
    }

    /// The folder that a path of the plan starts from, by the place of its text.
    pub fn folder_of(&self, span: &Span) -> PathBuf {
        self.folder.join(self.text.folder_of(span))
    }

    /// A mistake at a place of the text, as it is reported.
    pub fn failure_at(&self, span: &Span, failure: Failure) -> Failure {
        Failure { place: Some(self.source().place(span)), ..failure }
    }

    pub fn is_none(&self) -> bool {
        self.name.is_empty()
    }

    /// The plan of a command that runs nothing of it, and whose user has seen its warnings
    /// before.
    #[must_use]
    pub fn without_warnings(mut self) -> Self {
        self.diagnostics.retain(Diagnostic::is_error);
        self
    }

    /// Shows the plan's errors and warnings, and returns the plan if it has no
    /// errors.
    pub fn into_plan(mut self) -> Result<(Plan, Self), Refusal> {
        if !self.diagnostics.is_empty() {
            say::tell(&self.drawn(&self.diagnostics));
        }
        match self.plan.take() {
            Some(plan) => Ok((plan, self)),
            None => Err(Refusal::new(Exit::Usage, self.mistakes())),
        }
    }

    /// Diagnostics with their lines of the plan, for people. A line may have a credential of the
    /// environment in it.
    pub fn drawn(&self, diagnostics: &[Diagnostic]) -> String {
        without_credentials(&render_plan(&self.text, diagnostics, say::color()))
    }

    /// The errors of the plan, each with its lines of the text.
    fn mistakes(&self) -> Vec<Failure> {
        let errors = self.diagnostics.iter().filter(|found| found.is_error());
        let failure = |found: &Diagnostic| {
            let drawn = render_plan(&self.text, std::slice::from_ref(found), false);
            let failure = Failure {
                chain: vec![found.message.clone()],
                details: drawn.lines().map(str::to_owned).collect(),
                help: found.help.clone(),
                place: None,
            };
            self.failure_at(&found.primary.span, failure)
        };
        errors.map(failure).collect()
    }

    /// SHA-256 of the text.
    pub fn digest(&self) -> String {
        Digest::of(self.text.text().as_bytes()).to_string()
    }

    /// SHA-256 of the plan's file and of each that it includes, by their names.
    pub fn digests(&self) -> BTreeMap<String, String> {
        let parts = self.text.parts();
        parts
            .map(|part| (part.name.to_owned(), Digest::of(part.text.as_bytes()).to_string()))
            .collect()
    }
}

/// A text without the credentials that are in the environment.
pub fn without_credentials(text: &str) -> String {
    let redactor = Redactor::default();
    let variables = std::env::vars_os();
    let texts = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    credentials::mask(&texts.collect(), &redactor);
    redactor.redact(text)
}

/// The folder of a plan's file, absolute.
fn folder_of(file: &Path) -> PathBuf {
    let file = absolute_plan(file).ok();
    file.and_then(|file| file.parent().map(Path::to_owned)).unwrap_or_default()
}

/// The absolute path of a plan's file. `..` at its beginning is resolved, so that a plan
/// has the same path from all folders below its own.
pub fn absolute_plan(file: &Path) -> io::Result<PathBuf> {
    // The current folder is known without links, so that its parent is what `..` means.
    let mut folder = std::env::current_dir()?;
    let mut rest = file;
    while let Ok(after) = rest.strip_prefix("..") {
        folder.pop();
        rest = after;
    }
    std::path::absolute(folder.join(rest))
}

/// Top-level keys that no `if` of an environment depends on.
const UNRELATED_SECTIONS: [&str; 7] =
    ["azure", "registries", "report", "secrets", "services", "steps", "vars"];

/// The top-level key that a place of a plan in YAML's block style belongs to.
fn section_of(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..text.floor_char_boundary(at))?;
    let starts = before.match_indices('\n').map(|(end, _)| end + 1);
    let lines = std::iter::once(0).chain(starts).map(|start| &text[start..]);
    let mut keys = lines.filter_map(|rest| {
        let line = rest.lines().next().unwrap_or_default();
        let (key, _) = line.split_once(':')?;
        key.starts_with(|first: char| first.is_ascii_alphabetic()).then_some(key)
    });
    keys.next_back()
}

#[cfg(test)]
mod tests {
    use super::{absolute_plan, section_of};
    use std::path::Path;

    #[test]
    fn plan_above_has_the_path_that_it_has_beside_itself() {
        let here = std::env::current_dir().expect("a folder");
        let above = here.parent().expect("a folder above");
        let absolute = |file: &str| absolute_plan(Path::new(file)).expect("a path");
        assert_eq!(absolute("../shipway.yml"), above.join("shipway.yml"));
        assert_eq!(absolute("./a/../shipway.yml"), here.join("a/../shipway.yml"));
        assert_eq!(absolute("/a/shipway.yml"), Path::new("/a/shipway.yml"));
    }

    #[test]
    fn the_section_of_a_place_is_the_last_top_level_key_before_it() {
        let text = "name: a\n# x: y\nenvironments:\n  live: { if: x }\nsteps:\n- run: y\n";
        let at = |part: &str| section_of(text, text.find(part).expect("it is in the text"));
        assert_eq!(at("a\n"), Some("name"));
        assert_eq!(at("if: x"), Some("environments"));
        assert_eq!(at("steps"), Some("steps"));
        assert_eq!(at("y\n"), Some("name"));
        assert_eq!(at("run"), Some("steps"));
        assert_eq!(section_of("{ \"name\": 1 }", 9), None);
    }
}
