//! The local cloud with the programs that other people use.

use crate::support::cloud::{LocalCloud, state};
use serde_json::{Value, json};
use shipway::testing::local::InitialState;
use shipway::testing::oci::{Digest, media_type};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const HOST: &str = "storefront.azurecr.io";

fn world() -> Value {
    json!({
        "resource-groups": [{"name": "storefront", "location": "westeurope"}],
        "registries": [{
            "host": HOST, "name": "storefront", "resource-group": "storefront",
            "users": [{"username": "ci", "password": "correct horse"}],
        }],
        "other-registries": [
            {"host": "ghcr.io", "users": [{"username": "octo", "password": "battery"}]},
        ],
        "vaults": [{"host": "storefront.vault.azure.net", "secrets": {"key": "s3cret"}}],
        "github": {"repository": "octo/demo", "pull-request": {
            "number": 1, "head-sha": "a".repeat(40), "head-ref": "topic", "base-ref": "main",
        }},
    })
}

/// An OCI layout of one small image, and the digest of its manifest.
fn layout(folder: &Path) -> (PathBuf, Digest) {
    let layout = folder.join("layout");
    let blobs = layout.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("a folder");
    let keep = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).expect("a file");
        json!({"digest": digest, "size": bytes.len()})
    };
    let described = |kind: &str, mut descriptor: Value| {
        descriptor["mediaType"] = json!(kind);
        descriptor
    };
    // An archive of nothing: two empty blocks. Compressed, because skopeo would
    // do that itself, and then the digest would be another.
    let archive = [0_u8; 1024];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&archive).expect("compressed");
    let layer = described(media_type::LAYER_GZIP, keep(&gzip.finish().expect("compressed")));
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/server"]},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&archive)]},
    });
    let config = described(media_type::CONFIG, keep(config.to_string().as_bytes()));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST,
        "config": config, "layers": [layer],
    });
    let bytes = manifest.to_string();
    let manifest = described(media_type::MANIFEST, keep(bytes.as_bytes()));
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    std::fs::write(layout.join("index.json"), index.to_string()).expect("a file");
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a file");
    (layout, Digest::of(bytes.as_bytes()))
}

#[test]
fn skopeo_pushes_with_a_login_and_pulls_without_one() {
    let (folder, work) = (state(), state());
    let (layout, digest) = layout(work.path());
    let cloud = LocalCloud::start(folder.path(), world());
    let source = format!("oci:{}", layout.display());
    let to = format!("docker://{HOST}/team/web:v1");

    let wrong = cloud.fails("skopeo", &["copy", "--dest-creds", "ci:wrong", &source, &to]);
    assert!(wrong.contains("authentication required"), "{wrong}");
    cloud.run("skopeo", &["copy", "--dest-creds", "ci:correct horse", &source, &to]);
    let ghcr = "docker://ghcr.io/octo/web:v1";
    cloud.run("skopeo", &["copy", "--dest-creds", "octo:battery", &source, ghcr]);

    let nobody = cloud.fails("skopeo", &["inspect", &to]);
    assert!(nobody.contains("authentication required"), "{nobody}");
    let inspect = ["inspect", "--creds", "ci:correct horse", "--format", "{{.Digest}}", &to];
    assert_eq!(cloud.run("skopeo", &inspect).trim(), digest.as_str());
    // Without the proxy, from the port that is printed.
    for name in ["team/web", "storefront.azurecr.io/team/web", "ghcr.io/octo/web", "octo/web"] {
        let from = format!("docker://{}/{name}:v1", cloud.file.direct_registry);
        let inspect = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &from];
        assert_eq!(cloud.run("skopeo", &inspect).trim(), digest.as_str(), "{name}");
    }
    let down = format!("dir:{}", work.path().join("down").display());
    let from = format!("docker://{}/team/web@{digest}", cloud.file.direct_registry);
    cloud.run("skopeo", &["copy", "--src-tls-verify=false", &from, &down]);
    let pushes = cloud.requests();
    let puts = pushes.iter().filter(|one| one.method == "PUT" && one.path.contains("/manifests/"));
    assert_eq!(puts.filter(|one| one.status == 201).count(), 2);
    let log = std::fs::read_to_string(&cloud.file.request_log).expect("a log");
    assert!(!log.contains("correct") && !log.contains("eyJ"), "{log}");
}

