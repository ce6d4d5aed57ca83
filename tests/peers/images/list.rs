//! The listing of `shipway images`.

use super::{AZURE, Cloud, column, pages, push, rows};
use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use serde_json::{Value, json};
use shipway::testing::oci::Digest;

#[test]
fn listing_works_without_azure() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let program = pages(&host, "").env("SOURCE_DATE_EPOCH", "1700000000");
    push(&program, "v1", "one");
    push(&program, "v2", "two");
    push(&program, "stable", "two");

    let listed = rows(&program.run(&["images", "--output", "json"]).exits(0));

    assert_eq!(
        column(&listed, "reference"),
        ["stable", "v1", "v2"].map(|tag| format!("{host}/web:{tag}"))
    );
    for field in ["created", "kind", "deployed", "updated", "artifact-type"] {
        let expected = match field {
            "created" => "2023-11-14T22:13:20Z",
            "kind" => "image",
            _ => "null",
        };
        assert_eq!(column(&listed, field), [expected; 3], "{field}");
    }
    assert_eq!(listed[0]["digest"], listed[2]["digest"]);
    assert_eq!(listed[0]["platforms"][0]["platform"], "linux/amd64");
    let inspect = ["inspect", "--raw", "--tls-verify=false", &format!("docker://{host}/web:v1")];
    let manifest: Value = serde_json::from_str(&programs::run("skopeo", &inspect)).expect("JSON");
    let size = |part: &Value| part["size"].as_u64().expect("a size");
    assert_eq!(size(&listed[1]), size(&manifest["config"]) + size(&manifest["layers"][0]));

    let shown = program.run(&["images", &format!("{host}/web")]).exits(0);
    let said = shown.stdout.replace(&host, "HOST");
    let headings: Vec<&str> = said.lines().next().expect("a line").split_whitespace().collect();
    assert_eq!(headings, ["IMAGE", "DIGEST", "SIZE", "PLATFORMS", "AGE", "DEPLOYED"]);
    assert!(said.lines().nth(1).is_some_and(|line| line.starts_with("HOST/web:stable")), "{said}");
    assert_eq!(
        shown.stderr,
        "note: what is deployed is not known: the plan has no `azure`, and `AZURE_SUBSCRIPTION_ID` is not set\n"
    );
}

#[test]
fn environment_and_variables_choose_the_registry() {
    let (staging, live) = (PeerRegistry::open(), PeerRegistry::open());
    let plan = format!(
        "name: pages
vars: {{ host: '{}' }}
registries: {{ '${{{{ vars.host }}}}': {{ login: anonymous }} }}
environments: {{ staging: {{}}, live: {{ vars: {{ host: '{}' }} }} }}
steps:
  - build:
      layers: [{{ from: page.html, to: /www/index.html }}]
  - tag: '${{{{ vars.host }}}}/web:${{{{ environment.name }}}}'
  - push:
",
        staging.host(),
        live.host()
    );
    let program = Program::with_plan(&plan).file("page.html", "<h1>hello</h1>\n");
    let listed = |arguments: &[&str]| {
        let arguments = [&["images", "--output", "json"], arguments].concat();
        column(&rows(&program.run(&arguments).exits(0)), "reference")
    };
    for name in ["staging", "live"] {
        program.run(&["run", "--env", name]).exits(0);
    }

    let (staging, live) = (staging.host(), live.host());
    assert_eq!(listed(&[]), [format!("{staging}/web:staging")]);
    assert_eq!(listed(&["--env", "live"]), [format!("{live}/web:live")]);
    assert_eq!(listed(&["--set", &format!("host={live}")]), [format!("{live}/web:live")]);
    let unknown = program.run(&["images", "--env", "lve"]).exits(2);
    assert!(unknown.stderr.contains("did you mean `live`?"), "{}", unknown.stderr);
}

