//! The commands that `doctor` names mend what is missing, run by the real `az`.

use crate::peer::programs::python;
use crate::support::Program;
use crate::support::cloud::{LocalCloud, state};
use crate::support::terminal::Terminal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use tempfile::TempDir;

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

/// What the plan needs, but for roles.
fn world(access: &Value) -> Value {
    json!({
        "resource-groups": [
            { "name": "demo", "location": "westeurope" },
            { "name": "images", "location": "westeurope" },
        ],
        "registries": [{ "host": "shopimages.azurecr.io", "name": "shopimages", "resource-group": "images" }],
        "vaults": [{ "host": "shopvault.vault.azure.net", "secrets": { "token": "a token" } }],
        "access": access,
    })
}

/// A local cloud in which `az` is signed in, and a plan.
struct Practice {
    cloud: LocalCloud,
    program: Program,
    _state: TempDir,
}

impl Practice {
    fn new(world: Value, plan: &str) -> Self {
        let practice = Self::signed_out(world, plan);
        practice.sign_in();
        practice
    }

    fn signed_out(world: Value, plan: &str) -> Self {
        let state = state();
        let cloud = LocalCloud::start(state.path(), world);
        let az = python("az");
        let bin = az.parent().expect("a folder").display();
        let path = std::env::var("PATH").expect("a PATH");
        let program = Program::with_plan(plan)
            .file("Dockerfile", "FROM scratch\n")
            .env("PATH", &format!("{bin}:{path}"))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "false");
        // Clients of az start it in another folder.
        let config = program.path("az").display().to_string();
        let program = program.env("AZURE_CONFIG_DIR", &config);
        Self { cloud, program, _state: state }
    }

    fn sign_in(&self) {
        let file = &self.cloud.file;
        self.run(&format!(
            "az login --service-principal --username {} --password '{}' --tenant {}",
            file.client_id,
            file.client_secret.expose(),
            file.tenant_id
        ));
    }

    /// Runs a command in the environment of the cloud, as a person would; it must succeed.
    #[track_caller]
    fn run(&self, command: &str) {
        let usual = self.program.command(&[]);
        let output = self
            .cloud
            .command("sh", &["-c", command])
            .current_dir(self.program.folder())
            .envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .output()
            .expect("a shell");
        assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    }

    fn cloud(&self) -> String {
        self.cloud.path.display().to_string()
    }

    /// The checks that fail, each with the command that mends it.
    fn failed(&self) -> BTreeMap<String, String> {
        let arguments = ["doctor", "--output", "json", "--cloud", &self.cloud()];
        let finished = self.program.run(&arguments);
        let document: Value = serde_json::from_str(&finished.stdout).expect("JSON");
        let checks = document["checks"].as_array().expect("checks");
        let failed = checks.iter().filter(|check| check["state"] == "failed");
        let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
        let failed: BTreeMap<_, _> =
            failed.map(|check| (text(check, "id"), text(check, "fix"))).collect();
        assert_eq!(finished.code, if failed.is_empty() { 0 } else { 3 }, "{document:#}");
        failed
    }

    /// Runs the command of each check in turn. It mends that one and no other; what fails
    /// once it is there follows after it.
    #[track_caller]
    fn mends_in_turn(&self, turns: &[(&str, &[&str])]) {
        let mut failed = self.failed();
        for (id, further) in turns {
            let command = failed.remove(*id);
            let command = command.unwrap_or_else(|| panic!("`{id}` does not fail: {failed:?}"));
            self.run(&command);
            let ids =
                |failed: &BTreeMap<String, String>| failed.keys().cloned().collect::<Vec<_>>();
            let mut expected = ids(&failed);
            expected.extend(further.iter().map(|id| (*id).to_owned()));
            expected.sort();
            failed = self.failed();
            assert_eq!(ids(&failed), expected, "after `{command}`");
        }
        assert!(failed.is_empty(), "{failed:?}");
    }

    fn in_terminal(&self) -> Terminal {
        self.program.in_terminal(&["doctor", "--fix", "--cloud", &self.cloud()])
    }
}

