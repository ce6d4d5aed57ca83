//! What `doctor` says of the network, the login, the quota and GitHub, where no command
//! mends it.

use crate::cli::first_steps::doctor::{Clinic, PLAN, world};
use crate::support::Program;
use crate::support::cloud::{LocalCloud, state};
use serde_json::json;

/// A plan that asks GitHub for nothing.
fn plan() -> String {
    PLAN.replace("report: [comment, deployment, status]", "report: none")
}

/// The program outside of the local cloud, whose environment has these of its variables.
fn outside(cloud: &LocalCloud, variables: &[&str]) -> Program {
    let program = Program::with_plan(&plan())
        .file("Dockerfile", "FROM scratch\n")
        .env("AZURE_CONFIG_DIR", "none")
        // Neither an engine nor az.
        .env("PATH", "/nowhere");
    let wanted = |(name, _): &(&str, &str)| variables.contains(name);
    let given = cloud.file.variables().filter(wanted);
    given.fold(program, |program, (name, value)| program.env(name, value))
}

/// What is said from the check on, and the last line.
#[track_caller]
fn from(program: &Program, check: &str) -> String {
    let finished = program.run(&["doctor"]).exits(3);
    let at = finished.stdout.find(&format!(" {check} ")).expect("the check");
    let start = finished.stdout[..at].rfind('\n').map_or(0, |newline| newline + 1);
    finished.stdout[start..].to_owned()
}

#[test]
fn network_names_the_proxy_and_the_certificates_until_both_are_right() {
    let state = state();
    let cloud = LocalCloud::start(state.path(), world());
    let closed = outside(&cloud, &[]).env("HTTPS_PROXY", "http://127.0.0.1:1");
    assert_eq!(
        from(&closed, "network"),
        "✗ network  cannot reach management.azure.com, through the proxy of `HTTPS_PROXY`: GET \
         https://management.azure.com/: no answer through the proxy 127.0.0.1:1: error sending \
         request: client error (Connect): tunnel error: failed to create underlying connection: tcp connect error: Connection \
         refused (os error 111)\n    \
         help: `HTTPS_PROXY` names a proxy, and `SSL_CERT_FILE` a file with further certificates to \
         trust\n- azure    cannot be reached\n\n1 to mend\n"
    );
    let untrusted = outside(&cloud, &["HTTPS_PROXY"]);
    let port = cloud.file.proxy.expose().rsplit(':').next().expect("a port").trim_matches('/');
    assert_eq!(
        from(&untrusted, "network").replace(port, "PORT"),
        "✗ network  cannot reach management.azure.com, through the proxy of `HTTPS_PROXY`: GET \
         https://management.azure.com/: no answer through the proxy 127.0.0.1:PORT: error sending \
         request: client error (Connect): invalid peer certificate: UnknownIssuer\n    \
         help: `HTTPS_PROXY` names a proxy, and `SSL_CERT_FILE` a file with further certificates to \
         trust\n- azure    cannot be reached\n\n1 to mend\n"
    );
    let right = outside(&cloud, &["HTTPS_PROXY", "SSL_CERT_FILE"]);
    assert!(from(&right, "network").starts_with(
        "✓ network   management.azure.com answers, through the proxy of `HTTPS_PROXY`, with the \
             certificates of `SSL_CERT_FILE`\n✓ clock     agrees with Azure's\n✗ identity "
    ));
}

#[test]
fn login_that_is_missing_names_each_way_to_sign_in() {
    let state = state();
    let cloud = LocalCloud::start(state.path(), world());
    let reached = ["HTTPS_PROXY", "SSL_CERT_FILE", "AZURE_SUBSCRIPTION_ID"];
    assert_eq!(
        from(&outside(&cloud, &reached), "identity"),
        "✗ identity  cannot find a way to sign in to Azure: a client secret: \
         `AZURE_CLIENT_SECRET` is not set; a client certificate: `AZURE_CLIENT_CERTIFICATE_PATH` \
         is not set; GitHub's OIDC token: this is not a job of GitHub Actions; workload identity: \
         `AZURE_FEDERATED_TOKEN_FILE` is not set; the managed identity: `IDENTITY_ENDPOINT` is not \
         set; the managed identity: cannot get a token of the managed identity; the Azure CLI: az \
         not found on PATH; a device code: there is no terminal to show the code in\n    \
         fix: az login\n    \
         help: in GitHub Actions give the job `permissions: id-token: write` and set \
         `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`; elsewhere run `az login`, or set \
         `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`\n\
         - azure     needs a login\n\n1 to mend\n"
    );
    let own = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"];
    let signed_in = outside(&cloud, &[&reached[..], &own].concat());
    let shown = signed_in.run(&["doctor"]).exits(0).stdout;
    assert!(shown.contains("signed in with a client secret as application "), "{shown}");
    assert!(shown.ends_with("\n\nall is well\n"), "{shown}");
}

