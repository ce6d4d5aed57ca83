//! The real `az` with a cloud that starts empty.

use super::Walk;
use serde_json::Value;
use std::path::Path;

/// The lines of the first example of a page.
fn documented(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let page = std::fs::read_to_string(path).expect("a page");
    let block = page.split("```console\n").nth(1).and_then(|rest| rest.split("```").next());
    block.expect("an example").lines().map(str::to_owned).collect()
}

/// What is typed: the lines behind a prompt, and those that go on behind `>`.
fn script(lines: &[String]) -> String {
    let typed = lines.iter().filter_map(|line| {
        line.strip_prefix("$ ").or_else(|| line.strip_prefix("> ")).map(str::to_owned)
    });
    typed.collect::<Vec<_>>().join("\n")
}

#[test]
fn job_by_hand_and_by_a_plan_come_from_one_documented_walk() {
    let walk = Walk::new();
    let lines = documented("job-files.md");

    let printed = walk.shell(&script(&lines));

    let is_typed = |line: &&String| line.starts_with("$ ") || line.starts_with("> ");
    let shown: Vec<&str> =
        lines.iter().filter(|line| !is_typed(line)).map(String::as_str).collect();
    assert!(printed.contains(&shown[..6].join("\n")), "{printed}");
    let mut rest = printed.lines();
    for line in shown {
        assert!(rest.any(|printed| printed == line), "no `{line}` in\n{printed}");
    }
    // Beside the two references the files are alike: what is not of the image stayed.
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(walk.program.path(name)).expect("a file");
        let mut job: Value = serde_json::from_str(&text).expect("JSON");
        job["properties"]["containerSettings"]["imageSourceRegistry"].take();
        job
    };
    assert_eq!(read("by-hand.json"), read("out/job.json"));
}

#[test]
fn documented_walk_works_as_it_is_pasted() {
    let walk = Walk::new();
    let lines = documented("local-cloud.md");

    let printed = walk.shell(&script(&lines));

    let mut rest = printed.lines();
    for line in lines.iter().filter(|line| !line.starts_with("$ ")) {
        assert!(rest.any(|printed| printed == line), "no `{line}` in\n{printed}");
    }
    assert!(printed.contains("hello            demo            Running  "), "{printed}");
    // What `az container logs` shows of the request.
    assert!(printed.contains("response:200"), "{printed}");
    assert!(printed.contains("demo-vault.vault.azure.net  1"), "{printed}");
}

const SIGN_IN: &str = "\
eval \"$(shipway local --detach --runtime built-in)\"
export AZURE_CONFIG_DIR=$PWD/azure
az login --service-principal -u \"$AZURE_CLIENT_ID\" -p \"$AZURE_CLIENT_SECRET\" \
  --tenant \"$AZURE_TENANT_ID\" -o none
az group create -n demo -l westeurope -o none
az acr create -g demo -n demoimages --sku Basic --admin-enabled true -o none
";

#[test]
fn image_that_skopeo_pushes_with_the_token_of_az_runs_as_an_app() {
    let walk = Walk::new();
    let printed = walk.shell(&format!(
        "{SIGN_IN}
export HOME=$PWD BUILDAH_ISOLATION=chroot
mkdir -p hello/site && cp /bin/busybox hello/ && echo 'hello from here' > hello/site/index.html
storage='--root '$PWD'/root --runroot '$PWD'/run --storage-driver vfs'
image=$(buildah $storage from scratch)
buildah $storage copy -q $image hello / >/dev/null
buildah $storage config --cmd '[\"/busybox\", \"httpd\", \"-f\", \"-p\", \"80\", \"-h\", \"/site\"]' $image
buildah $storage commit -q $image oci:layout >/dev/null
token=$(az acr login -n demoimages --expose-token --query accessToken -o tsv --only-show-errors)
skopeo copy -q --dest-creds 00000000-0000-0000-0000-000000000000:$token \\
  oci:layout docker://demoimages.azurecr.io/hello:v1
az acr repository show-tags -n demoimages --repository hello -o tsv
password=$(az acr credential show -n demoimages --query 'passwords[0].value' -o tsv)
az containerapp env create -g demo -n apps -l westeurope --logs-destination none -o none --only-show-errors
az containerapp create -g demo -n api --environment apps --image demoimages.azurecr.io/hello:v1 \\
  --registry-server demoimages.azurecr.io --registry-username demoimages \\
  --registry-password \"$password\" --ingress external --target-port 80 \\
  --query properties.configuration.ingress.fqdn -o tsv --only-show-errors > fqdn
curl -sS --retry 20 --retry-all-errors --retry-delay 1 -f https://$(cat fqdn)/
az containerapp replica list -g demo -n api --query '[].properties.runningState' -o tsv
az containerapp logs show -g demo -n api --only-show-errors | grep -c 'Connecting to the container'
az containerapp update -g demo -n api --set-env-vars GREETING=hello -o none --only-show-errors
az containerapp show -g demo -n api --query 'properties.template.containers[0].env[0].value' -o tsv
az containerapp revision list -g demo -n api --all --query 'length(@)'
curl -sS --retry 20 --retry-all-errors --retry-delay 1 -f https://$(cat fqdn)/
shipway local status --output json > status.json
az containerapp delete -g demo -n api --yes -o none --only-show-errors
az group delete -n demo --yes -o none
shipway local status --output json > empty.json
"
    ));

    assert_eq!(printed, "v1\nhello from here\nRunning\n1\nhello\n2\nhello from here\n");
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(walk.program.path(name)).expect("a file");
        serde_json::from_str(&text).expect("JSON")
    };
    let status = read("status.json");
    assert_eq!(status["container-apps"][0]["name"], "api");
    let here = status["container-apps"][0]["addresses"][0]["local"].as_str().expect("an address");
    assert!(here.starts_with("127.0.0.1:"), "{here}");
    let empty = read("empty.json");
    for kind in ["resource-groups", "registries", "container-groups", "container-apps", "vaults"] {
        assert_eq!(empty[kind], Value::Array(vec![]), "{kind}");
    }
}
