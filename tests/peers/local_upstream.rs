//! What the local registry fetches from docker-registry, and skopeo reads.

use crate::peer::registry::PeerRegistry;
use crate::peer::{busybox, programs};
use crate::support::cloud::state;
use crate::support::fetching_cloud::FetchingCloud;
use serde_json::json;

#[test]
fn fetched_image_stays_without_its_registry() {
    let outside = PeerRegistry::open();
    let work = state();
    let digest = busybox::layout(&work.path().join("layout"), &json!({}));
    let layout = format!("oci:{}", work.path().join("layout").display());
    let base = format!("docker://{}/library/base:1", outside.host());
    programs::run("skopeo", &["copy", "--dest-tls-verify=false", &layout, &base]);
    let fetching = FetchingCloud::new(&outside.host());
    let down = |name: &str| format!("oci:{}", work.path().join(name).display());
    // Go's programs go to loopback without the proxy, so they ask the port that
    // is printed.
    let near = fetching.cloud.file.direct_registry.clone();
    let from = format!("docker://{near}/library/base:1");
    let copy = |name: &str| {
        fetching.cloud.run("skopeo", &["copy", "--src-tls-verify=false", &from, &down(name)]);
    };

    copy("first");
    drop(outside);
    copy("second");

    for name in ["first", "second"] {
        let inspect = ["inspect", "--format", "{{.Digest}}", &down(name)];
        assert_eq!(programs::run("skopeo", &inspect).trim(), digest.as_str());
    }
    let listed = fetching.listed();
    assert_eq!(listed.len(), 3, "{listed:#?}");
    let manifest = format!("HOST/library/base 1 {}", digest.short().get(..8).expect("text"));
    assert!(listed[0].starts_with(&manifest), "{listed:#?}");
}
