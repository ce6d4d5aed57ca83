//! The failures that `docs/failures.md` lists, provoked in a local cloud.

use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use serde_json::{Value, json};

const PLAN: &str = "\
name: shop
azure: { resource-group: '${{ vars.group }}', location: westeurope }
vars: { group: demo }
steps: [{ deploy: { image: 'nginx:1', aci: { name: shop } } }]
";

/// A row of a table of the page.
struct Row {
    code: String,
    status: u16,
    remedy: String,
}

/// The rows of the table after this marker.
fn rows(name: &str) -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/failures.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let table = page.split(&format!("<!-- failures: {name} -->\n")).nth(1).expect("a table");
    let table = table.split("<!-- end -->").next().expect("its end");
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').splitn(5, " | ").map(str::trim).collect();
        let [code, status, _, _, remedy] = *cells.as_slice() else { panic!("{line}") };
        Row {
            code: code.trim_matches('`').to_owned(),
            status: status.parse().expect("a status"),
            remedy: remedy.replace("\\|", "|"),
        }
    };
    table.lines().skip(2).map(row).collect()
}

fn cloud(faults: &[Value]) -> CloudProcess {
    CloudProcess::start(json!({
        "resource-groups": [{ "name": "demo", "location": "westeurope" }],
        "faults": faults,
    }))
}

/// What `status` says of the resource group.
fn said(program: &Program, cloud: &CloudProcess, group: &str) -> String {
    let path = cloud.path.display().to_string();
    let group = format!("group={group}");
    program.run(&["status", "--cloud", &path, "--set", &group]).exits(3).stderr
}

#[test]
fn each_code_of_resource_manager_is_shown_with_its_remedy() {
    let rows = rows("resource-manager");
    assert!(rows.len() > 25, "{}", rows.len());
    let fault = |row: &Row| {
        // A list that is missing is an empty one, whatever its code.
        let status = if row.status == 404 { 409 } else { row.status };
        json!({
            "method": "GET", "path-contains": format!("/resourceGroups/{}/", row.code),
            "status": status, "code": row.code, "message": "provoked",
            // A token that is refused is renewed once.
            "times": 2,
        })
    };
    let cloud = cloud(&rows.iter().map(fault).collect::<Vec<_>>());
    let program = Program::with_plan(PLAN);
    for Row { code, remedy, .. } in rows {
        let said = said(&program, &cloud, &code);
        let subscription = &cloud.file.subscription_id;
        let scope = format!("/subscriptions/{subscription}/resourceGroups/{code}");
        let remedy = remedy.replace("SCOPE", &scope);
        assert!(said.contains(&format!(" `{code}`: provoked")), "{code}: {said}");
        assert!(said.ends_with(&format!("\n  help: {remedy}\n")), "{code}: {said}");
    }
}

#[test]
fn each_code_of_entra_is_shown_with_its_remedy() {
    let rows = rows("entra");
    assert!(rows.len() > 10, "{}", rows.len());
    let fault = |row: &Row| {
        json!({
            "host": "login.microsoftonline.com", "path-ends": "/oauth2/v2.0/token",
            "status": row.status, "code": row.code, "message": "Provoked.",
        })
    };
    let cloud = cloud(&rows.iter().map(fault).collect::<Vec<_>>());
    let program = Program::with_plan(PLAN);
    for Row { code, remedy, .. } in rows {
        let said = said(&program, &cloud, "demo");
        // The names of variables stay.
        let variables = ["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"];
        let numbered = |at: usize| format!("<{at}>");
        let mut remedy = remedy;
        for (at, name) in variables.iter().enumerate() {
            remedy = remedy.replace(name, &numbered(at));
        }
        remedy = remedy.replace("CLIENT_ID", &cloud.file.client_id);
        remedy = remedy.replace("TENANT", &cloud.file.tenant_id);
        for (at, name) in variables.iter().enumerate() {
            remedy = remedy.replace(&numbered(at), name);
        }
        assert!(said.contains(&format!("{code}: Provoked.")), "{code}: {said}");
        let help = said.rsplit_once("\n  help: ").map(|(_, help)| help.trim_end());
        assert_eq!(help, Some(remedy.as_str()), "{code}: {said}");
    }
}
