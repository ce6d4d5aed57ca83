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
    /// 0 of a container.
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
            status: status.parse().unwrap_or_default(),
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
            // A token that is refused is renewed once, and what may pass is asked again.
            "times": 9, "retry-after": 0,
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
fn command_that_only_looks_asks_again() {
    let cloud = cloud(&[json!({
        "method": "GET", "path-contains": "/containerGroups", "status": 503, "code": "Busy",
        "message": "provoked", "retry-after": 0,
    })]);
    let path = cloud.path.display().to_string();
    let looked = Program::with_plan(PLAN).run(&["status", "--cloud", &path]).exits(0);
    assert_eq!(
        looked.stderr,
        "note: attempt 1 of 4 failed, next in 0.0s: cannot list the container groups: \
         management.azure.com answered 503 `Busy`: provoked\n"
    );
    assert!(looked.stdout.contains("not deployed"), "{}", looked.stdout);
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

#[test]
fn each_code_of_key_vault_is_shown_with_its_remedy() {
    let rows = rows("key-vault");
    assert!(rows.len() > 4, "{}", rows.len());
    let host = |number: usize| format!("shelf{number}.vault.azure.net");
    let fault = |(number, row): (usize, &Row)| {
        json!({
            "host": host(number), "status": row.status, "code": row.code, "message": "provoked",
        })
    };
    let vaults: Vec<Value> = (0..rows.len())
        .map(|number| json!({ "host": host(number), "secrets": { "key": "hunter22" } }))
        .collect();
    let cloud = CloudProcess::start(json!({
        "vaults": vaults, "faults": rows.iter().enumerate().map(fault).collect::<Vec<_>>(),
    }));
    let path = cloud.path.display().to_string();
    for (number, Row { code, remedy, .. }) in rows.iter().enumerate() {
        let plan = format!(
            "name: shop\nsecrets: {{ token: {{ keyvault: 'https://{}/secrets/key' }} }}\n\
             steps: [{{ run: 'true', env: {{ T: '${{{{ secrets.token }}}}' }} }}]\n",
            host(number)
        );
        let said = Program::with_plan(&plan).run(&["run", "--cloud", &path]).exits(3).stderr;
        let remedy = remedy.replace("CLIENT_ID", &cloud.file.client_id);
        let remedy = remedy.replace("VAULT", &format!("shelf{number}")).replace("SECRET", "key");
        assert!(said.contains(&format!(" `{code}`: provoked")), "{code}: {said}");
        assert!(said.contains(&format!("help: {remedy}\n")), "{code}: {said}");
    }
}

/// The ends of a container that a program can bring about by itself.
const ENDS: [(&str, &str); 7] = [
    ("0", "exit 0"),
    ("126", "exit 126"),
    ("127", "exit 127"),
    ("137", "exit 137"),
    ("139", "exit 139"),
    ("143", "exit 143"),
    ("exec format error", ""),
];

/// What Azure alone does: it ends a program for its probe, and does not find an image that
/// was there when the group was accepted.
const NOT_BY_ITSELF: [&str; 5] = [
    "Liveness probe failed",
    "ErrImagePull",
    "ImagePullBackOff",
    "Failed to pull image",
    "InvalidImageName",
];

#[test]
fn each_end_of_a_container_is_shown_with_its_remedy() {
    let plan = "\
name: shop
azure: { resource-group: demo, location: westeurope }
vars: { name: shop, script: 'exit 0' }
steps:
  - build:
      layers:
        - { from: busybox, to: /bin/busybox, mode: '0755' }
        - { from: text, to: /text, mode: '0755' }
      entrypoint: [/bin/busybox, sh, -c, '${{ vars.script }}']
  - tag: demo.azurecr.io/shop:v1
  - push:
  - deploy: { aci: { name: '${{ vars.name }}' } }
";
    let text = "no program, and long enough to be none of the kernel's\n";
    let program = Program::with_plan(plan).file("text", text).applets();
    let cloud = CloudProcess::with_registry("demo");
    let path = cloud.path.display().to_string();
    let rows = rows("container");
    let known: Vec<&str> = ENDS.iter().map(|(code, _)| *code).chain(NOT_BY_ITSELF).collect();
    for Row { code, remedy, .. } in &rows {
        assert!(known.contains(&code.as_str()), "`{code}` is new: provoke it");
        let Some((_, script)) = ENDS.iter().find(|(known, _)| known == code) else { continue };
        if script.is_empty() {
            let changed = plan.replace("[/bin/busybox, sh, -c, '${{ vars.script }}']", "[/text]");
            std::fs::write(program.path("shipway.yml"), changed).expect("a plan");
        }
        let name = format!("name=shop-{}", code.replace(' ', "-"));
        let script = format!("script={script}");
        let set = ["--set", &name, "--set", &script];
        let run = program.run(&[&["run", "--cloud", &path], &set[..]].concat()).exits(4);
        run.says_in_order(&[&format!("    help: {remedy}\n")]);
    }
}

#[test]
fn copy_from_a_misspelt_stage_names_its_line() {
    let program = Program::with_plan(
        "name: a\nsteps:\n- build: { context: ., using: native }\n- tag: a.azurecr.io/web:v1\n- push:\n",
    );
    let dockerfile = "FROM scratch AS builder\nCOPY a /\nFROM scratch\nCOPY --from=buidler /a /\n";
    for (name, text) in [("a", "1"), ("Dockerfile", dockerfile)] {
        std::fs::write(program.path(name), text).expect("written");
    }
    program.run(&["dry-run", "--offline"]).exits(4).says_in_order(&[
        "    `Dockerfile:4` copies from `buidler`, and no stage has that name\n      cannot read the manifest of `docker.io/library/buidler`\n",
        "    help: name a stage that is above, or an image that is there\n",
    ]);
}
