//! Logins that docker, podman and credential helpers keep.

use super::{RIGHT, plain, refusal, stored};
use crate::http::Retryable as _;
use crate::registry::Failure;
use crate::registry::testing::fake_registry::{Asks, FakeRegistry};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn identity_token_is_exchanged() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token("refresh_token=of-docker"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(".docker/config.json");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let auths = json!({ "auths": { registry.host(): {
        "auth": STANDARD.encode("00000000-0000-0000-0000-000000000000:"),
        "identitytoken": "of-docker" } } });
    std::fs::write(&file, auths.to_string()).expect("a file");

    let client = stored(&registry, folder.path(), &[]);
    client.check_login(&registry.host(), "web", "push").await.expect("signed in");

    assert_eq!(registry.log(), "GET /v2/ -> 401\nPOST /token -> 200\n+GET /v2/ -> 200");
}

/// Writes a credential helper and the configuration that names it.
fn helper(folder: &std::path::Path, host: &str, script: &str) -> String {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    let program = bin.join("docker-credential-fake");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a file");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let config = json!({ "credHelpers": { host: "fake" } });
    std::fs::write(folder.join("config.json"), config.to_string()).expect("a file");
    format!("{}:/usr/bin:/bin", bin.display())
}

#[tokio::test]
async fn credential_helper_is_run() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"test "$1" = get || exit 7
read -r host
test -n "$host" || exit 8
echo "{\"ServerURL\":\"$host\",\"Username\":\"ci\",\"Secret\":\"right\"}""#;
    let path = helper(folder.path(), &registry.host(), script);
    let config = folder.path().to_str().expect("text");

    let client = stored(&registry, folder.path(), &[("DOCKER_CONFIG", config), ("PATH", &path)]);

    client.check_login(&registry.host(), "web", "push").await.expect("signed in");
}

#[tokio::test]
async fn credential_helper_may_be_empty_or_broken() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().to_str().expect("text").to_owned();
    let host = registry.host();

    let path =
        helper(folder.path(), &host, "echo credentials not found in native keychain; exit 1");
    let client = stored(&registry, folder.path(), &[("DOCKER_CONFIG", &config), ("PATH", &path)]);
    let error = refusal(&client, &registry).await;
    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST`: it asks for a login, and there is none"
    );

    let path = helper(folder.path(), &host, "echo the keychain is locked >&2; exit 1");
    let client = stored(&registry, folder.path(), &[("DOCKER_CONFIG", &config), ("PATH", &path)]);
    let error = refusal(&client, &registry).await;
    assert_eq!(
        plain(&registry, &error),
        "cannot ask `docker-credential-fake` for the login to `HOST`\nthe keychain is locked"
    );

    let client =
        stored(&registry, folder.path(), &[("DOCKER_CONFIG", &config), ("PATH", "/nowhere")]);
    let Failure::Login(error) = refusal(&client, &registry).await else { panic!("a login") };
    assert_eq!(
        error.help().expect("help").replace(&config, "FOLDER").replace(&host, "HOST"),
        "`FOLDER/config.json` names the helper `docker-credential-fake`, which is not installed; \
         name a login for `HOST` under `registries`, or run `docker login HOST`"
    );
}

#[tokio::test]
async fn invalid_login_file_is_named() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("auth.json");
    let name = file.to_str().expect("text");
    for (text, reason) in [
        ("{", "it is not a login file (`config.json`), line 1".to_owned()),
        (
            &json!({ "auths": { registry.host(): { "auth": "s3cr3t!" } } }).to_string(),
            "an `auth` is not base64 of `user:password`".to_owned(),
        ),
    ] {
        std::fs::write(&file, text).expect("a file");
        let client = stored(&registry, folder.path(), &[("REGISTRY_AUTH_FILE", name)]);

        let error = refusal(&client, &registry).await;

        assert_eq!(
            plain(&registry, &error).replace(name, "FILE"),
            format!("cannot read the stored logins in `FILE`\n{reason}")
        );
    }
}

#[tokio::test]
async fn login_is_found_beside_invalid_entries() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("auth.json");
    let name = file.to_str().expect("text");
    let config = json!({
        "auths": { "other.example": "?", registry.host(): { "auth": RIGHT, "username": null } },
        "credHelpers": null,
    });
    std::fs::write(&file, config.to_string()).expect("a file");

    let client = stored(&registry, folder.path(), &[("REGISTRY_AUTH_FILE", name)]);

    client.check_login(&registry.host(), "web", "push").await.expect("signed in");
}

#[tokio::test]
async fn login_from_the_environment_comes_first() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let host = registry.host();
    let auth = |auth: &str| json!({ "auths": { (&host): { "auth": auth } } }).to_string();
    std::fs::write(folder.path().join("config.json"), auth(&STANDARD.encode("ci:old")))
        .expect("a file");
    let docker = ("DOCKER_CONFIG", folder.path().to_str().expect("text"));
    let with =
        |value: &str| stored(&registry, folder.path(), &[("DOCKER_AUTH_CONFIG", value), docker]);

    with(&auth(RIGHT)).check_login(&host, "web", "push").await.expect("signed in");

    let error = refusal(&with(&auth(&STANDARD.encode("ci:wrong"))), &registry).await;
    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST` as `ci` with the password from `env.DOCKER_AUTH_CONFIG`\n\
         GET http://HOST/v2/: 401: UNAUTHORIZED: authentication required"
    );
    // What is elsewhere alone is found there.
    let error = refusal(&with(r#"{ "auths": {} }"#), &registry).await;
    assert!(plain(&registry, &error).contains("/config.json`"), "{error}");

    let Failure::Login(error) = refusal(&with("s3cr3t"), &registry).await else {
        panic!("a login")
    };
    assert_eq!(
        plain(&registry, &error),
        "cannot read the stored logins in the variable `DOCKER_AUTH_CONFIG`\n\
         it is not a login file (`config.json`), line 1"
    );
    assert_eq!(
        error.help().as_deref(),
        Some(
            "repair or unset `DOCKER_AUTH_CONFIG`, or name a login for the host under `registries`"
        )
    );
}

#[tokio::test]
async fn fifo_in_place_of_a_login_file_does_not_block() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("auth.json");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let name = fifo.to_str().expect("text");

    let client = stored(&registry, folder.path(), &[("REGISTRY_AUTH_FILE", name)]);
    let error = refusal(&client, &registry).await;
    assert_eq!(
        plain(&registry, &error).replace(name, "FILE"),
        "cannot read the stored logins in `FILE`\nit is no regular file"
    );

    let client = stored(&registry, folder.path(), &[("REGISTRY_AUTH_FILE", "/dev/null")]);
    let error = refusal(&client, &registry).await;
    assert_eq!(
        plain(&registry, &error),
        "cannot sign in to `HOST`: it asks for a login, and there is none"
    );
}

