//! `doctor` finds what a run needs and does not have, and names the command that mends it.

use crate::support::cloud::{LocalCloud, state};
use crate::support::servers::Servers;
use crate::support::{Finished, Program};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
secrets: { token: { keyvault: { vault: shopvault, name: token } } }
registries: { shopimages.azurecr.io: { pull: { identity: shop-pull } } }
report: [comment, deployment, status]
steps:
  - build: .
  - tag: shopimages.azurecr.io/shop:v1
  - push:
  - deploy: { aci: { dns-label: shop-web, ports: [80], env: { TOKEN: '${{ secrets.token }}' } } }
";

const REGISTRY: &str =
    "resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/shopimages";
const VAULT: &str = "resourceGroups/demo/providers/Microsoft.KeyVault/vaults/shopvault";
const IDENTITY: &str =
    "resourceGroups/demo/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-pull";

/// Everything that the plan needs.
pub fn world() -> Value {
    json!({
        "resource-groups": [
            { "name": "demo", "location": "westeurope" },
            { "name": "images", "location": "westeurope" },
        ],
        "registries": [{ "host": "shopimages.azurecr.io", "name": "shopimages", "resource-group": "images" }],
        "vaults": [{ "host": "shopvault.vault.azure.net", "secrets": { "token": "a token" } }],
        "github": {
            "repository": "octo/shop",
            "pull-request": { "number": 7, "head-sha": "abc", "head-ref": "topic", "base-ref": "main" },
        },
        "access": { "roles": [
            { "role": "Contributor", "scope": "resourceGroups/demo" },
            { "role": "User Access Administrator" },
            { "role": "AcrPush", "scope": REGISTRY },
            { "role": "AcrPull", "scope": REGISTRY, "identity": IDENTITY },
            { "role": "Key Vault Secrets User", "scope": VAULT },
        ] },
    })
}

/// The same without the role.
fn without(role: &str) -> Value {
    let mut world = world();
    let roles = world["access"]["roles"].as_array_mut().expect("roles");
    roles.retain(|grant| grant["role"] != role);
    world
}

pub struct Clinic {
    pub cloud: LocalCloud,
    pub program: Program,
    _state: TempDir,
}

impl Clinic {
    pub fn new(world: Value) -> Self {
        Self::with_plan(world, PLAN)
    }

    pub fn with_plan(world: Value, plan: &str) -> Self {
        let state = state();
        let cloud = LocalCloud::start(state.path(), world);
        let program = Program::with_plan(plan).file("Dockerfile", "FROM scratch\n").committed();
        Self { cloud, program, _state: state }
    }

    pub fn doctor(&self, options: &[&str]) -> Finished {
        let cloud = self.cloud.path.display().to_string();
        self.program.run(&[&["doctor", "--pr", "7", "--cloud", &cloud], options].concat())
    }

    /// What is wrong: the lines after `✗`, with the ids of the cloud by name.
    pub fn failures(&self) -> String {
        let finished = self.doctor(&[]).exits(3);
        let shown = self.named(&finished.stdout);
        let lines: Vec<&str> = shown.lines().collect();
        let start = lines.iter().position(|line| line.starts_with('✗')).expect("a failure");
        let marks = ['✓', '-', '!'];
        let own =
            lines[start..].iter().take_while(|line| !line.is_empty() && !line.starts_with(marks));
        // Without the width of the column.
        let gap = regex::Regex::new("(\\S) {2,}").expect("a pattern");
        let lines: Vec<_> = own.map(|line| gap.replace_all(line, "$1  ")).collect();
        lines.join("\n") + "\n"
    }

    fn named(&self, text: &str) -> String {
        let file = &self.cloud.file;
        text.replace(&file.subscription_id, "SUBSCRIPTION").replace(&file.client_id, "APP")
    }

    /// Gives the signed-in application a role, as the command of `az` does.
    fn assign(&self, role: &str, scope: &str) {
        let client = Servers::at(&self.cloud.file);
        let subscription = format!("/subscriptions/{}", self.cloud.file.subscription_id);
        let scope = format!("{subscription}/{scope}");
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/1");
        let definition =
            format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}");
        let shown = self.doctor(&["--output", "json"]).stdout;
        let principal =
            shown.split("--assignee-object-id ").nth(1).and_then(|rest| rest.split(' ').next());
        let body = json!({ "properties": {
            "roleDefinitionId": definition, "principalId": principal.expect("an object id"),
        } });
        client.arm(Method::PUT, &path, &body);
    }
}

/// A failure without the object id, which is random.
fn plain(text: &str) -> String {
    let id = regex::Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("a pattern");
    id.replace_all(text, "ID").into_owned()
}

