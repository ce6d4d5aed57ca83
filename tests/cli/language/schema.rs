//! `shipway schema`, and the entry of the schema for `SchemaStore`.

use crate::support::Program;
use serde_json::{Value, json};

#[test]
fn schema_has_the_id_that_it_is_given() {
    let program = Program::new();
    let schema = |more: &[&str]| -> Value {
        let printed = program.run(&[&["schema"], more].concat()).exits(0).stdout;
        serde_json::from_str(&printed).expect("JSON")
    };
    let url = "https://example.com/shipway.schema.json";
    for document in ["plan", "plan-output"] {
        let mut plain = schema(&[document]);
        assert_eq!(plain.get("$id"), None);
        plain["$id"] = url.into();
        assert_eq!(schema(&[document, "--id", url]), plain, "{document}");
    }
    for wrong in ["shipway.schema.json", "http://example.com/a.json", "https:///a.json"] {
        assert_eq!(
            program.run(&["schema", "--id", wrong]).exits(2).stderr,
            format!(
                "error: invalid value '{wrong}' for '--id <URL>': it is no URL that begins with \
                 `https://`\n\nFor more information, try '--help'.\n"
            )
        );
    }
}

/// What `SchemaStore` asks of an entry: its own keys alone, a name and a description that do
/// not say "schema", and patterns of file names.
#[test]
fn entry_for_schema_store_is_of_the_file_of_a_release() {
    let page = include_str!("../../../docs/editors.md");
    let section = page.split("\n### SchemaStore\n").nth(1).expect("a section");
    let entry = section.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let entry: Value = serde_json::from_str(entry.expect("an entry")).expect("JSON");
    let keys: Vec<&String> = entry.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["name", "description", "fileMatch", "url"]);
    for key in ["name", "description"] {
        let text = entry[key].as_str().expect("a text");
        assert!(!text.is_empty() && !text.to_lowercase().contains("schema"), "{text}");
    }
    assert_eq!(entry["fileMatch"], json!(["shipway.yml", "shipway.yaml"]));

    // `tests/release` compares the URL with the `$id` of the file that is published.
    let url = entry["url"].as_str().expect("a text");
    let (_, latest) = url.split_once("https://github.com/OWNER/shipway/").expect("a URL");
    let pack = include_str!("../../../.github/release/pack.sh");
    assert!(pack.contains(&format!("/$GITHUB_REPOSITORY/{latest}\n")), "{latest}");
    let schema = Program::new().run(&["schema", "--id", url]).exits(0).stdout;
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
}
