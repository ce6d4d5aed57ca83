//! The plans of `import` run: each file of the fixtures is imported, checked, and run in a
//! local cloud, with the sources that it builds and with what its notes say that it needs.

use crate::cli::import::fixtures;
use crate::cli::import::imported::Import;
use serde_json::json;
use std::fs;

#[test]
fn each_fixture_is_run() {
    let own = include_str!("runs.rs");
    for entry in fs::read_dir(fixtures()).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(own.contains(&format!("Import::of(\"{name}\")")), "`{name}` is not run");
    }
}

#[test]
fn action_that_deploys_with_stored_credentials() {
    let pass = "store it as a variable of the repository, and pass it in the workflow's `env`";
    let shown = Import::of("aci-deploy-with-stored-credentials.yml")
        .told(&format!("`REGISTRY_LOGIN_SERVER` is a name, not a secret: {pass}"))
        .env("REGISTRY_LOGIN_SERVER", "sampleimages.azurecr.io")
        .told(&format!("`REGISTRY_USERNAME` is a name, not a secret: {pass}"))
        .env("REGISTRY_USERNAME", "sampleimages")
        .told(&format!("`RESOURCE_GROUP` is a name, not a secret: {pass}"))
        .env("RESOURCE_GROUP", "sample")
        .serving(".", 80)
        .runs();
    assert_eq!(
        shown,
        "sampleimages.azurecr.io/sample:COMMIT\nhttp://sample1.westus.azurecontainer.io\n"
    );
}

#[test]
fn action_that_deploys_with_variables() {
    let shown = Import::of("aci-deploy-with-variables.yml").serving("api", 8000).runs();
    assert_eq!(
        shown,
        "notesapp.azurecr.io/notes-api:COMMIT notesapp.azurecr.io/notes-api:latest\n\
         http://notes-api.northeurope.azurecontainer.io:8000\n"
    );
}

#[test]
fn registry_and_group_that_a_script_creates() {
    let shown = Import::of("az-acr-build-and-group-create.yml").serving("src", 80).runs();
    assert!(shown.contains("demoimages01.azurecr.io/demo:v1\nhttp://"), "{shown}");
}

#[test]
fn continued_lines_of_az() {
    let shown =
        Import::of("az-container-create-continued.yml").image("docker/Dockerfile", ".", 80).runs();
    assert_eq!(
        shown,
        "chatregistry.azurecr.io/chat/server:COMMIT\n\
         http://chat-server.westeurope.azurecontainer.io\n\
         https://chat-server.westeurope.azurecontainer.io\n"
    );
}

#[test]
fn job_that_builds_and_job_that_deploys() {
    let shown = Import::of("build-job-and-deploy-job.yml")
        .told("`shipway dry-run --event push` simulates its event")
        .option("--event", "push")
        .told("kept as `run`: `npm ci`")
        .tool("npm", "test \"$1\" = ci -o \"$CI\" = true")
        .serving(".", 80)
        .runs();
    assert_eq!(
        shown,
        "shopimages.azurecr.io/shop:COMMIT\nhttp://shop-live.westeurope.azurecontainer.io\n"
    );
}

#[test]
fn steps_that_only_the_main_branch_has() {
    let shown =
        Import::of("conditional-run-steps.yml").option("--event", "push").serving(".", 80).runs();
    assert_eq!(
        shown,
        "weatherimages.azurecr.io/weather:COMMIT\n\
         http://weather-live.norwayeast.azurecontainer.io\n"
    );
}

#[test]
fn file_of_a_group_is_left_to_az() {
    let import = Import::of("container-file.yml")
        .told("kept as `run`: `npm run build`")
        .tool("npm", "test \"$*\" = 'run build'")
        .told("`az` in a `run` step needs `azure/login` in the workflow")
        .tool(
            "az",
            "test \"$*\" = 'container create --resource-group demo --file deploy/group.yaml'",
        );
    assert_eq!(import.runs(), "");
}

#[test]
fn loop_of_requests() {
    let shown = Import::of("curl-loop.yml").serving("site", 8080).runs();
    assert_eq!(
        shown,
        "previews.azurecr.io/site:pr-1\nhttp://site-pr-1.westeurope.azurecontainer.io:8080\n"
    );
}