#[test]
fn everything_that_a_plan_needs_is_listed() {
    let clinic = Clinic::new(world());
    let finished = clinic.doctor(&[]).exits(0);
    let shown = plain(&clinic.named(&finished.stdout));
    let (first, rest) = shown.split_once('\n').expect("lines");
    assert_eq!(
        first.split_whitespace().collect::<Vec<_>>(),
        ["✓", "plan", "shipway.yml,", "1", "service"]
    );
    let ids = [
        "engine",
        "network",
        "clock",
        "identity",
        "subscription",
        "resource group demo",
        "provider Microsoft.ContainerInstance",
        "provider Microsoft.ContainerRegistry",
        "provider Microsoft.ManagedIdentity",
        "provider Microsoft.KeyVault",
        "quota westeurope",
        "dns label shop-web",
        "deploy to demo",
        "registry shopimages.azurecr.io",
        "push to shopimages.azurecr.io",
        "pull from shopimages.azurecr.io",
        "assign shop-pull",
        "secret token",
        "github pull-requests",
        "github deployments",
        "github statuses",
    ];
    let mut lines = rest.lines();
    for id in ids {
        let line = lines.next().expect("a line");
        assert!(line.starts_with(&format!("✓ {id} ")), "`{id}` is not in `{line}`\n{shown}");
    }
    assert_eq!((lines.next(), lines.next()), (Some(""), Some("all is well")), "{shown}");
    assert!(
        shown.contains("signed in with a client secret as application APP, tenant ID\n"),
        "{shown}"
    );
}

#[test]
fn registry_that_lets_all_pull_needs_no_admin_user() {
    let plan = PLAN
        .replace("registries: { shopimages.azurecr.io: { pull: { identity: shop-pull } } }\n", "");
    let clinic = Clinic::with_plan(world(), &plan);
    assert_eq!(
        plain(&clinic.failures()),
        "✗ pull from shopimages.azurecr.io  the plan names no `pull`, and the registry has no admin user\n    \
         fix: az acr update --subscription SUBSCRIPTION --name shopimages --admin-enabled true\n    \
         help: or write `pull: { identity: NAME }` under the registry in the plan\n"
    );

    let mut world = world();
    world["registries"][0]["anonymous-pull"] = json!(true);
    let finished = Clinic::with_plan(world, &plan).doctor(&[]).exits(0);
    let shown = finished.stdout;
    assert!(shown.contains("✓ pull from shopimages.azurecr.io"), "{shown}");
    assert!(shown.contains("  the registry lets all pull\n"), "{shown}");
}

#[test]
fn json_has_each_check_with_its_state_and_fix() {
    let clinic = Clinic::new(without("AcrPush"));
    let finished = clinic.doctor(&["--output", "json"]).exits(3);
    let document: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(document["ok"], false);
    let checks = document["checks"].as_array().expect("checks");
    let push = checks.iter().find(|check| check["id"] == "push to shopimages.azurecr.io");
    let push = push.expect("a check");
    assert_eq!(push["state"], "failed");
    assert_eq!(push["detail"], "the role `AcrPush` is missing");
    assert!(push["fix"].as_str().expect("a command").starts_with("az role assignment create "));
}

#[test]
fn each_missing_role_is_named_with_the_command_that_gives_it() {
    let table = [
        (
            "Contributor",
            "✗ deploy to demo  the role `Contributor` is missing\n    fix: az role \
             assignment create --assignee-object-id ID --assignee-principal-type ServicePrincipal \
             --role \"Contributor\" --scope /subscriptions/SUBSCRIPTION/resourceGroups/demo\n",
        ),
        (
            "AcrPush",
            "✗ push to shopimages.azurecr.io  the role `AcrPush` is missing\n    fix: az role assignment \
             create --assignee-object-id ID --assignee-principal-type ServicePrincipal --role \
             \"AcrPush\" --scope /subscriptions/SUBSCRIPTION/resourceGroups/images/providers/\
             Microsoft.ContainerRegistry/registries/shopimages\n",
        ),
        (
            "AcrPull",
            "✗ pull from shopimages.azurecr.io  the identity `shop-pull` has no role `AcrPull`\n    fix: az role \
             assignment create --assignee-object-id ID --assignee-principal-type ServicePrincipal \
             --role \"AcrPull\" --scope /subscriptions/SUBSCRIPTION/resourceGroups/images/providers/\
             Microsoft.ContainerRegistry/registries/shopimages\n",
        ),
        ("Key Vault Secrets User", "✗ secret token  cannot read the secret `token`"),
    ];
    for (role, expected) in table {
        let clinic = Clinic::new(without(role));
        let found = plain(&clinic.failures());
        assert!(found.starts_with(expected), "{role}:\n{found}");
    }
}

#[test]
fn role_that_was_given_is_found() {
    let clinic = Clinic::new(without("AcrPush"));
    clinic.doctor(&[]).exits(3);
    clinic.assign("8311e382-0749-4cb8-b61a-304f252e45ec", REGISTRY);
    clinic.doctor(&[]).exits(0);
}

#[test]
fn vault_without_a_role_names_the_role_that_reads_secrets() {
    let found = plain(&Clinic::new(without("Key Vault Secrets User")).failures());
    assert!(
        found.contains(
            "--role \"Key Vault Secrets User\" --scope \"$(az keyvault show --name shopvault --query id \
             --output tsv)\""
        ),
        "{found}"
    );
}

