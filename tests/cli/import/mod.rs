//! `import` makes plans of files that deploy in another way.

mod imported;
mod runs;

use crate::support::Program;
use std::fs;
use std::path::{Path, PathBuf};

pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import")
}

pub fn fixture(name: &str) -> String {
    fs::read_to_string(fixtures().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A folder with what the imported builds take, and the plan of this file as
/// `shipway.yml`, which has no mistakes.
#[track_caller]
fn imported(name: &str, text: &str) -> (Program, String) {
    let folders = ["", "api/", "back/", "front/", "site/", "src/", "app/", "web/"];
    let more = ["services/orders/", "services/billing/", "build/", "docker/", "db/"];
    let start = Program::new().file(&format!("in/{name}"), text).env("AZURE_CONFIG_DIR", "none");
    let program = folders.iter().chain(&more).fold(start, |program, folder| {
        program.file(
            &format!("{folder}Dockerfile"),
            "FROM scratch\nARG COMMIT\nARG VERSION\nARG BUILD_DATE\nARG GIT_SHA\n",
        )
    });
    let path = format!("in/{name}");
    let finished = program.run(&["import", &path]).exits(0);
    let program = program.file("shipway.yml", &finished.stdout);
    let checked = program.run(&["check"]);
    assert_eq!(
        (checked.code, checked.stderr.as_str()),
        (0, "shipway.yml: no mistakes\n"),
        "{}",
        finished.stdout
    );
    (program, format!("{}---\n{}", finished.stdout, finished.stderr))
}

#[test]
fn each_file_becomes_a_plan_without_mistakes() {
    let names = fs::read_dir(fixtures())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    let workflows =
        names.iter().filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "yml"));
    let workflows = workflows.count();
    assert!(workflows >= 20, "only {workflows} workflows");
    for name in names {
        let (_, shown) = imported(&name, &fixture(&name));
        insta::assert_snapshot!(name.replace('.', "_"), shown);
    }
}

#[test]
fn existing_plan_is_not_overwritten() {
    let program = Program::with_plan("mine").file("up.sh", &fixture("command-line.txt"));
    assert_eq!(
        program.run(&["import", "up.sh", "--output", "shipway.yml"]).exits(2).stderr,
        "error: cannot write `shipway.yml`: it exists\n  help: name another file, or leave `--output` \
         out to see the plan\n"
    );
    let written = program.run(&["import", "up.sh", "--output", "new.yml"]).exits(0);
    assert_eq!(written.stdout, "");
    assert_eq!(
        written.stderr,
        "0 changed, 0 kept as `run`, 0 to do\nwrote new.yml\n\nnext:\n  shipway check new.yml\n  \
         shipway dry-run new.yml\n"
    );
    program.run(&["check", "new.yml"]).exits(0);
}

#[test]
fn file_that_deploys_nothing_is_refused() {
    let program = Program::new()
        .file("a.yml", "a: 1\n")
        .file("b.yml", "jobs: { a: { steps: [{ uses: actions/checkout@v4 }] } }\n")
        .file("c.yml", "jobs: [\n");
    let said = |name: &str| program.run(&["import", name]).exits(2).stderr;
    assert_eq!(
        said("a.yml"),
        "error: cannot import `a.yml`\n  because: it is no workflow, compose file, container group or \
         template, and has no command of `az` or docker\n  help: a bicep file becomes a template with \
         `az bicep build --file FILE`\n"
    );
    assert_eq!(
        said("b.yml"),
        "error: cannot import `b.yml`\n  because: nothing in it builds, pushes or deploys an image\n"
    );
    assert!(said("c.yml").starts_with("error: cannot import `c.yml`\n  because: "));
    assert!(said("none.yml").contains("because: No such file or directory"));
}