#[test]
fn image_of_a_tag_for_docker_hub() {
    let shown = Import::of("docker-hub.yml")
        .told("`DOCKERHUB_USER` is a name, not a secret")
        .env("DOCKERHUB_USER", "octo")
        .told("`shipway dry-run --event push` of a tag that is checked out simulates its event")
        .option("--event", "push")
        .serving(".", 3000)
        .committed()
        .git(&["tag", "v1.2.0"])
        .git(&["checkout", "--quiet", "--detach"])
        .runs();
    assert_eq!(
        shown,
        "docker.io/octo/weather:v1.2.0\nhttp://weather-live.eastus.azurecontainer.io:3000\n\
         http://weather-live.eastus.azurecontainer.io:3001\n"
    );
}

#[test]
fn names_that_a_step_writes_for_the_next_ones() {
    let shown = Import::of("github-env.yml")
        .told("\n  shipway dry-run shipway.yml --event push\n")
        .told("`shipway dry-run --event push` simulates its event")
        .option("--event", "push")
        .serving(".", 80)
        .runs();
    assert_eq!(
        shown,
        "plannerimages.azurecr.io/planner:main-SHORT\n\
         http://planner-live.westeurope.azurecontainer.io\n"
    );
}

#[test]
fn here_document_and_commands_that_are_kept() {
    let import = Import::of("heredoc-and-kept-commands.yml")
        .option("--event", "push")
        .file(
            "db/migrate",
            "#!/bin/sh\ngrep -q 'branch = main' settings.ini || test \"$1\" = version\n",
        )
        .told("kept as `run`: `make test lint`")
        .tool("make", "test \"$*\" = 'test lint'");
    assert_eq!(import.runs(), "");
}

#[test]
fn inputs_are_variables() {
    let shown = Import::of("inputs-and-conditions.yml")
        .told("`shipway dry-run --event FILE`, where the file has `{\"inputs\": {}}`, simulates")
        .event(&json!({ "inputs": {}, "repository": { "full_name": "octo/game" } }))
        .told("`gameimages.azurecr.io/game:${{ vars.version }}` has to be in its registry")
        .preloaded("gameimages.azurecr.io/game:v2", &["/busybox", "httpd", "-f", "-p", "25565"])
        .told("the input `version` is a variable of the plan")
        .option("--set", "version=v2")
        .runs();
    assert_eq!(shown, "http://game-server.westeurope.azurecontainer.io:25565\n");
}

#[test]
fn jobs_of_a_matrix() {
    let shown = Import::of("matrix-of-services.yml")
        .serving("services/orders", 8001)
        .serving("services/billing", 8002)
        .runs();
    let urls = "http://mall-orders.westeurope.azurecontainer.io:8001\n\
                http://mall-billing.westeurope.azurecontainer.io:8002\n";
    assert!(shown.ends_with(urls), "{shown}");
}

#[test]
fn tags_of_the_metadata_action() {
    let shown = Import::of("metadata-tags.yml").option("--event", "push").serving(".", 80).runs();
    assert_eq!(
        shown,
        "ghcr.io/octo/gateway:main ghcr.io/octo/gateway:edge ghcr.io/octo/gateway:sha-SHORT\n"
    );
}

#[test]
fn preview_that_a_script_comments() {
    let shown = Import::of("pr-comment-script.yml")
        .told("\n  shipway dry-run shipway.yml\n")
        .serving(".", 80)
        .runs();
    assert_eq!(
        shown,
        "prsimages.azurecr.io/app:main\nhttp://prs-app-1.westeurope.azurecontainer.io\n"
    );
}

#[test]
fn image_that_is_promoted() {
    let import = Import::of("promote-existing-image.yml").told(
        "`shipway dry-run --event FILE`, where the file has `{\"release\": {\"tag_name\": \"v1\"}}`, \
         simulates its event",
    );
    let import = import.event(&json!({ "release": { "tag_name": "v1" } }));
    let import = import.told(
        "`stagingimages.azurecr.io/app:${{ git.sha }}` has to be in its registry; a dry run signs in \
         to none: give it the image with `--seed-image REFERENCE=oci:FOLDER`",
    );
    let import = import.committed();
    let commit = import.program.git(&["rev-parse", "HEAD"]);
    let staged = format!("stagingimages.azurecr.io/app:{commit}");
    assert_eq!(import.preloaded(&staged, &["/store"]).runs(), "liveimages.azurecr.io/app:v1\n");
}

