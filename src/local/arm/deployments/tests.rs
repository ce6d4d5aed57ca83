//! Templates as people write them, and what is refused.

use super::deploy::check;
use super::error::TemplateError;
use super::evaluate::DeploymentPlace;
use super::template::Template;
use serde_json::{Map, Value, json};

fn place() -> DeploymentPlace {
    DeploymentPlace {
        subscription: "s".to_owned(),
        tenant: "t".to_owned(),
        deployment: "d".to_owned(),
        resource_group: json!({
            "id": "/subscriptions/s/resourceGroups/demo", "name": "demo", "location": "westeurope",
        }),
    }
}

fn template(resources: &Value, rest: &Value) -> Value {
    let mut template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0", "resources": resources,
    });
    for (name, value) in rest.as_object().into_iter().flatten() {
        template[name] = value.clone();
    }
    template
}

fn read(template: &Value, parameters: &Value) -> Result<Template, TemplateError> {
    let properties = json!({ "template": template, "parameters": parameters });
    let template = Template::read(&properties, &place())?;
    check(&template, &place())?;
    Ok(template)
}

/// What an expression gives.
fn value(expression: &str) -> Result<Value, String> {
    let variables: Map<String, Value> =
        json!({ "a": { "b": [1, "[variables('c')]"] }, "c": "sea", "loop": "[variables('loop')]" })
            .as_object()
            .cloned()
            .expect("an object");
    let place = place();
    let parameters = Map::new();
    let evaluation = super::evaluate::Evaluation::new(&parameters, &variables, &place);
    evaluation.value(&json!(expression)).map_err(|error| error.message)
}

#[test]
fn functions_give_what_azure_documents() {
    let cases = [
        ("[concat('a', 1, true())]", json!("a1True")),
        ("[variables('a').b[1]]", json!("sea")),
        ("[resourceGroup().location]", json!("westeurope")),
        ("[format('{0}-{1:N0} {{}}', 'x', 2)]", json!("x-2 {}")),
        ("[toLower(substring('ABCdef', 1, 3))]", json!("bcd")),
        ("[padLeft(7, 3, '0')]", json!("007")),
        ("[split('a,b;c', createArray(',', ';'))]", json!(["a", "b", "c"])),
        ("[join(concat(createArray('a'), createArray('b')), '-')]", json!("a-b")),
        ("[if(equals(length('abc'), 3), 'yes', error('never'))]", json!("yes")),
        ("[and(greater(2, 1), not(empty('x')), contains('abc', 'b'))]", json!(true)),
        ("[coalesce(null(), json('{\"a\": 1}').a)]", json!(1)),
        ("[add(mul(2, 3), mod(7, 4))]", json!(9)),
        ("[int('42')]", json!(42)),
        (
            "[union(createObject('a', createObject('b', 1)), json('{\"a\": {\"c\": 2}}'))]",
            json!({ "a": { "b": 1, "c": 2 } }),
        ),
        ("[take(range(5, 4), 2)]", json!([5, 6])),
        ("[first(skip('abc', 1))]", json!("b")),
        ("[base64ToString(base64('hello'))]", json!("hello")),
        ("[uri('https://a.example/x/', 'y')]", json!("https://a.example/x/y")),
        (
            "[resourceId('Microsoft.KeyVault/vaults/secrets', 'v', 'x')]",
            json!(
                "/subscriptions/s/resourceGroups/demo/providers/Microsoft.KeyVault/vaults/v/secrets/x"
            ),
        ),
        (
            "[resourceId('other', 'A.B/c', 'd')]",
            json!("/subscriptions/s/resourceGroups/other/providers/A.B/c/d"),
        ),
        ("[length(uniqueString(resourceGroup().id))]", json!(13)),
        ("[equals(guid('a', 'b'), guid('a', 'b'))]", json!(true)),
        ("[indexOf('Hello', 'L')]", json!(2)),
        ("[[not an expression]", json!("[not an expression]")),
    ];
    for (expression, expected) in cases {
        assert_eq!(value(expression), Ok(expected), "{expression}");
    }
}

