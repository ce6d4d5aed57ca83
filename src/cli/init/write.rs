//! Writes the files of `init` and says what comes next.

use super::arguments::InitArguments;
use super::look::Look;
use super::plan::SCHEMA_LINE;
use super::settings::Settings;
use super::workflow;
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::journal::RunFolder;
use crate::plan::{json_schema, read_bytes, render};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

pub struct Output<'a> {
    pub arguments: &'a InitArguments,
    pub look: &'a Look,
    pub settings: &'a Settings,
}

/// Whether a file was written, or was there before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Written {
    New,
    Kept,
}

impl Output<'_> {
    /// Writes the plan last, so that `init` can be called again after an error.
    pub fn write_all(&self, root: &Path, plan: &str) -> Result<Exit, Exit> {
        let (_, reading) = read_bytes(plan.as_bytes());
        if reading.plan.is_none() {
            say::tell(&render("shipway.yml", plan, &reading.diagnostics, say::color()));
            let message = "cannot write the plan: it would have the mistakes above";
            let help = "change what was given: `--name`, `--registry`, `--resource-group`, \
                        `--location`";
            return Err(say::refused(Exit::Usage, &[message.to_owned()], Some(help)).exit);
        }
        let mut said = Vec::new();
        let mut has_new_workflow = false;
        for (name, text) in self.look.files.all() {
            let written = write_new(&root.join(name), &text)?;
            said.push(line(written, name, "what the image holds"));
        }
        if let Some(workflows) = self.workflow_root(root) {
            let plan = root.strip_prefix(workflows).unwrap_or(root).join("shipway.yml");
            let text = workflow::text(
                &plan.to_string_lossy(),
                &self.settings.branch,
                &self.arguments.action,
                !self.look.services.is_empty(),
            );
            let written = write_new(&workflows.join(workflow::FILE), &text)?;
            has_new_workflow = written == Written::New;
            said.push(line(written, workflow::FILE, "runs the plan on GitHub"));
        }
        write_schema(root);
        write_new(&root.join("shipway.yml"), plan)?;
        said.insert(0, line(Written::New, "shipway.yml", "the plan"));
        say::tell(&said.join("\n"));
        self.say_notes(has_new_workflow);
        self.say_next();
        Ok(Exit::Done)
    }

    /// The root of the repository, which GitHub reads workflows of.
    fn workflow_root<'p>(&self, root: &'p Path) -> Option<&'p Path> {
        let repository = root.ancestors().find(|folder| folder.join(".git").exists());
        (!self.arguments.no_workflow).then(|| repository.unwrap_or(root))
    }

    fn say_notes(&self, has_new_workflow: bool) {
        let mut notes = Vec::new();
        if !self.settings.assumed.is_empty() {
            let assumed = self.settings.assumed.join(" ");
            notes.push(format!(
                "these were not asked for, and can be changed in the plan: {assumed}"
            ));
        }
        notes.extend(self.look.notes.iter().cloned());
        for workflow in &self.look.deploying_workflows {
            notes.push(format!(
                "`{workflow}` deploys already: `shipway import {workflow}` prints a plan that does \
                 the same"
            ));
        }
        if has_new_workflow && self.arguments.action == workflow::PLACEHOLDER {
            notes.push(format!(
                "`{}` in the workflow is to be replaced by the repository of Shipway's action and \
                 a commit of it, or given by `--action`",
                workflow::PLACEHOLDER
            ));
        }
        for note in notes {
            say::tell(&format!("note: {note}"));
        }
    }

    fn say_next(&self) {
        let folder = &self.arguments.folder;
        let plan = match folder.to_string_lossy().as_ref() {
            "." | "" => String::new(),
            other => format!(" {}/shipway.yml", other.trim_end_matches('/')),
        };
        say::tell(&format!(
            "\nnext:\n  shipway check{plan}     shows mistakes in the plan\n  shipway dry-run{plan}   runs it \
             on this machine, without Azure\n  shipway doctor{plan}    shows what is missing in Azure and at GitHub"
        ));
    }
}

fn line(written: Written, name: &str, purpose: &str) -> String {
    match written {
        Written::New => format!("wrote {name}: {purpose}"),
        Written::Kept => format!("kept {name}, which was there before"),
    }
}

/// Writes a file that does not exist yet.
fn write_new(file: &Path, text: &str) -> Result<Written, Exit> {
    let written = (|| {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new().write(true).create_new(true).open(file)?.write_all(text.as_bytes())
    })();
    match written {
        Ok(()) => Ok(Written::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Written::Kept),
        Err(error) => {
            let message = format!("cannot write `{}`", file.display());
            Err(say::refused(Exit::Precondition, &[message, error.to_string()], None).exit)
        }
    }
}

/// Writes the schema that the first line of the plan names. Only editors read it, so that
/// an error is no reason to stop.
fn write_schema(root: &Path) {
    let file = root.join(SCHEMA_LINE.split_once('=').map_or("", |(_, file)| file));
    let Some(folder) = file.parent() else { return };
    let written = RunFolder::create_state(folder)
        .and_then(|()| fs::write(&file, format!("{:#}\n", json_schema())));
    if let Err(error) = written {
        say::tell(&format!(
            "note: editors get no completion: cannot write `{}`: {error}",
            file.display()
        ));
    }
}
