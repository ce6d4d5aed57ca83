//! Shipway's registry client against Debian's docker-registry, with skopeo as
//! the witness.

use crate::peer::registry::PeerRegistry;
use crate::support::images::{client, client_with, image, noise, reference, silent};
use shipway::testing::http::{Retry, Retryable as _};
use shipway::testing::oci::{Digest, Platform};
use shipway::testing::registry::{Login, StoredLogins};
use shipway::testing::secret::Redactor;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;

fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo").args(arguments).output().expect("skopeo is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn push_writes_every_tag_and_repeats_no_upload() {
    let (registry, folder) = (PeerRegistry::open(), tempfile::tempdir().expect("a folder"));
    let host = registry.host();
    let targets = ["web:one", "web:two", "team/other:one"].map(|name| format!("{host}/{name}"));
    let push = image(&[noise(20 << 20, 1), noise(70_000, 2), Vec::new()], folder.path(), &targets);
    let each: u64 = push.blobs.iter().map(|blob| blob.descriptor.size).sum();
    let seen = Mutex::new(Vec::new());

    let pushed = client(&host, Login::Anonymous)
        .push(push.clone(), &|progress| seen.lock().expect("no panic").push(progress))
        .await
        .expect("a push");

    assert_eq!(pushed.digest, push.manifest.digest);
    // The second repository takes over from the first what is not tiny.
    let tiny = push.blobs.last().expect("a configuration").descriptor.size;
    assert_eq!((pushed.bytes_sent, pushed.bytes_reused), (each + tiny, each - tiny));
    let seen = seen.into_inner().expect("no panic");
    let last = seen.last().expect("told");
    assert_eq!((last.done, last.total, last.parts.len()), (2 * each, 2 * each, 4));
    assert!(last.parts.iter().all(|part| part.done == part.total), "{last:?}");
    for target in &targets {
        let image = format!("docker://{target}");
        let digest = skopeo(&["inspect", "--tls-verify=false", "--format={{.Digest}}", &image]);
        assert_eq!(digest, pushed.digest.as_str());
    }

    let again = client(&host, Login::Anonymous).push(push, &silent).await.expect("a push");
    assert_eq!((again.bytes_sent, again.bytes_reused), (0, 2 * each));
}

#[tokio::test]
async fn pull_returns_what_was_pushed() {
    let (registry, folder) = (PeerRegistry::open(), tempfile::tempdir().expect("a folder"));
    let host = registry.host();
    let push =
        image(&[noise(3 << 20, 3), noise(10, 4)], folder.path(), &[format!("{host}/web:one")]);
    let client = client(&host, Login::Anonymous);
    client.push(push.clone(), &silent).await.expect("a push");
    let wanted = reference(&format!("{host}/web:one"));
    let store = tempfile::tempdir().expect("a folder");

    let pulled =
        client.pull(&wanted, &Platform::default(), store.path(), &silent).await.expect("a pull");
    let again =
        client.pull(&wanted, &Platform::default(), store.path(), &silent).await.expect("a pull");

    let size: u64 = push.blobs.iter().map(|blob| blob.descriptor.size).sum();
    assert_eq!(pulled.manifest.digest, push.manifest.digest);
    assert_eq!((pulled.bytes_received, pulled.bytes_reused), (size, 0));
    assert_eq!((again.bytes_received, again.bytes_reused), (0, size));
    for blob in &push.blobs {
        let file = store.path().join("blobs/sha256").join(blob.descriptor.digest.hex());
        let bytes = std::fs::read(file).expect("a blob");
        assert_eq!(Digest::of(&bytes), blob.descriptor.digest);
    }
    assert_eq!(client.tags(&host, "web").await.expect("tags"), ["one"]);
    assert_eq!(client.catalog(&host).await.expect("names"), ["web"]);
    let head = client.head_manifest(&wanted).await.expect("an answer").expect("a manifest");
    assert_eq!(head.digest, push.manifest.digest);
    client.delete_manifest(&wanted.with_digest(head.digest)).await.expect("deleted");
    assert_eq!(client.head_manifest(&wanted).await.expect("an answer"), None);
}

#[tokio::test]
async fn password_login_succeeds_or_is_refused() {
    let (registry, folder) =
        (PeerRegistry::with_login("ci", "correct horse"), tempfile::tempdir().expect("a folder"));
    let host = registry.host();
    let push = image(&[noise(100, 5)], folder.path(), &[format!("{host}/web:one")]);
    let redactor = Redactor::default();
    let login = |password: &str| Login::Basic {
        username: "ci".into(),
        password: redactor.adopt("secrets.acr-password", password.into()),
    };

    let right = client_with(&host, login("correct horse"), &redactor);
    right.check_login(&host, "web", "push").await.expect("signed in");
    right.push(push.clone(), &silent).await.expect("a push");
    let credentials = "--creds=ci:correct horse";
    let image = format!("docker://{host}/web:one");
    let digest =
        skopeo(&["inspect", "--tls-verify=false", credentials, "--format={{.Digest}}", &image]);
    assert_eq!(digest, push.manifest.digest.as_str());

    let wrong = client_with(&host, login("wrong horse"), &redactor);
    let error = wrong.check_login(&host, "web", "push").await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        format!("cannot sign in to `{host}` as `ci` with the password from `secrets.acr-password`")
    );
    assert_eq!(error.retry(), Retry::Never);

    let nobody = client(&host, Login::Anonymous);
    let error = nobody.check_login(&host, "web", "push").await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        format!("cannot sign in to `{host}`: it asks for a login, and there is none")
    );
}

#[tokio::test]
async fn login_stored_by_skopeo_is_found() {
    let registry = PeerRegistry::with_login("ci", "correct horse");
    let (host, folder) = (registry.host(), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("auth.json");
    let file = file.to_str().expect("text");
    skopeo(&[
        "login",
        "--tls-verify=false",
        "--authfile",
        file,
        "-u=ci",
        "-p=correct horse",
        &host,
    ]);
    let env = BTreeMap::from([("REGISTRY_AUTH_FILE".to_owned(), file.to_owned())]);

    let client = client(&host, Login::Stored(StoredLogins { home: None, env, user: None }));

    client.check_login(&host, "web", "push").await.expect("signed in");
}