#[test]
fn mistakes_in_expressions_are_named() {
    let cases = [
        (
            "[nope('x')]",
            "The template function 'nope' is not valid, or not with this argument. \
                         Please see https://aka.ms/arm-functions for usage details.",
        ),
        (
            "[copyIndex()]",
            "The template function 'copyIndex' is not expected at this location. The function can \
             only be used in a resource with copy specified.",
        ),
        ("[variables('x')]", "The template variable 'x' is not found."),
        ("[parameters('x')]", "The template parameter 'x' is not found."),
        ("[variables('loop')]", "Circular reference detected in the variable 'loop'."),
        (
            "[variables('a').z]",
            "The language expression property 'z' doesn't exist, available \
                                properties are 'b'.",
        ),
        ("[if(1, 2, 3)]", "The function 'if' expects a boolean, not 1."),
        ("[if(true())]", "The template language function 'if' expects 3 arguments, not 1."),
        ("[int('x')]", "The value 'x' cannot be converted to an integer."),
        ("[div(1, 0)]", "The function 'div' has no result for these numbers."),
        (
            "[substring('abc', 2, 5)]",
            "The arguments of 'substring' are beyond the text 'abc', which \
                                      has 3 characters.",
        ),
        ("[range(0, 20000)]", "The function 'range' gives at most 10000 numbers."),
        ("[format('{2}', 'a')]", "The format '{2}' is not valid."),
        ("[json('{')]", "The argument of the function 'json' is not JSON."),
        ("[reference('x')]", "The template function 'reference' is not expected at this location."),
        (
            "[resourceId('A.B/c')]",
            "Unable to evaluate template language function 'resourceId': the \
                                   type 'A.B/c' requires '1' resource name argument(s).",
        ),
    ];
    for (expression, expected) in cases {
        assert_eq!(value(expression), Err(expected.to_owned()), "{expression}");
    }
}

#[test]
fn parameters_are_checked_and_secure_ones_not_shown() {
    let with = |definitions: Value, given: Value| {
        read(&template(&json!([]), &json!({ "parameters": definitions })), &given)
    };
    let found = with(
        json!({
            "name": { "type": "string" }, "size": { "type": "int", "defaultValue": 2 },
            "password": { "type": "securestring" },
            "upper": { "type": "string", "defaultValue": "[toUpper(parameters('name'))]" },
        }),
        json!({ "NAME": { "value": "web" }, "password": { "value": "hunter22" } }),
    )
    .expect("good");
    assert_eq!(found.parameters["upper"], "WEB");
    assert_eq!(found.parameters["password"], "hunter22");
    assert_eq!(found.shown_parameters["password"], json!({ "type": "SecureString" }));
    assert_eq!(found.shown_parameters["size"], json!({ "type": "Int", "value": 2 }));

    let message = |definitions, given| with(definitions, given).expect_err("refused").message;
    assert_eq!(
        message(json!({ "name": { "type": "string" } }), json!({})),
        "Deployment template validation failed: 'The value for the template parameter 'name' is not \
         provided. Please see https://aka.ms/arm-create-parameter-file for usage details.'."
    );
    assert_eq!(
        message(json!({ "name": { "type": "string" } }), json!({ "nam": { "value": "x" } })),
        "Deployment template validation failed: 'The following parameters were supplied, but do not \
         correspond to any parameters defined in the template: 'nam'. The parameters defined in the \
         template are: 'name'. Please see https://aka.ms/arm-pass-parameter-values for usage \
         details.'."
    );
    assert_eq!(
        message(json!({ "n": { "type": "int" } }), json!({ "n": { "value": "x" } })),
        "Deployment template validation failed: 'Template parameter JToken type is not valid. \
         Expected 'int' for the parameter 'n'. Please see https://aka.ms/arm-create-parameter-file \
         for usage details.'."
    );
    assert_eq!(
        message(
            json!({ "n": { "type": "string", "allowedValues": ["a", "b"] } }),
            json!({ "n": { "value": "c" } })
        ),
        "Deployment template validation failed: 'The provided value for the template parameter 'n' \
         is not valid. The value is not part of the allowed value(s): '\"a\",\"b\"'.'."
    );
    assert_eq!(
        message(json!({ "n": { "type": "int", "maxValue": 3 } }), json!({ "n": { "value": 4 } })),
        "Deployment template validation failed: 'The provided value for the template parameter 'n' \
         is not valid: it breaks its 'maxValue'.'."
    );
    assert_eq!(
        message(json!({ "n": { "type": "number" } }), json!({ "n": { "value": 4 } })),
        "Deployment template validation failed: 'The type 'number' of the parameter 'n' is not \
         valid'."
    );
}