#[test]
fn named_registry_needs_no_plan() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    push(&pages(&host, ""), "v1", "one");
    let elsewhere = Program::new();

    for name in [host.clone(), format!("{host}/web")] {
        let finished = elsewhere.run(&["images", &name, "--output", "json"]).exits(0);
        let listed = rows(&finished);
        assert_eq!(column(&listed, "reference"), [format!("{host}/web:v1")]);
        assert_eq!(column(&listed, "deployed"), ["null"]);
        assert_eq!(
            finished.stderr,
            "note: what is deployed is not known: there is no plan, and `AZURE_SUBSCRIPTION_ID` is not set\n"
        );
    }
    let image = format!("{host}/web:v1");
    let attached = elsewhere.run(&["images", &image, "--referrers"]).exits(0);
    assert_eq!(attached.stdout, "nothing is attached\n");
    let left = std::fs::read_dir(elsewhere.folder()).expect("a folder").count();
    assert_eq!(left, 0, "no state is kept");

    let named = elsewhere.run(&["images", &host, "--plan", "other.yml"]).exits(2);
    let none = elsewhere.run(&["images"]).exits(2);
    let said = |plan: &str| {
        format!(
            "error: cannot read the plan `{plan}`
  because: No such file or directory (os error 2)
  help: name the plan's file with `--plan PLAN`, or a registry, as in `shipway images REGISTRY`
"
        )
    };
    assert_eq!((named.stderr, none.stderr), (said("other.yml"), said("shipway.yml")));
}

#[test]
fn invalid_registry_argument_is_explained() {
    let program = Program::new();
    let digest = Digest::of(b"");
    let told = |arguments: &[&str], message: &str, help: &str| {
        let finished = program.run(&[&["images"], arguments].concat()).exits(2);
        assert_eq!(finished.stderr, format!("error: {message}\n  help: {help}\n"));
        assert_eq!(finished.stdout, "");
    };
    for image in ["ghcr.io/org/app:v1".to_owned(), format!("ghcr.io/org/app@{digest}")] {
        told(
            &[&image],
            &format!("`{image}` is an image, and a registry or a repository is asked for"),
            &format!(
                "`shipway images ghcr.io/org/app` lists its tags, \
                 `shipway images {image} --referrers` what is attached to it"
            ),
        );
    }
    for scheme in ["http", "https"] {
        told(
            &[&format!("{scheme}://ghcr.io/"), "--prune", "--keep", "1"],
            &format!("`{scheme}://ghcr.io` is a URL, and registries are named without one"),
            &format!("leave out `{scheme}://`, as in `shipway images ghcr.io`"),
        );
    }
    told(
        &["demo.azurecr.io", "--referrers"],
        "`demo.azurecr.io` is a registry, and `--referrers` asks for an image",
        "name one, as in `shipway images demo.azurecr.io/REPOSITORY:TAG --referrers`",
    );
}

#[test]
fn stored_docker_login_is_used_without_a_plan() {
    let registry = PeerRegistry::with_login("ci", "hunter2-and-more");
    let host = registry.host();
    let auth = "Y2k6aHVudGVyMi1hbmQtbW9yZQ==";
    let config = json!({ "auths": { (&host): { "auth": auth } } }).to_string();
    let program = Program::new().file("docker/config.json", &config);
    let folder = program.path("docker").display().to_string();

    let without = program.run(&["images", &host]).exits(3);
    let finished = program.env("DOCKER_CONFIG", &folder).run(&["images", &host]).exits(0);

    assert!(without.stderr.starts_with("error: "), "{}", without.stderr);
    assert_eq!(finished.stdout, "no images\n");
}

#[test]
fn listing_names_the_groups_that_run_an_image() {
    let cloud = Cloud::start("");
    cloud.push("v2", "two");

    let finished = cloud.images(&["--output", "json"]).exits(0);
    let listed = rows(&finished);

    assert_eq!(finished.stderr, "");
    assert_eq!(column(&listed, "tag"), ["v1", "v2"]);
    assert_eq!(listed[0]["deployed"], json!(["live"]));
    assert_eq!(listed[1]["deployed"], json!([]));
    assert_eq!(listed[0]["registry"], AZURE);

    // The tag goes on to another image, and what runs is seen all the same.
    cloud.push("v1", "three");
    let listed = cloud.listed();
    assert_eq!(column(&listed, "tag"), ["v1", "v2", "null"]);
    assert_eq!(listed[0]["deployed"], json!([]));
    assert_eq!(listed[2]["deployed"], json!(["live"]));
    let shown = cloud.images(&[]).exits(0).stdout;
    assert!(shown.contains("demo.azurecr.io/web (no tag)"), "{shown}");
}
