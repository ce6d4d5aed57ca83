//! What describes containers already: compose files, container groups, workflows, a monorepo.

use super::{SERVED, dry_run, folder, init, text, urls};
use std::fs;

#[test]
fn each_dockerfile_of_a_monorepo_is_a_service() {
    let served = SERVED.replace("COPY www", "COPY web/www").replace("busybox /", "tools/busybox /");
    let program = folder(&[
        ("web/Dockerfile", &served),
        ("web/www/index.html", "hello"),
        ("api/Dockerfile", &SERVED.replace("8080", "3000")),
        ("api/www/index.html", "hello"),
        ("api/Dockerfile.dev", "FROM scratch\n"),
        ("node_modules/x/Dockerfile", "FROM scratch\n"),
    ]);
    let program = program.applets();
    fs::create_dir(program.path("shop/tools")).expect("made");
    for to in ["shop/tools/busybox", "shop/api/busybox"] {
        fs::copy(program.path("busybox"), program.path(to)).expect("copied");
    }
    let (plan, _) = init(&program, &[]);
    let services = plan.split_once("\nservices:\n").expect("services").1;
    assert_eq!(
        services,
        "  api:
    steps:
      - build: api
      - tag:
          image: shopregistry.azurecr.io/shop-api
          tags: [\"${{ git.short-sha || 'dev' }}\", \"${{ pr.tag }}\"]
      - push:
      - deploy:
          aci:
            dns-label: ${{ vars.label }}-api
            ports: [3000]
            cpu: 1
            memory: 1.5GB
      - verify: /
  web:
    steps:
      - build: { context: ., dockerfile: web/Dockerfile }
      - tag:
          image: shopregistry.azurecr.io/shop-web
          tags: [\"${{ git.short-sha || 'dev' }}\", \"${{ pr.tag }}\"]
      - push:
      - deploy:
          aci:
            dns-label: ${{ vars.label }}-web
            ports: [8080]
            cpu: 1
            memory: 1.5GB
      - verify: /
"
    );
    let finished = dry_run(program, &[]);
    assert_eq!(
        urls(&finished),
        "http://LABEL-api.westeurope.azurecontainer.io:3000\n\
         http://LABEL-web.westeurope.azurecontainer.io:8080\n"
    );
}

#[test]
fn services_of_a_compose_file_are_built_by_its_settings() {
    let compose = "services:
  front:
    build: ./front
    ports: ['127.0.0.1:8080:80/tcp']
  worker:
    build: { context: ., dockerfile: docker/worker.Dockerfile, target: release }
    ports: [{ target: 7000, published: 80 }]
  db:
    image: postgres:16
";
    let program = folder(&[
        ("compose.yaml", compose),
        (
            "front/Dockerfile",
            "FROM scratch\nHEALTHCHECK CMD curl -f http://localhost/up || exit 1\n",
        ),
        ("docker/worker.Dockerfile", "FROM scratch AS release\n"),
    ]);
    let (plan, finished) = init(&program, &[]);
    for line in [
        "      - build: front\n",
        "            ports: [80]\n",
        "      - verify: /up\n",
        "      - build: { context: ., dockerfile: docker/worker.Dockerfile, target: release }\n",
        "            ports: [7000]\n",
    ] {
        assert!(plan.contains(line), "no `{line}` in\n{plan}");
    }
    finished.says_in_order(&[
        "note: `db` of `compose.yaml` is an image that is not built here, and was left out: name \
         the address that the services reach it under in the `env` of their deploys\n",
    ]);
}

#[test]
fn service_of_a_compose_file_keeps_its_command_and_variables() {
    let compose = "services:
  api:
    build: .
    ports: ['8080:8080']
    command: [serve, --fast]
    environment: { LEVEL: debug, API_TOKEN: }
    env_file: .env
  worker:
    build: .
    command: work --queue mail
";
    let program = folder(&[("compose.yaml", compose), ("Dockerfile", "FROM scratch\n")]);
    let (plan, finished) = init(&program, &[]);
    for part in [
        "secrets:\n  api-token: { env: API_TOKEN }\n",
        "            command: [serve, \"--fast\"]\n            env:\n              LEVEL: debug\n              \
         API_TOKEN: ${{ secrets.api-token }}\n      - verify: /\n",
        "            name: ${{ vars.label }}-worker\n            cpu: 1\n            memory: 1.5GB\n            \
         command: [work, \"--queue\", mail]\n",
    ] {
        assert!(plan.contains(part), "no `{part}` in\n{plan}");
    }
    assert_eq!(plan.matches("verify:").count(), 1, "{plan}");
    finished.says_in_order(&[
        "note: the plan has the secret `api-token`: pass the variable that it is read from in the \
         workflow's `env`\n",
        "note: `env_file` of `api` in `compose.yaml` was left out: write its variables in the `env` \
         of the deploy\n",
    ]);
    assert_eq!(
        program.run(&["check", "shop/shipway.yml"]).exits(0).stderr,
        "shop/shipway.yml: no mistakes\n"
    );
}

#[test]
fn container_group_that_is_described_already_is_deployed() {
    let group = include_str!("../../../fixtures/import/container-group.yaml");
    let program = folder(&[("deploy/group.yaml", group)]);
    let (plan, finished) = init(&program, &[]);
    for part in [
        "resource-group: shop",
        "dns-label: store-north",
        "image: storeimages.azurecr.io/store:1.4",
    ] {
        assert!(plan.contains(part), "no `{part}` in\n{plan}");
    }
    finished
        .says_in_order(&["note: the plan deploys the container group of `deploy/group.yaml`\n"]);
    let workflow = text(&program, "shop/.github/workflows/shipway.yml");
    assert!(!workflow.contains("pull_request"), "{workflow}");
}

#[test]
fn workflow_that_deploys_already_is_pointed_to() {
    let workflow = include_str!("../../../fixtures/import/curl-loop.yml");
    let program = folder(&[("Dockerfile", SERVED), (".github/workflows/cd.yml", workflow)]);
    let (_, finished) = init(&program, &[]);
    finished.says_in_order(&[
        "note: `.github/workflows/cd.yml` deploys already: `shipway import .github/workflows/cd.yml` \
         prints a plan that does the same\n",
    ]);
}

#[test]
fn workflow_of_a_plan_in_a_folder_of_the_repository_is_at_its_root() {
    let program = folder(&[("Dockerfile", "FROM scratch\nEXPOSE 80\n")]).committed();
    program.git(&["remote", "add", "origin", "git@github.com:octo/Store_Front.git"]);
    let (plan, _) = init(&program, &[]);
    assert!(plan.contains("\nname: store-front\n"), "{plan}");
    let workflow = text(&program, ".github/workflows/shipway.yml");
    assert!(workflow.contains("plan: shop/shipway.yml"), "{workflow}");
}
