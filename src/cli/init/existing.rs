//! A container group that the folder describes already, where there is nothing to build.

use super::folder::Folder;
use super::image_files::ImageFiles;
use super::look::Look;
use super::plan::SCHEMA_LINE;
use super::settings::Settings;
use crate::draft::PlanDraft;
use crate::import::{Imported, import};

/// A file that describes a container group, and the plan that deploys it.
pub struct ExistingGroup {
    pub file: String,
    imported: Imported,
}

/// The first file with a container group, in the order of the listing.
pub fn find(folder: &Folder) -> Option<ExistingGroup> {
    let is_document = |path: &&String| {
        !path.starts_with('.') && [".yml", ".yaml", ".json"].iter().any(|end| path.ends_with(end))
    };
    folder.files.iter().filter(is_document).find_map(|path| {
        let text = folder.text(path);
        let is_group =
            text.to_ascii_lowercase().contains("microsoft.containerinstance/containergroups");
        let imported = is_group.then(|| import(path, &text).ok()).flatten()?;
        Some(ExistingGroup { file: path.clone(), imported })
    })
}

impl ExistingGroup {
    /// What is told of it, as of a folder that is built from.
    pub fn look(&self, name: String) -> Look {
        let first = format!("the plan deploys the container group of `{}`", self.file);
        let open = self
            .imported
            .notes
            .iter()
            .map(|note| format!("{}:{}: {}", self.file, note.line, note.text));
        Look {
            name,
            services: Vec::new(),
            files: ImageFiles::default(),
            secrets: Vec::new(),
            notes: std::iter::once(first).chain(open).collect(),
            deploying_workflows: Vec::new(),
        }
    }

    pub fn plan(self, settings: &Settings) -> PlanDraft {
        let mut plan = self.imported.plan;
        plan.header = vec![SCHEMA_LINE.to_owned()];
        plan.azure.resource_group = Some(settings.resource_group.clone());
        plan.azure.location.get_or_insert_with(|| settings.location.clone());
        plan
    }
}