#[test]
fn printed_port_asks_for_a_login_and_checks_the_password() {
    let (folder, work) = (state(), state());
    let (layout, digest) = layout(work.path());
    let cloud = LocalCloud::start(folder.path(), world());
    let port = cloud.file.direct_registry.clone();
    let authfile = work.path().join("auth.json").display().to_string();
    let with = |password| {
        let user = ["login", "--username", "ci", "--password", password];
        [&user[..], &["--tls-verify=false", "--authfile", &authfile, &port]].concat()
    };
    let refused = cloud.fails("skopeo", &with("wrong"));
    assert!(refused.contains("invalid username/password"), "{refused}");
    cloud.run("skopeo", &with("correct horse"));

    let source = format!("oci:{}", layout.display());
    for name in ["team/web", "storefront.azurecr.io/team/api"] {
        let to = format!("docker://{port}/{name}:v1");
        let refused = cloud.fails("skopeo", &["copy", "--dest-tls-verify=false", &source, &to]);
        assert!(refused.contains("authentication required"), "{refused}");
        let copy = ["copy", "--dest-tls-verify=false", "--authfile", &authfile, &source, &to];
        cloud.run("skopeo", &copy);
        // Pulling needs no login.
        let inspect = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &to];
        assert_eq!(cloud.run("skopeo", &inspect).trim(), digest.as_str(), "{name}");
    }
}

#[test]
fn buildah_pushes_an_image() {
    let (folder, work) = (state(), state());
    let cloud = LocalCloud::start(folder.path(), world());
    let root = work.path().join("root").display().to_string();
    let run = work.path().join("run").display().to_string();
    let storage = ["--root", &root, "--runroot", &run, "--storage-driver", "vfs"];
    let buildah = |arguments: &[&str]| {
        cloud.run("buildah", &[storage.as_slice(), arguments].concat()).trim().to_owned()
    };
    let container = buildah(&["from", "scratch"]);
    buildah(&["config", "--arch", "amd64", "--cmd", "/server", &container]);
    let image = buildah(&["commit", "-q", &container]);
    let to = format!("docker://{HOST}/made:v1");

    buildah(&["push", "-q", "--creds", "ci:correct horse", &image, &to]);

    let from = format!("docker://{}/made:v1", cloud.file.direct_registry);
    let inspected = cloud.run("skopeo", &["inspect", "--tls-verify=false", &from]);
    assert!(inspected.contains("\"Architecture\": \"amd64\""), "{inspected}");
}

#[test]
fn curl_reaches_the_cloud_by_environment_variables() {
    let folder = state();
    let cloud = LocalCloud::start(folder.path(), world());
    let status = ["-sS", "-o", "/dev/null", "-w", "%{http_code}"];
    let ask = |url: &str| cloud.run("curl", &[status.as_slice(), &[url]].concat());

    assert_eq!(ask(&format!("https://{HOST}/v2/")), "401");
    assert_eq!(ask("https://storefront.vault.azure.net/secrets/key?api-version=7.4"), "401");
    assert_eq!(ask("https://api.github.com/repos/octo/demo/pulls/1"), "401");
    assert_eq!(ask("http://example.com/"), "403");
    let refused = cloud.fails("curl", &["-sSv", "https://example.com/"]);
    assert!(
        refused.contains("403 shipway local: `example.com` is not part of the local cloud"),
        "{refused}"
    );
    let elsewhere = cloud.fails("curl", &["-sSv", "https://other.azurecr.io/v2/"]);
    assert!(
        elsewhere.contains("502 shipway local: there is no registry `other.azurecr.io`"),
        "{elsewhere}"
    );
}

