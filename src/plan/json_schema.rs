//! The JSON Schema of plans (draft 7, which editors know), made of the description of the keys.
//!
//! It accepts every plan that `check` accepts, and refuses what a schema can
//! refuse: wrong keys, wrong types, literals of a wrong shape. What depends on
//! several places of a plan is left to `check`.

use super::describe::PlanMapping as _;
use super::schema::Plan;
use serde_json::{Map, Value};

/// The schema of a whole plan.
pub fn json_schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".into(), "Shipway plan".into());
    if let Value::Object(plan) = Plan::object().to_schema() {
        schema.extend(plan);
    }
    schema.into()
}

#[cfg(test)]
mod tests {
    use super::json_schema;
    use serde_json::Value;

    /// What the schema says of a key, by its path.
    fn at(path: &[&str]) -> Value {
        path.iter().fold(json_schema(), |schema, key| schema["properties"][key].clone())
    }

    #[test]
    fn a_key_has_its_meaning_default_and_words() {
        let cloud = at(&["azure", "cloud"]);
        assert_eq!(cloud["description"], "Which of Microsoft's clouds.");
        assert_eq!(cloud["default"], "public");
        assert_eq!(cloud["oneOf"][0]["enum"], serde_json::json!(["public", "usgov", "china"]));
    }

    /// Of draft 7: an editor ignores a keyword that it does not know.
    const KEYWORDS: [&str; 20] = [
        "$schema",
        "additionalProperties",
        "anyOf",
        "const",
        "default",
        "description",
        "enum",
        "examples",
        "exclusiveMinimum",
        "items",
        "maxProperties",
        "maximum",
        "minItems",
        "minimum",
        "oneOf",
        "pattern",
        "propertyNames",
        "required",
        "title",
        "type",
    ];
    /// Those whose value is a mapping of schemas, or of other things by a name.
    const WITH_NAMES: [&str; 2] = ["properties", "patternProperties"];

    fn each_keyword(schema: &Value, see: &mut impl FnMut(&str)) {
        match schema {
            Value::Array(schemas) => schemas.iter().for_each(|one| each_keyword(one, see)),
            Value::Object(keywords) => {
                for (keyword, value) in keywords {
                    see(keyword);
                    if let (true, Some(named)) =
                        (WITH_NAMES.contains(&keyword.as_str()), value.as_object())
                    {
                        named.values().for_each(|one| each_keyword(one, see));
                    } else if !["default", "enum", "const", "examples"].contains(&keyword.as_str())
                    {
                        each_keyword(value, see);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn schema_has_keywords_of_its_draft_alone() {
        let schema = json_schema();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        let mut unknown = std::collections::BTreeSet::new();
        each_keyword(&schema, &mut |keyword| {
            if !KEYWORDS.contains(&keyword) && !WITH_NAMES.contains(&keyword) {
                unknown.insert(keyword.to_owned());
            }
        });
        assert_eq!(unknown, std::collections::BTreeSet::new());
    }

    #[test]
    fn a_number_may_be_an_expression() {
        let cpu = &json_schema().to_string();
        assert!(
            cpu.contains(
                r#""cpu":{"oneOf":[{"type":"number","exclusiveMinimum":0,"maximum":31.0}"#
            ),
            "{cpu}"
        );
        assert!(cpu.contains(r#""default":1,"#) || cpu.contains(r#""default":1}"#), "{cpu}");
    }

    #[test]
    fn unknown_keys_are_refused_and_extensions_are_not() {
        let plan = json_schema();
        assert_eq!(plan["additionalProperties"], false);
        assert_eq!(plan["patternProperties"]["^x-"], true);
        assert_eq!(plan["required"], serde_json::json!(["name"]));
    }
}