#[test]
fn unregistered_provider_is_named_with_its_command() {
    let mut world = world();
    world["access"]["unregistered-providers"] = json!(["Microsoft.ContainerInstance"]);
    let clinic = Clinic::new(world);
    assert_eq!(
        clinic.failures(),
        "✗ provider Microsoft.ContainerInstance  is not registered in the subscription\n    fix: az provider register \
         --subscription SUBSCRIPTION --namespace Microsoft.ContainerInstance --wait\n"
    );
}

#[test]
fn missing_resource_group_and_registry_are_named_with_their_commands() {
    let plan = PLAN.replace("resource-group: demo", "resource-group: live");
    let mut world = world();
    world["access"] = Value::Null;
    let clinic = Clinic::with_plan(world.clone(), &plan);
    let finished = clinic.doctor(&[]).exits(3);
    let shown = clinic.named(&finished.stdout);
    assert!(
        shown.contains(
            "    fix: az group create --subscription SUBSCRIPTION --name live --location westeurope\n"
        ),
        "{shown}"
    );
    world["registries"] = json!([]);
    let clinic = Clinic::new(world);
    assert_eq!(
        clinic.failures(),
        "✗ registry shopimages.azurecr.io  does not exist in the subscription\n    fix: az acr create \
         --subscription SUBSCRIPTION --resource-group demo --name shopimages --sku Basic\n"
    );
}

#[test]
fn dns_label_of_another_owner_is_found() {
    let mut world = world();
    world["access"]["taken-labels"] = json!(["shop-web.westeurope"]);
    assert_eq!(
        Clinic::new(world).failures(),
        "✗ dns label shop-web  shop-web.westeurope.azurecontainer.io belongs to another container \
         group\n    help: choose another `dns-label` in the plan\n"
    );
}

#[test]
fn missing_permissions_at_github_are_named() {
    let mut world = world();
    world["github"]["denied"] = json!(["pull-requests"]);
    assert_eq!(
        Clinic::new(world.clone()).failures(),
        "✗ github pull-requests  comment: the token may not write it\n    help: give the job the \
         permission `pull-requests: write`\n"
    );
    world["github"]["denied"] = json!(["statuses"]);
    assert!(Clinic::new(world).failures().starts_with("✗ github statuses "));
}

#[test]
fn plan_without_azure_needs_no_login() {
    let program = Program::with_plan("name: a\nsteps: [{ run: 'true' }]\nreport: none\n");
    let finished = program.run(&["doctor"]).exits(0);
    assert_eq!(finished.stdout, "✓ plan  shipway.yml, 1 service\n\nall is well\n");
}

#[test]
fn fix_without_a_terminal_names_the_option() {
    let clinic = Clinic::new(without("AcrPush"));
    let refused = clinic.doctor(&["--fix"]).exits(2);
    assert!(
        refused.stderr.ends_with(
            "error: cannot offer the commands\n  because: there is no terminal to ask in\n  help: \
             `shipway doctor` shows them, and `--yes` runs them without asking\n"
        ),
        "{}",
        refused.stderr
    );
}

#[test]
fn findings_are_shown_once() {
    let mut taken = world();
    taken["access"]["taken-labels"] = json!(["shop-web.westeurope"]);
    // Nothing mends a name that is taken.
    let clinic = Clinic::new(taken);
    for options in [&["--fix", "--yes"][..], &["--fix"], &[]] {
        let finished = clinic.doctor(options).exits(3);
        let findings = finished.stdout.matches("✗ ").count();
        assert_eq!((findings, finished.stderr.as_str()), (1, ""), "{options:?}");
    }
}

#[test]
fn app_needs_its_provider_and_a_role() {
    let plan = PLAN
        .replace("aci: { dns-label: shop-web, ports: [80],", "container-app: { environment: shop,");
    let mut unregistered = world();
    unregistered["access"]["unregistered-providers"] = json!(["Microsoft.App"]);
    let failures = Clinic::with_plan(unregistered, &plan).failures();
    assert_eq!(
        plain(&failures),
        "✗ provider Microsoft.App  is not registered in the subscription\n    \
         fix: az provider register --subscription SUBSCRIPTION --namespace Microsoft.App --wait\n"
    );
    let failures = Clinic::with_plan(without("Contributor"), &plan).failures();
    let missing = "deploy apps to demo  the role `Contributor` is missing";
    assert!(failures.contains(missing), "no `{missing}` in\n{failures}");
}

#[test]
fn secrets_that_are_optional_or_unused_are_not_missing() {
    let secrets = "secrets:
  extra: { env: NOT_SET_HERE, optional: true }
  idle: { env: NOT_SET_HERE_EITHER }
";
    let plan = PLAN.replace("secrets: { token:", &format!("{secrets}  token:"));
    let plan = plan.replace("name: token } } }", "name: token } }");
    let plan = plan.replace("env: { TOKEN:", "env: { EXTRA: '${{ secrets.extra }}', TOKEN:");
    let finished = Clinic::with_plan(world(), &plan).doctor(&[]).exits(0);
    let lines: Vec<String> = finished
        .stdout
        .lines()
        .filter(|line| line.starts_with("✓ secret "))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "✓ secret extra is not set; it is optional",
            "✓ secret idle no step uses it",
            "✓ secret token can be read"
        ]
    );
}