#[test]
fn quota_that_is_used_up_says_what_makes_room() {
    let mut world = world();
    world["access"]["container-group-quota"] = json!(1);
    let clinic = Clinic::new(world);
    clinic.doctor(&[]).exits(0);
    let cloud = clinic.cloud.path.display().to_string();
    let other = "name: other\nazure: { resource-group: demo, location: westeurope }\nreport: none\n\
                 registries: { shopimages.azurecr.io: { pull: { identity: shop-pull } } }\nsteps:\n  - build: { layers: [] }\n  - tag: shopimages.azurecr.io/other:v1\n  - push:\n  \
                 - deploy: { aci: { name: other, on-failure: keep } }\n";
    std::fs::write(clinic.program.path("other.yml"), other).expect("written");
    // It has no program, so that the deploy fails and leaves the group.
    clinic.program.run(&["run", "other.yml", "--cloud", &cloud]).exits(4);
    assert_eq!(
        clinic.failures(),
        "✗ quota westeurope  is used up: ContainerGroups 1 of 1, StandardCores 1 of 1\n    help: remove \
         container groups with `shipway sweep`, choose another region, or ask for a higher quota \
         in Azure's portal\n"
    );
    // What a run would be told.
    let once = plan().replace("  - deploy: {", "  - retry: { attempts: 1 }\n    deploy: {");
    std::fs::write(clinic.program.path("once.yml"), once).expect("written");
    let refused = clinic.program.run(&["run", "once.yml", "--cloud", &cloud]).exits(4);
    assert!(refused.stderr.contains("ContainerGroupQuotaReached"), "{}", refused.stderr);

    clinic.program.run(&["down", "other.yml", "--yes", "--cloud", &cloud]).exits(0);
    clinic.doctor(&[]).exits(0);
}

#[test]
fn region_that_does_not_exist_is_a_mistake_of_the_plan() {
    let program = Program::with_plan(&plan().replace("westeurope", "westeurop"));
    assert_eq!(
        program.run(&["doctor"]).exits(2).stderr,
        "error[unknown-region]: `westeurop` is not a region of Azure\n --> shipway.yml:2:42\n  |\n\
         2 | azure: { resource-group: demo, location: westeurop }\n  |                                          \
         ^^^^^^^^^\n  |\n  = help: did you mean `westeurope`?\n"
    );
}

#[test]
fn deployments_that_the_token_may_not_write_are_named() {
    let mut world = world();
    world["github"]["denied"] = json!(["deployments"]);
    assert_eq!(
        Clinic::new(world).failures(),
        "✗ github deployments  deployment: the token may not write it\n    help: give the job the \
         permission `deployments: write`\n"
    );
}

#[test]
fn token_that_github_does_not_accept_is_named_for_each_report() {
    let clinic = Clinic::new(world());
    let path = clinic.cloud.path.clone();
    let mut file: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
    file["github"]["token"] = json!("ghp_refused");
    file["environment"]["GITHUB_TOKEN"] = json!("ghp_refused");
    std::fs::write(&path, file.to_string()).expect("written");
    assert_eq!(
        clinic.failures(),
        "✗ github pull-requests  comment: GitHub does not accept the token\n    help: set another one as \
         `GITHUB_TOKEN`; that of a job ends with the job\n\
         ✗ github deployments  deployment: GitHub does not accept the token\n    help: set another one as \
         `GITHUB_TOKEN`; that of a job ends with the job\n\
         ✗ github statuses  status: GitHub does not accept the token\n    help: set another one as \
         `GITHUB_TOKEN`; that of a job ends with the job\n"
    );
}

#[test]
fn without_a_token_nothing_is_reported() {
    let plan = "name: a\nsteps: [{ run: 'true' }]\nreport: [comment]\n";
    let finished = Program::with_plan(plan).run(&["doctor"]).exits(0);
    assert_eq!(
        finished.stdout,
        "✓ plan    shipway.yml, 1 service\n! github  no token: nothing is reported to GitHub\n    help: in \
         a workflow the action has one; elsewhere set `GITHUB_TOKEN`\n\nnothing is missing, 1 to look at\n"
    );
}

#[test]
fn secret_of_a_file_needs_no_vault() {
    let plan =
        plan().replace("{ keyvault: { vault: shopvault, name: token } }", "{ file: token.txt }");
    let clinic = Clinic::with_plan(world(), &plan);
    let program = clinic.program.folder().join("token.txt");
    std::fs::write(program, "a token").expect("written");
    let shown = clinic.doctor(&[]).exits(0).stdout;
    assert!(!shown.contains("Microsoft.KeyVault"), "{shown}");
}
