//! `shipway init`: writes a first plan, and the workflow that runs it, from what a folder
//! holds.
//!
//! `folder` lists the files, `existing` finds a container group that is described already, `dockerfile`, `compose` and `project` read what they say,
//! `look` puts that together, `settings` has what the user was asked or what Azure's tools
//! are set to. `plan` and `workflow` write the result, `image_files` a Dockerfile where
//! the folder has none.

mod arguments;
mod compose;
mod dockerfile;
mod existing;
mod folder;
mod found;
mod image_files;
mod look;
mod plan;
mod project;
mod settings;
mod workflow;
mod write;

pub use arguments::InitArguments;

use super::exit::Exit;
use super::say;
use crate::resolve::HostEnvironment;
use folder::Folder;
use look::Look;
use settings::Settings;
use std::path::Path;

/// Writes the files, or prints the plan.
pub fn init(arguments: &InitArguments) -> Result<Exit, Exit> {
    let root = std::path::absolute(&arguments.folder).unwrap_or_else(|_| arguments.folder.clone());
    if !arguments.print {
        refuse_existing_plan(&arguments.folder)?;
    }
    let host = HostEnvironment {
        env: std::env::vars().collect(),
        dir: root.clone(),
        cloud_repository: None,
    };
    let folder = Folder::list(&root).map_err(|error| {
        let message = format!("cannot look at the folder `{}`", arguments.folder.display());
        say::refused(Exit::Usage, &[message, error.to_string()], None).exit
    })?;
    let (look, settings, plan) = match (Look::at(&folder, arguments.port), existing::find(&folder))
    {
        (Ok(look), _) => {
            let settings = Settings::of(arguments, &host, &look);
            let plan = plan::draft(&look, &settings);
            (look, settings, plan)
        }
        (Err(_), Some(group)) => {
            let look = group.look(look::folder_name(&folder));
            let settings = Settings::of(arguments, &host, &look);
            let plan = group.plan(&settings);
            (look, settings, plan)
        }
        (Err(missing), None) => {
            return Err(say::refused(Exit::Usage, &[missing.message], Some(&missing.help)).exit);
        }
    };
    let plan = plan.write();
    if arguments.print {
        say::result(&plan);
        return Ok(Exit::Done);
    }
    write::Output { arguments, look: &look, settings: &settings }.write_all(&root, &plan)
}

/// A plan that was edited by hand must not be lost.
fn refuse_existing_plan(folder: &Path) -> Result<(), Exit> {
    for name in ["shipway.yml", "shipway.yaml"] {
        let file = folder.join(name);
        if file.symlink_metadata().is_ok() {
            let file = file.strip_prefix(".").unwrap_or(&file);
            let message = format!("there is a plan already: `{}`", file.display());
            let help = "`shipway check` shows its mistakes; `shipway init --print` shows what \
                        would be written, without writing it";
            return Err(say::refused(Exit::Usage, &[message], Some(help)).exit);
        }
    }
    Ok(())
}
