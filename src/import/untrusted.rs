//! Entry points for the fuzz targets: a file to import.

use super::import;

/// The text of the plan that an import makes, with its notes as comments. `None` for a file
/// that is refused.
pub fn imported(file: &str, text: &str) -> Option<String> {
    let imported = import(file, text).ok()?;
    let mut plan = imported.plan;
    plan.header =
        imported.notes.iter().map(|note| format!("{}: {}", note.kind, note.text)).collect();
    Some(plan.write())
}

#[cfg(test)]
mod tests {
    use super::imported;

    #[test]
    fn registry_that_no_key_can_name_is_in_its_image_alone() {
        for host in ["demo\u{1}images.azurecr.io".to_owned(), "d".repeat(1100) + ".azurecr.io"] {
            let script = format!(
                "az container create -g demo -n demo --image \"{host}/d:v1\" --ip-address public\n"
            );
            let plan = imported("deploy.sh", &script).expect("a plan");
            assert!(plan.contains("image: "), "{plan}");
            assert!(!plan.lines().any(|line| line == "registries:"), "{plan}");
        }
        let plan = imported(
            "deploy.sh",
            "az container create -g demo -n demo --image demo.azurecr.io/d:v1\n",
        );
        assert!(plan.is_some_and(|plan| plan.contains("registries:\n  demo.azurecr.io:")));
    }
}