#[test]
fn each_role_is_given_by_its_command() {
    let access = json!({ "roles": [{ "role": "User Access Administrator" }] });
    let identity = "resourceGroups/images/providers/Microsoft.ManagedIdentity/\
                    userAssignedIdentities/shop-pull";
    let mut world = world(&access);
    let subscription = "11111111-2222-3333-4444-555555555555";
    world["subscription-id"] = json!(subscription);
    // An identity of another group, which the role for the group of the plan does not cover.
    let plan = PLAN.replace(
        "identity: shop-pull",
        &format!("identity: /subscriptions/{subscription}/{identity}"),
    );
    let assign = format!("assign /subscriptions/{subscription}/{identity}");
    Practice::new(world, &plan).mends_in_turn(&[
        ("deploy to demo", &[]),
        ("push to shopimages.azurecr.io", &[]),
        ("pull from shopimages.azurecr.io", &[]),
        (assign.as_str(), &[]),
        ("secret token", &[]),
    ]);
}

#[test]
fn each_provider_is_registered_by_its_command() {
    let providers = [
        "Microsoft.ContainerInstance",
        "Microsoft.App",
        "Microsoft.ContainerRegistry",
        "Microsoft.ManagedIdentity",
        "Microsoft.KeyVault",
    ];
    let app = "  - deploy: { container-app: { environment: shop, name: shop-app } }\n";
    let world = world(&json!({ "unregistered-providers": providers }));
    let practice = Practice::new(world, &format!("{PLAN}{app}"));
    let ids = providers.map(|provider| format!("provider {provider}"));
    let turns: Vec<(&str, &[&str])> = ids.iter().map(|id| (id.as_str(), &[][..])).collect();
    practice.mends_in_turn(&turns);
}

#[test]
fn group_registry_and_admin_user_are_made_by_their_commands() {
    let registries = "registries: { shopimages.azurecr.io: { pull: { identity: shop-pull } } }\n";
    let mut world = world(&Value::Null);
    world["resource-groups"] = json!([{ "name": "images", "location": "westeurope" }]);
    world["registries"] = json!([]);
    Practice::new(world, &PLAN.replace(registries, "")).mends_in_turn(&[
        ("resource group demo", &[]),
        // A new registry has no admin user.
        ("registry shopimages.azurecr.io", &["pull from shopimages.azurecr.io"]),
        ("pull from shopimages.azurecr.io", &[]),
    ]);
}

#[test]
fn identity_is_made_and_may_pull_by_the_commands() {
    let access = json!({ "roles": [{ "role": "Owner" }, { "role": "Key Vault Secrets User" }, { "role": "AcrPush" }] });
    let mut world = world(&access);
    world["made-identities-only"] = json!(true);
    Practice::new(world, PLAN).mends_in_turn(&[
        ("pull from shopimages.azurecr.io", &["pull from shopimages.azurecr.io"]),
        ("pull from shopimages.azurecr.io", &[]),
    ]);
}

