//! Row 22: lists of tags, whole and by pages. And the catalog.

use super::registry::{Deviation, Registry, check, header};
use serde_json::{Value, json};

check!(tags);
async fn tags(registry: &Registry) {
    for tag in ["b", "A", "c", "a", "_1", "1.10", "1.9"] {
        registry.image("tags", tag, json!({"annotations": {"tag": tag}})).await;
    }
    let sorted = ["1.10", "1.9", "A", "_1", "a", "b", "c"];
    assert_eq!(registry.tags("tags").await, sorted);
    let listed = registry.json("/v2/tags/tags/list").await;
    assert_eq!(listed["name"], "tags");
    if registry.deviates(Deviation::NoPages) {
        let page = registry.send("GET", "/v2/tags/tags/list?n=2", b"").await;
        assert_eq!(header(&page, "link"), "");
        let page: Value = page.json().await.expect("JSON");
        assert_eq!(page["tags"].as_array().map(Vec::len), Some(7));
        return;
    }
    assert_eq!(listed["tags"], json!(sorted));
    // From page to page by the links alone.
    let (mut all, mut next) = (Vec::new(), "/v2/tags/tags/list?n=3".to_owned());
    let mut pages = 0;
    while !next.is_empty() {
        let page = registry.send("GET", &next, b"").await;
        let link = header(&page, "link");
        let target = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
        next = target.unwrap_or_default().to_owned();
        let page: Value = page.json().await.expect("JSON");
        all.extend(page["tags"].as_array().expect("a list").clone());
        pages += 1;
    }
    assert_eq!((json!(all), pages), (json!(sorted), 3));
    let page = |query: &str| format!("/v2/tags/tags/list?{query}");
    for (query, expected) in [
        ("n=0", json!([])),
        ("last=A", json!(["_1", "a", "b", "c"])),
        ("n=1&last=a", json!(["b"])),
        ("last=zz", json!([])),
        // One that is not there stands where it would stand.
        ("n=1&last=1.95", json!(["A"])),
        ("n=100", json!(sorted)),
    ] {
        let page = registry.send("GET", &page(query), b"").await;
        assert_eq!(page.status(), 200, "{query}");
        assert_eq!(page.json::<Value>().await.expect("JSON")["tags"], expected, "{query}");
    }
    for query in ["n=-1", "n=many"] {
        assert_eq!(registry.status("GET", &page(query)).await, 400, "{query}");
    }
}

check!(catalog);
async fn catalog(registry: &Registry) {
    for repository in ["b/c", "a", "b"] {
        registry.image(repository, "v1", json!({})).await;
    }
    assert_eq!(registry.json("/v2/_catalog").await["repositories"], json!(["a", "b", "b/c"]));
    let page = registry.send("GET", "/v2/_catalog?n=2", b"").await;
    let link = header(&page, "link");
    assert!(
        link.starts_with("</v2/_catalog?last=b") && link.ends_with(">; rel=\"next\""),
        "{link}"
    );
    assert_eq!(page.json::<Value>().await.expect("JSON")["repositories"], json!(["a", "b"]));
    let rest = registry.json("/v2/_catalog?n=2&last=b").await;
    assert_eq!(rest["repositories"], json!(["b/c"]));
}