#[test]
fn resources_have_ids_and_those_within_them_too() {
    let found = read(
        &template(
            &json!([
                { "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "shop",
                  "resources": [
                      { "type": "secrets", "apiVersion": "2023-07-01", "name": "token" },
                  ] },
                { "type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01",
                  "name": "[guid('x')]", "scope": "Microsoft.KeyVault/vaults/shop",
                  "condition": "[equals(1, 2)]" },
            ]),
            &json!({}),
        ),
        &json!({}),
    )
    .expect("good");
    let group = "/subscriptions/s/resourceGroups/demo/providers";
    assert_eq!(found.resources[0].id, format!("{group}/Microsoft.KeyVault/vaults/shop"));
    assert_eq!(
        found.resources[1].id,
        format!("{group}/Microsoft.KeyVault/vaults/shop/secrets/token")
    );
    assert_eq!(found.resources[1].depends_on, [found.resources[0].id.clone()]);
    let assignment = &found.resources[2];
    let start =
        format!("{group}/Microsoft.KeyVault/vaults/shop/providers/Microsoft.Authorization/");
    assert!(assignment.id.starts_with(&start) && !assignment.is_deployed, "{assignment:?}");
}

#[test]
fn loops_make_resources_variables_and_members() {
    let found = read(
        &template(
            &json!([
                { "type": "A.B/c", "apiVersion": "2023-01-01",
                  "name": "[concat('web', copyIndex('webs', 1))]",
                  "copy": { "name": "webs", "count": "[length(variables('ports'))]" },
                  "properties": {
                      "port": "[variables('ports')[copyIndex()]]",
                      "copy": [{ "name": "all", "count": 2,
                                 "input": "[add(mul(copyIndex('webs'), 10), copyIndex('all'))]" }],
                  } },
                { "type": "A.B/d", "apiVersion": "2023-01-01", "name": "last",
                  "dependsOn": ["webs"] },
            ]),
            &json!({ "variables": { "copy": [
                { "name": "ports", "count": 3, "input": "[add(8080, copyIndex('ports'))]" },
            ] } }),
        ),
        &json!({}),
    )
    .expect("good");
    let names: Vec<&str> = found.resources.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["web1", "web2", "web3", "last"]);
    let place = place();
    let second = &found.resources[1];
    let evaluation = found.evaluation(&place).with_turn(second.turn.as_ref());
    assert_eq!(
        evaluation.value(&second.body["properties"]),
        Ok(json!({ "port": 8081, "all": [10, 11] }))
    );

    let count = |count: Value| {
        let resource = json!([{ "type": "A.B/c", "apiVersion": "2023-01-01", "name": "x",
                                "copy": { "name": "many", "count": count } }]);
        read(&template(&resource, &json!({})), &json!({})).map(|found| found.resources.len())
    };
    assert_eq!(count(json!(0)).expect("none"), 0);
    let error = count(json!(801)).expect_err("too many");
    assert_eq!(error.message, "The 'count' of the loop 'many' is 801, not a number from 0 to 800.");
}

#[test]
fn what_is_not_simulated_is_refused_by_name() {
    let resource = |rest: Value| {
        let mut resource = json!({ "type": "A.B/c", "apiVersion": "2023-01-01", "name": "d" });
        for (name, value) in rest.as_object().into_iter().flatten() {
            resource[name] = value.clone();
        }
        json!([resource])
    };
    let cases = [
        (
            template(&resource(json!({ "type": "Microsoft.Resources/deployments" })), &json!({})),
            "deployments within deployments",
        ),
        (
            template(&json!([]), &json!({ "functions": [{}] })),
            "functions of their own (`functions`)",
        ),
        (template(&json!({}), &json!({})), "resources that are no list (symbolic names)"),
        (
            template(
                &json!([]),
                &json!({ "$schema": "https://x/subscriptionDeploymentTemplate.json#" }),
            ),
            "the kind 'subscriptionDeploymentTemplate.json'",
        ),
        (
            template(&resource(json!({ "properties": "[environment()]" })), &json!({})),
            "the function 'environment'",
        ),
    ];
    for (template, what) in cases {
        let error = read(&template, &json!({})).expect_err(what);
        let message = format!("The local cloud does not simulate {what} of templates.");
        assert_eq!((error.code, error.message), ("NotSimulated", message));
    }
    let two = template(&resource(json!({ "name": "d/e" })), &json!({}));
    assert_eq!(
        read(&two, &json!({})).expect_err("two names").message,
        "Deployment template validation failed: 'The template resource 'd/e' for type 'A.B/c' has \
         incorrect segment lengths. A nested resource type must have identical number of segments \
         as its resource name.'."
    );
}