#[test]
fn image_of_a_job_in_a_folder() {
    let shown = Import::of("reusable-and-local.yml").serving("app", 80).runs();
    assert_eq!(shown, "callerimages.azurecr.io/app:1\n");
}

#[test]
fn two_images_in_one_job() {
    let shown = Import::of("several-images.yml").serving("front", 80).serving("back", 81).runs();
    assert_eq!(
        shown,
        "twoimages.azurecr.io/front:1\ntwoimages.azurecr.io/back:1\n\
         http://two-back.northeurope.azurecontainer.io:81\n"
    );
}

#[test]
fn worker_whose_arguments_are_an_array() {
    let shown = Import::of("shell-variables-and-arrays.yml")
        .file("python", "#!/busybox sh\n/busybox echo done\n")
        .file(
            "Dockerfile",
            "FROM scratch\nARG VERSION\nENV PATH=/bin\nCOPY busybox /busybox\nCOPY python /bin/python\n",
        )
        .runs();
    assert_eq!(shown, "jobsregistry.azurecr.io/worker:SHORT\n");
}

#[test]
fn image_of_docker_hub_with_a_port() {
    let shown = Import::of("sidecar-free-tcp.yml")
        // A public image, which a machine with a network fetches.
        .preloaded("eclipse-mosquitto:2", &["/busybox", "httpd", "-f", "-p", "1883"])
        .runs();
    assert_eq!(shown, "http://iot-broker.westeurope.azurecontainer.io:1883\n");
}

#[test]
fn actions_without_a_counterpart() {
    let import = Import::of("unknown-actions.yml")
        .told("`docker` in a `run` step does not see the images that the plan builds")
        .tool("docker", "test \"$1\" = run")
        .serving(".", 80);
    assert_eq!(import.runs(), "");
}

#[test]
fn command_line() {
    let shown = Import::of("command-line.txt")
        .preloaded(
            "mcr.microsoft.com/azuredocs/aci-helloworld",
            &["/busybox", "httpd", "-f", "-p", "80"],
        )
        .runs();
    assert_eq!(shown, "http://hello-demo-42.westeurope.azurecontainer.io\n");
}

#[test]
fn script_of_commands() {
    let shown = Import::of("deploy-script.sh")
        .image("build/Dockerfile", ".", 80)
        .told("kept as `run`: `./notify.sh \"$VERSION\"`")
        .file("notify.sh", "#!/bin/sh\ntest \"$1\" = \"$(git rev-parse --short HEAD)\"\n")
        .runs();
    assert_eq!(
        shown,
        "ledgerimages.azurecr.io/ledger:SHORT\nhttp://ledger-dev.westeurope.azurecontainer.io\n"
    );
}

#[test]
fn container_group() {
    let shown = Import::of("container-group.yaml")
        .told("`storeimages.azurecr.io/store:1.4` has to be in its registry")
        .preloaded("storeimages.azurecr.io/store:1.4", &[])
        // A public image, which a machine with a network fetches.
        .preloaded("redis:7", &["/busybox", "sleep", "60"])
        .runs();
    assert_eq!(shown, "http://store-north.northeurope.azurecontainer.io:8080\n");
}

#[test]
fn template() {
    let shown = Import::of("template.json")
        .preloaded(
            "mcr.microsoft.com/azuredocs/aci-helloworld",
            &["/busybox", "httpd", "-f", "-p", "80"],
        )
        .runs();
    assert_eq!(shown, "http://acilinux-site.westeurope.azurecontainer.io\n");
}

#[test]
fn template_with_symbolic_names() {
    let shown = Import::of("bicep.json")
        .told("`quoteimages.azurecr.io/quote:3` has to be in its registry")
        .preloaded("quoteimages.azurecr.io/quote:3", &["/store"])
        .runs();
    assert_eq!(shown, "http://aci-quote-dev.westeurope.azurecontainer.io:8080\n");
}

#[test]
fn compose_file() {
    let shown = Import::of("compose.yaml")
        .serving("web", 80)
        .file("api/server", "#!/busybox sh\n/busybox httpd -f -p 9000\n")
        .file("api/Dockerfile", "FROM scratch\nCOPY busybox server /\n")
        .busybox("api")
        .runs();
    assert_eq!(
        shown,
        "teamimages.azurecr.io/api:2\ninregistry.azurecr.io/web:SHORT\n\
         http://in-web.westeurope.azurecontainer.io\n\
         http://in-api.westeurope.azurecontainer.io:9000\n"
    );
}