#[tokio::test]
async fn podman_login_of_a_repository_applies_to_it_only() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let folder = tempfile::tempdir().expect("a folder");
    let podman = folder.path().join("containers/auth.json");
    std::fs::create_dir_all(podman.parent().expect("a folder")).expect("a folder");
    let auths = json!({ "auths": {
        format!("{}/team", registry.host()): { "auth": RIGHT },
        registry.host(): { "auth": STANDARD.encode("ci:wrong") },
    } });
    std::fs::write(&podman, auths.to_string()).expect("a file");
    let runtime = folder.path().to_str().expect("text");

    let client = stored(&registry, folder.path(), &[("XDG_RUNTIME_DIR", runtime)]);

    client.check_login(&registry.host(), "team/web", "push").await.expect("signed in");
    client.check_login(&registry.host(), "other", "push").await.expect_err("another login");
}

#[tokio::test]
async fn every_stored_login_format_is_read() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Basic(RIGHT));
    let host = registry.host();
    let ways = [
        json!({ "auths": { host.clone(): { "auth": RIGHT } } }),
        json!({ "auths": { format!("https://{host}/v2/"): { "auth": RIGHT } } }),
        json!({ "auths": { host.clone(): { "username": "ci", "password": "right" } } }),
        json!({ "auths": { host.clone(): {} }, "credsStore": "fake" }),
        json!({ "credHelpers": { host.clone(): "fake" }, "credsStore": "another" }),
    ];
    for config in ways {
        let folder = tempfile::tempdir().expect("a folder");
        let script = r#"read -r host; echo '{"Username":"ci","Secret":"right"}'"#;
        let path = helper(folder.path(), &host, script);
        let file = folder.path().join("config.json");
        std::fs::write(&file, config.to_string()).expect("a file");
        let text = |path: &std::path::Path| path.to_str().expect("text").to_owned();
        let (file, folder_name) = (text(&file), text(folder.path()));

        // Docker's place and podman's.
        for env in [
            [("DOCKER_CONFIG", folder_name.as_str()), ("PATH", &path)],
            [("REGISTRY_AUTH_FILE", file.as_str()), ("PATH", &path)],
        ] {
            let client = stored(&registry, std::path::Path::new("/nowhere"), &env);
            client.check_login(&host, "web", "push").await.expect("signed in");
        }
    }
}

#[tokio::test]
async fn identity_token_from_a_helper_is_exchanged() {
    let registry = FakeRegistry::start().await;
    registry.asks(Asks::Token("refresh_token=of-a-helper"));
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"read -r host; echo '{"Username":"<token>","Secret":"of-a-helper"}'"#;
    let path = helper(folder.path(), &registry.host(), script);
    let config = folder.path().to_str().expect("text");

    let client = stored(&registry, folder.path(), &[("DOCKER_CONFIG", config), ("PATH", &path)]);

    client.check_login(&registry.host(), "web", "push").await.expect("signed in");
}