/// Imports a text and looks for these parts of the plan and of what is told.
#[track_caller]
fn imported_has(name: &str, text: &str, parts: &[&str]) -> String {
    let (_, shown) = imported(name, text);
    for part in parts {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    shown
}

#[test]
fn service_without_ports_has_a_name_and_no_label() {
    let compose = "services:\n  worker:\n    build: .\n";
    let shown = imported_has("compose.yaml", compose, &["        name: in-worker\n"]);
    assert!(!shown.contains("dns-label"), "{shown}");
}

#[test]
fn argument_of_a_script_becomes_a_variable() {
    let script = "TAG=${1:-$(git rev-parse --short HEAD)}\ndocker build -t r.io/api:$TAG .\n\
                  docker push r.io/api:$TAG\n";
    imported_has(
        "up.sh",
        script,
        &[
            "r.io/api:${{ env.ARGUMENT_1 || git.short-sha }}",
            "in/up.sh:1: needs you: a plan has no arguments: `$1` is read from the variable \
             `ARGUMENT_1`\n",
        ],
    );
}

#[test]
fn default_of_a_variable_is_an_expression() {
    let script = "TAG=${TAG:-$(git rev-parse --short HEAD)}\ndocker build -t r.io/api:$TAG .\n\
                  docker push r.io/api:$TAG\n";
    imported_has("up.sh", script, &["r.io/api:${{ env.TAG || git.short-sha }}"]);
    let script = "TAG=$(git describe --tags --always)\ndocker build -t r.io/api:$TAG .\n\
                  docker push r.io/api:$TAG\n";
    imported_has("up.sh", script, &["r.io/api:${{ git.tag || git.short-sha }}"]);
}

#[test]
fn value_that_only_a_run_knows_is_computed_by_a_step() {
    let script = "#!/bin/sh\nexport TAG=\"$(date +%Y%m%d)-$BUILD_NUMBER\"\n\
                  docker build -t r.io/api:$TAG .\ndocker push r.io/api:$TAG\n\
                  az container create -g g -n api --image r.io/api:$TAG --ports 80\n";
    imported_has(
        "up.sh",
        script,
        &[
            "  - id: tag-value\n    run: |\n      export TAG=\"$(date +%Y%m%d)-$BUILD_NUMBER\"\n      \
             echo \"value=$TAG\" >> \"$SHIPWAY_OUTPUT\"\n",
            "  - tag: r.io/api:${{ steps.tag-value.outputs.value }}\n",
            "in/up.sh:3: changed: a `run` step computes `export TAG=\"$(date +%Y%m%d)-$BUILD_NUMBER\"`\n",
        ],
    );
    let script = "VERSION=$(cat VERSION)\ndocker build -t r.io/api:$VERSION -t r.io/api:latest .\n\
                  docker push --all-tags r.io/api\n";
    imported_has(
        "up.sh",
        script,
        &["tags: [\"${{ steps.version-value.outputs.value }}\", latest]\n"],
    );
}

#[test]
fn what_cannot_be_converted_is_a_placeholder() {
    let script = "docker build -t r.io/api -t \"$(docker images -q)\" .\n\
                  az container create -g g -n api --image \"$(az acr list)\" --dns-name-label Api_Shop\n";
    imported_has(
        "up.sh",
        script,
        &[
            "image: registry.azurecr.io/image:tag\n",
            "dns-label: api-shop\n",
            "in/up.sh:1: needs you: a tag of `docker build` is known only to the script, and was left \
             out\n",
            "in/up.sh:2: needs you: the value of `--image` is known only to the script\n",
            "in/up.sh:2: needs you: the image of the deploy is not known: \
             `registry.azurecr.io/image:tag` is a placeholder\n",
            "in/up.sh:2: needs you: `Api_Shop` cannot be a DNS label: `api-shop` is in its place\n",
        ],
    );
}

#[test]
fn plan_with_mistakes_is_not_written_without_a_word() {
    let script = "docker build -t r.io/api .\ndocker push r.io/api\n\
                  az container create -g g -n api --image r.io/api --ports 99999\n";
    let program = Program::new().file("up.sh", script);
    let finished = program.run(&["import", "up.sh", "--output", "new.yml"]).exits(2);
    for part in [
        "up.sh: needs you: mend the plan: ",
        " to do\nerror[",
        "\nwrote new.yml, which has the mistakes above\n\nnext:\n  shipway check new.yml\n",
    ] {
        assert!(finished.stderr.contains(part), "no `{part}` in\n{}", finished.stderr);
    }
    let written = fs::read_to_string(program.path("new.yml")).expect("a plan");
    assert!(written.contains("# to do:\n# - mend the plan: "), "{written}");
}

#[test]
fn folder_of_a_script_is_followed() {
    let script = "cd api\nnpm ci\ndocker build -t r.io/api .\ncd - && cd \"$(mktemp -d)\"\n\
                  docker push r.io/api\n";
    imported_has(
        "up.sh",
        script,
        &[
            "  - run: npm ci\n    working-directory: api\n  - build: api\n",
            "in/up.sh:4: needs you: where `cd` leads is known only to the script: the paths after it \
             are relative to the plan\n",
        ],
    );
}

#[test]
fn kept_step_is_named_by_its_command() {
    let script = "set -e\nRG=shop-rg\nnpm ci\nnpm test \"$RG\"\ndocker build .\n";
    imported_has("up.sh", script, &["in/up.sh:3: kept as `run`: `npm ci` and 1 more command\n"]);
}

#[test]
fn version_of_the_metadata_is_the_first_tag_that_is_not_empty() {
    let workflow = "on: push
jobs:
  build:
    outputs: { tag: '${{ steps.meta.outputs.version }}' }
    steps:
    - uses: docker/login-action@v3
      with: { registry: demo.azurecr.io, username: x, password: '${{ secrets.GITHUB_TOKEN }}' }
    - id: meta
      uses: docker/metadata-action@v5
      with: { images: demo.azurecr.io/api, tags: \"type=sha\\ntype=ref,event=pr\" }
    - uses: docker/build-push-action@v6
      with: { push: true, tags: '${{ steps.meta.outputs.tags }}' }
    - uses: third/party@v1
      env: { TOKEN: '${{ secrets.GITHUB_TOKEN }}' }
  deploy:
    needs: build
    steps:
    - run: az container create -g g -n api --image demo.azurecr.io/api:${{ needs.build.outputs.tag }} --ports 80
";
    let tag = "demo.azurecr.io/api:${{ pr.tag || format('sha-{0}', git.short-sha) }}";
    let shown = imported_has("up.yml", workflow, &[tag]);
    assert!(!shown.contains("GITHUB_TOKEN"), "{shown}");
}

#[test]
fn combinations_with_the_same_steps_are_one_service() {
    let workflow = "on: push
jobs:
  test:
    strategy:
      matrix: { node: [20, 22] }
    steps:
    - uses: actions/setup-node@v4
      with: { node-version: '${{ matrix.node }}' }
    - run: npm test
    - run: docker build -t r.io/api . && docker push r.io/api
";
    let shown = imported_has(
        "up.yml",
        workflow,
        &[
            "in/up.yml:5: needs you: combinations of the matrix have the same steps, of which the plan \
             has one service: what differs, such as the version of a tool, is left to the workflow\n",
        ],
    );
    assert_eq!(shown.matches("run: npm test").count(), 1, "{shown}");
}

#[test]
fn settings_of_a_step_are_those_of_all_that_it_became() {
    let workflow = "on: push
jobs:
  ship:
    timeout-minutes: 60
    steps:
    - run: docker build -t r.io/api . && docker push r.io/api
      timeout-minutes: 20
    - run: az container create -g g -n api --image r.io/api --ports 80
      continue-on-error: true
      timeout-minutes: ${{ vars.MINUTES }}
";
    imported_has(
        "up.yml",
        workflow,
        &[
            "  - build: .\n    timeout: 20m\n  - tag: r.io/api:latest\n    timeout: 20m\n  - push:\n    \
             timeout: 20m\n",
            "    continue-on-error: true\n",
            "in/up.yml:4: changed: `timeout-minutes` of the job stays in the job that runs Shipway\n",
            "in/up.yml:10: needs you: `timeout-minutes: ${{ vars.MINUTES }}` was left out: write it as \
             `timeout`\n",
        ],
    );
}

#[test]
fn identity_subnet_and_probes_are_converted() {
    let script = "az container create -g g -n api --image nginx:1 --ports 80 --vnet net --subnet apps \
                  --ip-address Private --assign-identity [system] shop-id --zone 1\n";
    let shown = imported_has(
        "up.sh",
        script,
        &[
            "        subnet: net/apps\n",
            "        identity: { system: true, user-assigned: [shop-id] }\n",
            "        zones: [\"1\"]\n",
        ],
    );
    assert!(!shown.contains("not supported"), "{shown}");
    let group = "name: api
type: Microsoft.ContainerInstance/containerGroups
location: West Europe
identity: { type: SystemAssigned }
properties:
  osType: Linux
  subnetIds: [{ id: /subscriptions/8a3b1c2d-0000-4000-8000-000000000000/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/net/subnets/apps }]
  volumes: [{ name: data, emptyDir: {} }]
  containers:
  - name: api
    properties:
      image: nginx:1
      ports: [{ port: 80 }]
      livenessProbe: { httpGet: { path: /live, port: 80, scheme: HTTP }, periodSeconds: 5 }
      readinessProbe: { exec: { command: [test, -f, /ready] }, failureThreshold: 6 }
";
    let shown = imported_has(
        "group.yaml",
        group,
        &[
            "  location: westeurope\n",
            "        subnet: /subscriptions/8a3b1c2d-0000-4000-8000-000000000000/resourceGroups/g/providers/\
             Microsoft.Network/virtualNetworks/net/subnets/apps\n",
            "        identity: { system: true }\n",
            "          liveness: { http: /live, port: 80, period: 5s }\n",
            "          readiness: { exec: [test, \"-f\", /ready], failure-threshold: 6 }\n",
            "in/group.yaml:8: needs you: `volumes` was left out: write it as `volumes`\n",
        ],
    );
    assert!(!shown.contains("not supported"), "{shown}");
}