/// Signs in as the local application and gets a token for a service.
async fn token(cloud: &LocalCloud, scope: &str) -> String {
    let file = &cloud.file;
    let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", file.tenant_id);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &file.client_id),
        ("client_secret", file.client_secret.expose()),
        ("scope", scope),
    ];
    let answer = cloud.client().post(url).form(&form).send().await.expect("sent");
    let body: Value = answer.json().await.expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn entra_token_is_exchanged_for_a_registry_token() {
    let folder = state();
    let cloud = LocalCloud::start(folder.path(), world());
    let access = token(&cloud, "https://containerregistry.azure.net/.default").await;
    let client = cloud.client();
    let post = async |path: &str, form: &[(&str, &str)]| -> (u16, Value) {
        let url = format!("https://{HOST}/oauth2/{path}");
        let answer = client.post(url).form(form).send().await.expect("sent");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    };

    let exchange =
        [("grant_type", "access_token"), ("service", HOST), ("access_token", access.as_str())];
    let (status, refresh) = post("exchange", &exchange).await;
    assert_eq!(status, 200, "{refresh}");
    let refresh = refresh["refresh_token"].as_str().expect("a token").to_owned();
    let scope = "registry:catalog:*";
    let form = |token: &'static str| {
        [
            ("grant_type", "refresh_token"),
            ("service", HOST),
            ("scope", scope),
            ("refresh_token", token),
        ]
    };
    let good = [
        ("grant_type", "refresh_token"),
        ("service", HOST),
        ("scope", scope),
        ("refresh_token", refresh.as_str()),
    ];
    let (status, granted) = post("token", &good).await;
    assert_eq!(status, 200, "{granted}");
    let granted = granted["access_token"].as_str().expect("a token");
    let catalog = client.get(format!("https://{HOST}/acr/v1/_catalog")).bearer_auth(granted);
    let catalog: Value = catalog.send().await.expect("sent").json().await.expect("JSON");
    assert_eq!(catalog, json!({"repositories": []}));
    // A token for one thing opens no other.
    let tags = client.get(format!("https://{HOST}/v2/web/tags/list")).bearer_auth(granted);
    assert_eq!(tags.send().await.expect("sent").status(), 401);
    let (status, error) = post("token", &form("forged")).await;
    assert_eq!((status, &error["errors"][0]["code"]), (401, &json!("UNAUTHORIZED")));
    let vault = token(&cloud, "https://vault.azure.net/.default").await;
    let foreign = [("grant_type", "access_token"), ("access_token", vault.as_str())];
    assert_eq!(post("exchange", &foreign).await.0, 401);
    // docker's way with the same token.
    let nobody = "00000000-0000-0000-0000-000000000000";
    let docker = client.get(format!("https://{HOST}/v2/")).basic_auth(nobody, Some(&refresh));
    assert_eq!(docker.send().await.expect("sent").status(), 200);
}

#[tokio::test]
async fn restart_keeps_images_secrets_logins_and_uploads() {
    let (folder, work) = (state(), state());
    let (layout, digest) = layout(work.path());
    let cloud = LocalCloud::start(folder.path(), world());
    let source = format!("oci:{}", layout.display());
    let to = format!("docker://{HOST}/web:v1");
    cloud.run("skopeo", &["copy", "--dest-creds", "ci:correct horse", &source, &to]);
    let base = format!("https://{HOST}");
    let as_ci = |client: &reqwest::Client, method: &str, url: String| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        client.request(method, url).basic_auth("ci", Some("correct horse"))
    };
    let opened = as_ci(&cloud.client(), "POST", format!("{base}/v2/web/blobs/uploads/"));
    let opened = opened.send().await.expect("sent");
    let session = opened.headers()["location"].to_str().expect("text").to_owned();
    let sent = as_ci(&cloud.client(), "PATCH", format!("{base}{session}")).body("half and ");
    assert_eq!(sent.send().await.expect("sent").status(), 202);
    let vault = token(&cloud, "https://vault.azure.net/.default").await;
    let before = cloud.file.clone();
    let path = cloud.path.clone();
    drop(cloud);
    assert!(!path.exists(), "the cloud file goes with the cloud");

    let cloud = LocalCloud::start(
        folder.path(),
        serde_json::to_value(InitialState::default()).expect("JSON"),
    );

    assert_eq!(cloud.file.client_secret, before.client_secret);
    assert_eq!(cloud.file.tenant_id, before.tenant_id);
    assert_ne!(cloud.file.ca, before.ca);
    let inspect = ["inspect", "--creds", "ci:correct horse", "--format", "{{.Digest}}", &to];
    assert_eq!(cloud.run("skopeo", &inspect).trim(), digest.as_str());
    let url = "https://storefront.vault.azure.net/secrets/key?api-version=7.4";
    let secret = cloud.client().get(url).bearer_auth(vault).send().await.expect("sent");
    assert_eq!(secret.json::<Value>().await.expect("JSON")["value"], "s3cret");
    let whole = Digest::of(b"half and half");
    let close = as_ci(&cloud.client(), "PUT", format!("{base}{session}?digest={whole}"));
    assert_eq!(close.body("half").send().await.expect("sent").status(), 201);
}

#[test]
fn preloaded_image_is_there_from_the_start() {
    let (folder, work) = (state(), state());
    let (layout, digest) = layout(work.path());
    let mut world = world();
    world["seed-images"] =
        json!([{"reference": "ghcr.io/octo/base:3", "layout": layout.display().to_string()}]);

    let cloud = LocalCloud::start(folder.path(), world);

    let from = format!("docker://{}/ghcr.io/octo/base:3", cloud.file.direct_registry);
    let inspect = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &from];
    assert_eq!(cloud.run("skopeo", &inspect).trim(), digest.as_str());
}
