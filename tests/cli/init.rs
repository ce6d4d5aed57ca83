//! `init` writes a plan that passes `check`, from what the folder holds.

use crate::support::layout::layout;
use crate::support::path::without_engines;
use crate::support::{Finished, Program};
use serde_json::json;
use std::fs;
use std::path::Path;

const SERVED: &str = "FROM scratch\nCOPY busybox /busybox\nCOPY www /www\nEXPOSE 8080\n\
                      ENTRYPOINT [\"/busybox\", \"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]\n";

/// A folder `shop` with these files, outside of git and without settings of `az`.
fn folder(files: &[(&str, &str)]) -> Program {
    let start = Program::new().env("AZURE_CONFIG_DIR", "nowhere");
    files.iter().fold(start, |program, (name, text)| program.file(&format!("shop/{name}"), text))
}

/// The plan that `init` writes, which has no mistakes, and what it said.
#[track_caller]
fn init(program: &Program, options: &[&str]) -> (String, Finished) {
    let finished = program.run(&[&["init", "shop"], options].concat()).exits(0);
    let checked = program.run(&["check", "shop/shipway.yml"]).exits(0);
    assert_eq!(checked.stderr, "shop/shipway.yml: no mistakes\n");
    (fs::read_to_string(program.path("shop/shipway.yml")).expect("a plan"), finished)
}

/// The steps of the plan before the first `tag`.
fn build(plan: &str) -> &str {
    let steps = plan.split_once("\nsteps:\n").expect("steps").1;
    steps.split_once("  - tag:").expect("a tag").0
}

