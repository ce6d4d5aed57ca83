//! Finds the plan of a command that names none.

use super::plan_reading::repository_of;
use clap::Command;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The names of a plan's file; the first that is there counts.
pub const PLAN_NAMES: [&str; 2] = ["shipway.yml", "shipway.yaml"];

static FOUND: LazyLock<String> = LazyLock::new(|| {
    let here = std::env::current_dir().ok();
    let found = here.as_deref().and_then(find_plan);
    found.unwrap_or_else(|| PLAN_NAMES[0].to_owned())
});

/// The path of the plan that is found here, or else where one would be.
pub fn default_plan() -> &'static str {
    &FOUND
}

/// The plan in a folder, or in one above it that belongs to the same repository. Its path
/// is relative to the folder.
fn find_plan(folder: &Path) -> Option<String> {
    // Outside of a repository the folders above have nothing to do with this one.
    let last = repository_of(folder).unwrap_or_else(|| folder.to_owned());
    let mut up = String::new();
    for above in folder.ancestors() {
        if let Some(name) = PLAN_NAMES.iter().find(|name| above.join(name).exists()) {
            return Some(format!("{up}{name}"));
        }
        if above == last {
            break;
        }
        up.push_str("../");
    }
    None
}

/// Makes the plan that is found here the default of each command that has one.
pub fn with_found_plan(program: Command) -> Command {
    program.mut_subcommands(|command| {
        let has_default = command.get_arguments().any(|argument| {
            argument.get_id() == "plan" && !argument.get_default_values().is_empty()
        });
        if has_default {
            command.mut_arg("plan", |plan| plan.default_value(default_plan()))
        } else {
            command
        }
    })
}

/// The plan that is found here, if there is one.
pub fn existing_plan() -> Option<PathBuf> {
    Some(PathBuf::from(default_plan())).filter(|plan| plan.exists())
}

#[cfg(test)]
mod tests {
    use super::find_plan;
    use std::fs::{create_dir_all, write};

    #[test]
    fn plan_is_found_above_within_the_repository() {
        let outside = tempfile::tempdir().expect("a folder");
        let root = outside.path().join("repository");
        let inner = root.join("web/src");
        create_dir_all(&inner).expect("folders");
        write(outside.path().join("shipway.yml"), "").expect("a plan outside");
        assert_eq!(find_plan(&inner), None);
        create_dir_all(root.join(".git")).expect("a folder");
        assert_eq!(find_plan(&inner), None);
        write(root.join("shipway.yaml"), "").expect("a plan");
        assert_eq!(find_plan(&inner).as_deref(), Some("../../shipway.yaml"));
        assert_eq!(find_plan(&root).as_deref(), Some("shipway.yaml"));
        write(root.join("shipway.yml"), "").expect("a plan");
        assert_eq!(find_plan(&inner).as_deref(), Some("../../shipway.yml"));
        write(inner.join("shipway.yaml"), "").expect("a plan");
        assert_eq!(find_plan(&inner).as_deref(), Some("shipway.yaml"));
        assert_eq!(find_plan(outside.path()).as_deref(), Some("shipway.yml"));
    }
}
