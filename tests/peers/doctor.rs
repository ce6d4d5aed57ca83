//! The commands that `doctor` names mend what is missing, run by the real `az`.

use crate::peer::programs::python;
use crate::support::Program;
use crate::support::cloud::{LocalCloud, state};
use serde_json::json;

const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
secrets: { token: { keyvault: { vault: shopvault, name: token } } }
registries: { shopimages.azurecr.io: { pull: { identity: shop-pull } } }
report: none
steps:
  - build: .
  - tag: shopimages.azurecr.io/shop:v1
  - push:
  - deploy: { aci: { dns-label: shop-web, ports: [80], env: { TOKEN: '${{ secrets.token }}' } } }
";

#[test]
fn named_commands_mend_what_is_missing() {
    let world = json!({
        "resource-groups": [
            { "name": "demo", "location": "westeurope" },
            { "name": "images", "location": "westeurope" },
        ],
        "registries": [{ "host": "shopimages.azurecr.io", "name": "shopimages", "resource-group": "images" }],
        "vaults": [{ "host": "shopvault.vault.azure.net", "secrets": { "token": "a token" } }],
        "access": {
            "roles": [{ "role": "User Access Administrator" }],
            "unregistered-providers": ["Microsoft.ContainerInstance", "Microsoft.KeyVault"],
        },
    });
    let state = state();
    let cloud = LocalCloud::start(state.path(), world);
    let az = python("az");
    let bin = az.parent().expect("a folder").display();
    let path = std::env::var("PATH").expect("a PATH");
    let program = Program::with_plan(PLAN)
        .file("Dockerfile", "FROM scratch\n")
        .env("PATH", &format!("{bin}:{path}"))
        .env("AZURE_CONFIG_DIR", "az")
        .env("AZURE_CORE_COLLECT_TELEMETRY", "false");
    // Each command is a process of its own, which finds the login of the first.
    let file = &cloud.file;
    let login = [
        "login",
        "--service-principal",
        "--username",
        &file.client_id,
        "--password",
        file.client_secret.expose(),
        "--tenant",
        &file.tenant_id,
    ];
    let mut command = cloud.command(&az.display().to_string(), &login);
    let signed_in = command.env("AZURE_CONFIG_DIR", program.path("az")).output().expect("az");
    assert!(signed_in.status.success(), "{}", String::from_utf8_lossy(&signed_in.stderr));

    let path = cloud.path.display().to_string();
    program.run(&["doctor", "--cloud", &path]).exits(3);
    let finished = program.run(&["doctor", "--cloud", &path, "--fix", "--yes"]).exits(0);

    for role in ["Contributor", "AcrPush", "AcrPull", "Key Vault Secrets User"] {
        let ran = format!("--role \"{role}\"");
        assert!(finished.stderr.contains(&ran), "no `{ran}` in\n{}", finished.stderr);
    }
    assert!(finished.stdout.ends_with("all is well\n"), "{}", finished.stdout);
}