fn text(program: &Program, name: &str) -> String {
    fs::read_to_string(program.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[track_caller]
fn dry_run(program: Program, options: &[&str]) -> Finished {
    let bin = tempfile::tempdir().expect("a folder");
    without_engines(bin.path());
    let program = program.env("PATH", &bin.path().display().to_string());
    let arguments = ["dry-run", "shop/shipway.yml", "--runtime", "built-in"];
    program.run(&[&arguments, options].concat()).exits(0)
}

/// The URLs without the label of the preview, which has a hash.
fn urls(finished: &Finished) -> String {
    let label = regex::Regex::new("//[a-z0-9-]+?(-api|-web)?[.]").expect("a pattern");
    label.replace_all(&finished.stdout, "//LABEL$1.").into_owned()
}

#[test]
fn init_writes_plan_workflow_and_schema() {
    let program = folder(&[("Dockerfile", SERVED), ("www/index.html", "hello")]);
    let (plan, finished) = init(&program, &[]);

    assert_eq!(
        plan,
        "# yaml-language-server: $schema=.shipway/schema.json
name: shop

azure:
  resource-group: shop
  location: westeurope

registries:
  shopregistry.azurecr.io:
    pull: { identity: shop-pull }

environments:
  production:
    if: github.event_name == 'push' && github.ref == 'refs/heads/main'
    protected: true
    vars: { label: shop-app }
  preview:
    if: github.event_name == 'pull_request'
    vars: { label: \"${{ pr.dns-label || 'shop-dev' }}\" }
    ttl: 48h

steps:
  - build: .
  - tag:
      image: shopregistry.azurecr.io/shop
      tags: [\"${{ git.short-sha || 'dev' }}\", \"${{ pr.tag }}\"]
  - push:
  - deploy:
      aci:
        dns-label: ${{ vars.label }}
        ports: [8080]
        cpu: 1
        memory: 1.5GB
  - verify: /
"
    );
    assert_eq!(
        finished.stderr,
        "wrote shipway.yml: the plan
wrote .github/workflows/shipway.yml: runs the plan on GitHub
note: these were not asked for, and can be changed in the plan: --registry \
         shopregistry.azurecr.io --resource-group shop --location westeurope
note: `OWNER/shipway@COMMIT` in the workflow is to be replaced by the repository of Shipway's \
         action and a commit of it, or given by `--action`

next:
  shipway check shop/shipway.yml     shows mistakes in the plan
  shipway dry-run shop/shipway.yml   runs it on this machine, without Azure
  shipway doctor shop/shipway.yml    shows what is missing in Azure and at GitHub
"
    );
    let workflow = text(&program, "shop/.github/workflows/shipway.yml");
    assert!(
        workflow.contains("plan: shipway.yml\n          command: ${{ github.event_name =="),
        "{workflow}"
    );
    assert!(text(&program, "shop/.shipway/schema.json").contains("\"dns-label\""));
}

#[test]
fn options_and_settings_of_az_replace_defaults() {
    let program = folder(&[("Dockerfile", "FROM scratch\n")])
        .file("az/config", "[defaults]\ngroup = team\nlocation = northeurope\nacr = teamimages\n")
        .env("AZURE_CONFIG_DIR", "az");
    let printed = program.run(&["init", "shop", "--print", "--port", "9000"]).exits(0).stdout;
    for line in
        ["resource-group: team", "location: northeurope", "teamimages.azurecr.io:", "[9000]"]
    {
        assert!(printed.contains(line), "no `{line}` in\n{printed}");
    }
    assert!(!program.path("shop/shipway.yml").exists());

    let options = ["--name", "store", "--registry", "ghcr.io", "--action", "octo/shipway@v1"];
    let (plan, finished) = init(&program, &[&options[..], &["--resource-group", "rg"]].concat());
    assert!(plan.contains("image: ghcr.io/store\n"), "{plan}");
    assert!(!plan.contains("registries:"), "{plan}");
    assert!(!finished.stderr.contains("OWNER"), "{}", finished.stderr);
}

#[test]
fn init_overwrites_nothing() {
    let program = folder(&[("Dockerfile", "FROM scratch\n"), ("shipway.yaml", "mine")]);
    assert_eq!(
        program.run(&["init", "shop"]).exits(2).stderr,
        "error: there is a plan already: `shop/shipway.yaml`
  help: `shipway check` shows its mistakes; `shipway init --print` shows what would be written, \
         without writing it
"
    );
    let files = [
        ("package.json", r#"{"scripts": {"start": "node ."}}"#),
        (".dockerignore", "mine\n"),
        (".github/workflows/shipway.yml", "mine\n"),
    ];
    let program = folder(&files);
    let (_, finished) = init(&program, &[]);
    finished.begins_with(
        "wrote shipway.yml: the plan
wrote Dockerfile: what the image holds
kept .dockerignore, which was there before
kept .github/workflows/shipway.yml, which was there before
",
    );
    assert!(!finished.stderr.contains("OWNER/shipway"), "{}", finished.stderr);
    assert_eq!(text(&program, "shop/.dockerignore"), "mine\n");
    assert_eq!(text(&program, "shop/.github/workflows/shipway.yml"), "mine\n");
}

#[test]
fn folder_without_anything_to_deploy_is_refused() {
    assert_eq!(
        folder(&[("notes.txt", "")]).run(&["init", "shop"]).exits(2).stderr,
        "error: cannot tell what to deploy: there is no Dockerfile, no compose file, no project of \
         Go, Rust, .NET, Java, Node.js or Python, and no `index.html`
  help: write a Dockerfile, then `shipway init` again
"
    );
    let empty = folder(&[("package.json", "{}")]).run(&["init", "shop"]).exits(2).stderr;
    assert_eq!(
        empty,
        "error: cannot tell how to start the program: `package.json` has no script `start`
  help: write a Dockerfile, then `shipway init` again
"
    );
}

#[test]
fn node_project_gets_a_dockerfile_that_starts_it() {
    let program = folder(&[
        ("package.json", r#"{"scripts": {"start": "node server.js", "build": "tsc"}}"#),
        ("package-lock.json", "{}"),
        ("server.js", "app.listen(process.env.PORT || 4000)"),
    ]);
    let (plan, finished) = init(&program, &[]);
    assert_eq!(build(&plan), "  - build: .\n");
    assert!(plan.contains("ports: [4000]"), "{plan}");
    assert_eq!(
        text(&program, "shop/Dockerfile"),
        "FROM node:22-slim
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build
RUN npm prune --omit=dev
ENV NODE_ENV=production PORT=4000
EXPOSE 4000
USER node
CMD [\"npm\", \"start\"]
"
    );
    assert!(text(&program, "shop/.dockerignore").contains("node_modules\n"));
    finished.says_in_order(&[
        "wrote Dockerfile: what the image holds\n",
        "note: `Dockerfile` has `RUN` lines, which docker, podman or buildah performs where one \
         works, as docker does on GitHub's runners; without one they run in namespaces of Linux\n",
    ]);
}

#[test]
fn python_project_is_started_by_its_framework() {
    let cases = [
        ("fastapi\n", "main.py", "\"main:app\"", "8000"),
        ("Flask==3.0\n", "app.py", "\"flask\", \"--app\", \"app\"", "5000"),
        (
            "flask\ngunicorn\n",
            "app.py",
            "\"gunicorn\", \"--bind\", \"0.0.0.0:8000\", \"app:app\"",
            "8000",
        ),
        ("requests\n", "main.py", "[\"python\", \"main.py\"]", "8000"),
    ];
    for (needs, main, start, port) in cases {
        let program = folder(&[("requirements.txt", needs), (main, "")]);
        let (plan, _) = init(&program, &[]);
        let file = text(&program, "shop/Dockerfile");
        assert!(file.contains(start) && file.contains("-r requirements.txt"), "{file}");
        assert!(plan.contains(&format!("ports: [{port}]")), "{plan}");
    }
}

#[test]
fn java_and_dotnet_projects_get_dockerfiles_of_two_stages() {
    let program = folder(&[
        ("pom.xml", "<project/>"),
        ("src/main/resources/application.properties", "server.port=9090\n"),
    ]);
    let (plan, _) = init(&program, &[]);
    assert!(plan.contains("ports: [9090]"), "{plan}");
    assert!(text(&program, "shop/Dockerfile").contains("mvn -q -B -DskipTests package"));

    let project = "<Project Sdk=\"Microsoft.NET.Sdk.Web\"><PropertyGroup><TargetFramework>net9.0\
                   </TargetFramework></PropertyGroup></Project>";
    let program = folder(&[("Shop.Web/Shop.Web.csproj", project)]);
    let (plan, _) = init(&program, &[]);
    assert!(plan.contains("ports: [8080]"), "{plan}");
    let file = text(&program, "shop/Dockerfile");
    for part in ["dotnet/sdk:9.0", "publish \"Shop.Web/Shop.Web.csproj\"", "\"Shop.Web.dll\""] {
        assert!(file.contains(part), "no `{part}` in\n{file}");
    }
}

#[test]
fn go_module_is_compiled_and_packed_without_an_engine() {
    let program = folder(&[
        ("go.mod", "module shop\n"),
        ("shop.go", "package shop\n"),
        ("cmd/shop/main.go", "package main\n"),
    ]);
    let (plan, _) = init(&program, &[]);
    assert_eq!(
        build(&plan),
        "  - run: CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -o dist/app ./cmd/shop
  - build:
      base: gcr.io/distroless/static-debian12:nonroot
      layers: [{ from: dist/app, to: /app, mode: \"0755\" }]
      entrypoint: [/app]
      env: { PORT: \"8080\" }
      expose: [8080]
"
    );
}

#[test]
fn rust_crate_is_compiled_packed_and_verified() {
    let server = "use std::io::{Read, Write};
        fn main() {
            let port = std::env::var(\"PORT\").expect(\"a port\");
            let listener = std::net::TcpListener::bind(format!(\"0.0.0.0:{port}\")).expect(\"free\");
            for mut stream in listener.incoming().flatten() {
                stream.read(&mut [0; 1024]).ok();
                stream.write_all(b\"HTTP/1.0 200 OK\\r\\n\\r\\nhello\").ok();
            }
        }";
    let program = folder(&[
        (
            "Cargo.toml",
            "[package]\nname = \"shop-server\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
        ),
        ("src/main.rs", server),
    ]);
    init(&program, &[]);
    layout(&program.path("base"), &[("etc/empty", vec![])], &json!({}));
    let seed = "gcr.io/distroless/static-debian12:nonroot=oci:base";
    let finished = dry_run(program, &["--seed-image", seed]);
    assert_eq!(urls(&finished), "http://LABEL.westeurope.azurecontainer.io:8080\n");
}

#[test]
fn static_site_is_served_without_an_engine() {
    let program = folder(&[("public/index.html", "<p>hello</p>"), ("public/about.html", "")]);
    let program = program.applets();
    let (plan, _) = init(&program, &[]);
    assert_eq!(
        build(&plan),
        "  - build:
      base: docker.io/library/nginx:1-alpine
      layers: [{ from: public, to: /usr/share/nginx/html }]
"
    );
    serve_folder_as_nginx(&program.path("base"), &program.path("busybox"));
    let seed = "docker.io/library/nginx:1-alpine=oci:base";
    let finished = dry_run(program, &["--seed-image", seed]);
    assert_eq!(urls(&finished), "http://LABEL.westeurope.azurecontainer.io\n");
}

/// An image that serves the folder that nginx serves, on the port of nginx.
fn serve_folder_as_nginx(folder: &Path, busybox: &Path) {
    let busybox = fs::read(busybox).expect("a program");
    let served = ["/busybox", "httpd", "-f", "-p", "80", "-h", "/usr/share/nginx/html"];
    let config = json!({ "Cmd": served, "ExposedPorts": { "80/tcp": {} } });
    layout(folder, &[("busybox", busybox)], &config);
}

#[test]
fn dockerfile_without_run_is_verified_without_an_engine() {
    let program = folder(&[("Dockerfile", SERVED), ("www/index.html", "hello")]);
    let program = program.applets();
    fs::copy(program.path("busybox"), program.path("shop/busybox")).expect("copied");
    let (_, finished) = init(&program, &[]);
    assert!(!finished.stderr.contains("engine"), "{}", finished.stderr);
    let finished = dry_run(program, &[]);
    assert_eq!(urls(&finished), "http://LABEL.westeurope.azurecontainer.io:8080\n");
}

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
    let group = include_str!("../fixtures/import/container-group.yaml");
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
    let workflow = include_str!("../fixtures/import/curl-loop.yml");
    let program = folder(&[("Dockerfile", SERVED), (".github/workflows/cd.yml", workflow)]);
    let (_, finished) = init(&program, &[]);
    finished.says_in_order(&[
        "note: `.github/workflows/cd.yml` deploys already: `shipway import .github/workflows/cd.yml` \
         prints a plan that does the same\n",
    ]);
}

#[test]
fn dockerfile_with_run_needs_an_engine() {
    let program = folder(&[("Dockerfile", "FROM alpine\nRUN apk add curl\nEXPOSE 80\n")]);
    let (_, finished) = init(&program, &[]);
    finished
        .says_in_order(&["note: `Dockerfile` has `RUN` lines, which docker, podman or buildah"]);
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