#[test]
fn login_of_az_is_used_once_it_is_there() {
    let practice = Practice::signed_out(world(&Value::Null), PLAN);
    let reached = ["HTTPS_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AZURE_SUBSCRIPTION_ID"];
    let variables: Vec<(String, String)> = practice
        .cloud
        .file
        .variables()
        .filter(|(name, _)| reached.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let doctor = || {
        let mut command = practice.program.command(&["doctor"]);
        let child = command.envs(variables.iter().cloned()).spawn().expect("the program starts");
        practice.program.finish(child)
    };
    let refused = doctor().exits(3);
    assert!(refused.stdout.contains("\n    fix: az login\n"), "{}", refused.stdout);
    practice.sign_in();
    let shown = doctor().exits(0).stdout;
    assert!(shown.contains("✓ identity "), "{shown}");
    assert!(shown.contains(" signed in with the Azure CLI as application "), "{shown}");
}

#[test]
fn fix_runs_the_commands_of_what_they_bring_too() {
    let access = json!({
        "roles": [{ "role": "User Access Administrator" }],
        "unregistered-providers": ["Microsoft.ContainerInstance", "Microsoft.KeyVault"],
    });
    let mut world = world(&access);
    world["made-identities-only"] = json!(true);
    let practice = Practice::new(world, PLAN);
    let arguments = ["doctor", "--cloud", &practice.cloud(), "--fix", "--yes"];

    let finished = practice.program.run(&arguments).exits(0);

    let ran = finished.stderr.lines().filter_map(|line| line.strip_prefix("$ az "));
    let ran: Vec<String> =
        ran.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(ran.iter().filter(|it| *it == "role assignment").count(), 4, "{ran:?}");
    assert_eq!(ran.iter().filter(|it| *it == "provider register").count(), 2, "{ran:?}");
    assert_eq!(ran.iter().filter(|it| *it == "identity create").count(), 1, "{ran:?}");
    assert!(finished.stdout.ends_with("\nall is well\n"), "{}", finished.stdout);
}

#[test]
fn fix_in_a_terminal_asks_for_each_command() {
    let roles = json!([
        { "role": "User Access Administrator" },
        { "role": "Contributor", "scope": "resourceGroups/demo" },
        { "role": "Key Vault Secrets User" },
    ]);
    let practice = Practice::new(world(&json!({ "roles": roles })), PLAN);

    let mut terminal = practice.in_terminal();
    terminal.wait_for("✗ push to shopimages.azurecr.io");
    terminal.wait_for("2 to mend");
    let question = "push to shopimages.azurecr.io: run `az role assignment create ";
    terminal.wait_for(question);
    terminal.wait_for("`? [y/N] ");
    terminal.press("y\r");
    let said =
        terminal.wait_for("pull from shopimages.azurecr.io: run `az role assignment create ");
    assert!(!said.contains("the command failed"), "{said}");
    terminal.wait_for("`? [y/N] ");
    terminal.press("n\r");
    terminal.wait_for("left as it is");
    // The table is of what is there now; what was left is not asked about again.
    terminal.wait_for("✓ push to shopimages.azurecr.io");
    terminal.wait_for("✗ pull from shopimages.azurecr.io");
    let rest = terminal.wait_for("1 to mend");
    assert!(!rest.contains("[y/N]"), "{rest}");
    assert_eq!(terminal.rest(3).trim(), "");

    let mut terminal = practice.in_terminal();
    terminal.wait_for("pull from shopimages.azurecr.io: run `az role assignment create ");
    terminal.wait_for("`? [y/N] ");
    terminal.press("yes\r");
    terminal.wait_for("✓ pull from shopimages.azurecr.io");
    terminal.wait_for("all is well");
    assert_eq!(terminal.rest(0).trim(), "");
}

#[test]
fn engine_is_missing_only_where_commands_cannot_be_set_apart() {
    let plan = "name: shop\nreport: none\nsteps: [{ build: . }]\n";
    let program = Program::with_plan(plan)
        .file("Dockerfile", "FROM scratch\nCOPY a /a\nRUN /a\n")
        .file("bin/docker", "#!/bin/sh\ntest \"$1\" = version && echo 27.1.0\n");
    let docker = program.path("bin/docker");
    std::fs::set_permissions(docker, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    // Namespaces of a user who may have no further ones.
    let confined = "for kind in user mnt pid; do echo 0 > /proc/sys/user/max_${kind}_namespaces; done; \
                    exec \"$@\"";
    let doctor = |path: &str| {
        let output = Command::new("/usr/bin/unshare")
            .args(["--user", "--map-root-user", "/bin/sh", "-c", confined, "sh"])
            .args([env!("CARGO_BIN_EXE_shipway"), "doctor"])
            .current_dir(program.folder())
            .env("PATH", path)
            .output()
            .expect("unshare of util-linux is installed");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(
        doctor("/nowhere"),
        (
            Some(3),
            "✓ plan    shipway.yml, 1 service\n✗ engine  none of docker, podman and buildah works, and a \
             Dockerfile has `RUN`: cannot enter a namespace: ENOSPC: No space left on device\n    help: \
             install one of them, or start docker\n\n1 to mend\n"
                .to_owned()
        )
    );
    let bin = program.path("bin").display().to_string();
    assert_eq!(
        doctor(&bin),
        (
            Some(0),
            "✓ plan    shipway.yml, 1 service\n✓ engine  docker 27.1.0 builds the images\n\nall is well\n"
                .to_owned()
        )
    );
    let free = program.env("PATH", "/nowhere").run(&["doctor"]).exits(0);
    assert!(
        free.stdout.contains("✓ engine  no container engine works, and `RUN` is run without one")
    );
}
