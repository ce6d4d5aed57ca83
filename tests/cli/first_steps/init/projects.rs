//! What `init` makes of a project in each language.

use super::{SERVED, build, dry_run, folder, init, text, urls};
use crate::support::layout::layout;
use serde_json::json;
use std::fs;
use std::path::Path;

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
fn dockerfile_with_run_needs_an_engine() {
    let program = folder(&[("Dockerfile", "FROM alpine\nRUN apk add curl\nEXPOSE 80\n")]);
    let (_, finished) = init(&program, &[]);
    finished
        .says_in_order(&["note: `Dockerfile` has `RUN` lines, which docker, podman or buildah"]);
}
