//! The JSON Schema of plans (draft 2020-12), made of the description of the keys.
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
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
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
