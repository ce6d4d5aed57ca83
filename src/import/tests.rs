//! Whatever a file holds, an import ends.

use super::import;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn fixtures() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import");
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("text"))
    };
    entries.map(read).collect()
}

#[test]
fn file_that_is_cut_anywhere_is_imported_or_refused() {
    for (name, text) in fixtures() {
        for end in (0..text.len()).step_by(37) {
            drop(import(&name, &text[..text.floor_char_boundary(end)]));
        }
    }
}

#[test]
fn white_space_that_parts_no_words_is_a_part_of_them() {
    for space in ['\u{b}', '\u{a0}', '\u{2003}', '\u{85}'] {
        let script =
            format!("docker build -t demo.azurecr.io/web:1 .\naz {space}group{space} create\n");
        import("a.sh", &script).expect("a build");
    }
}

#[test]
fn deep_nesting_and_values_that_multiply_end() {
    let calls = format!("[{}]", "concat(".repeat(100_000));
    let template = format!(
        r#"{{"resources": [{{"type": "Microsoft.ContainerInstance/containerGroups", "name": "{calls}",
        "properties": {{"containers": [{{"name": "a", "properties": {{}}}}]}}}}]}}"#
    );
    import("a.json", &template).expect("a group");
    let substitutions = format!("docker build {}", "$(echo ".repeat(20_000));
    drop(import("a.sh", &substitutions));
    let mut workflow = "env:\n".to_owned();
    for at in 0..20 {
        let value = format!("${{{{ env.V{} }}}}", at + 1).repeat(10);
        workflow.extend(["  V", &at.to_string(), ": '", &value, "'\n"]);
    }
    workflow.push_str(
        "jobs: { a: { steps: [{ run: 'docker build -t \"$V0\" . && docker push \"$V0\"' }] } }\n",
    );
    drop(import("a.yml", &workflow));
}

proptest! {
    #[test]
    fn any_script_is_imported_or_refused(script in "(?s)(docker |az |if |done|\\$\\(|\\$\\{|\\$\\{\\{|\\}|'|\"|\\\\|\n|;|<<E|=\\(|[a-z ./:é-]){0,60}") {
        drop(import("a.sh", &format!("docker build .\n{script}")));
        let indented = script.replace('\n', "\n        ");
        drop(import("a.yml", &format!("jobs:\n  a:\n    steps:\n    - run: |\n        {indented}\n")));
    }
}
