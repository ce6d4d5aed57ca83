//! Rows 4 to 15: pushing blobs in every way there is.

use super::registry::{Deviation, EMPTY, Registry, and, check, header, sha512};
use crate::support::images::noise;
use shipway::testing::oci::Digest;

const OCTETS: [(&str, &str); 1] = [("content-type", "application/octet-stream")];

/// A chunk, with the status and the next location that are answered.
async fn patch(
    registry: &Registry,
    session: &str,
    (bytes, range): (&[u8], &str),
) -> (u16, String, String) {
    let answer = registry.with("PATCH", session, bytes, &[("content-range", range)]).await;
    (answer.status().as_u16(), header(&answer, "location"), header(&answer, "range"))
}

check!(in_one_request);
async fn in_one_request(registry: &Registry) {
    let bytes = noise(1_000, 3);
    let digest = Digest::of(&bytes);
    let path = format!("/v2/single/blobs/uploads/?digest={digest}");
    let posted = registry.with("POST", &path, &bytes, &OCTETS).await;
    let location = header(&posted, "location");
    if registry.deviates(Deviation::NoSinglePost) {
        assert_eq!(posted.status(), 202);
        assert_eq!(registry.close(&location, digest.as_str(), &bytes).await.status(), 201);
    } else {
        assert_eq!(posted.status(), 201);
        let got = registry.send("GET", &location, b"").await;
        assert_eq!(got.bytes().await.expect("bytes"), bytes);
    }
    assert_eq!(registry.read("single", digest.as_str()).await, bytes);
}

check!(in_two_requests);
async fn in_two_requests(registry: &Registry) {
    let bytes = noise(5_000, 1);
    let digest = Digest::of(&bytes);
    let session = registry.session("two").await;
    let put = registry.close(&session, digest.as_str(), &bytes).await;
    assert_eq!(put.status(), 201);
    assert_eq!(header(&put, "docker-content-digest"), digest.as_str());
    let got = registry.send("GET", &header(&put, "location"), b"").await;
    assert_eq!(got.bytes().await.expect("bytes"), bytes);
    // The session is over.
    assert_eq!(registry.status("GET", &session).await, 404);
    // Once more, under its name and the same way.
    assert_eq!(registry.push("two", &bytes).await, digest);
}

check!(in_chunks);
async fn in_chunks(registry: &Registry) {
    let (first, second) = (noise(3_000, 1), noise(2_000, 2));
    let whole = [first.clone(), second.clone()].concat();
    let digest = Digest::of(&whole);
    // One chunk, then several, the last one by itself or in the closing request.
    let session = registry.session("chunks").await;
    let (status, session, range) = patch(registry, &session, (&whole, "0-4999")).await;
    assert_eq!((status, range.as_str()), (202, "0-4999"));
    assert_eq!(registry.close(&session, digest.as_str(), b"").await.status(), 201);
    for (repository, in_closing) in [("apart", false), ("closing", true)] {
        let session = registry.session(repository).await;
        let (status, session, range) = patch(registry, &session, (&first, "0-2999")).await;
        assert_eq!((status, range.as_str()), (202, "0-2999"));
        let asked = registry.send("GET", &session, b"").await;
        assert_eq!((asked.status().as_u16(), header(&asked, "range")), (204, "0-2999".into()));
        let session = header(&asked, "location");
        let put = if in_closing {
            let close = and(&session, &format!("digest={digest}"));
            registry.with("PUT", &close, &second, &[("content-range", "3000-4999")]).await
        } else {
            let (status, session, range) = patch(registry, &session, (&second, "3000-4999")).await;
            assert_eq!((status, range.as_str()), (202, "0-4999"));
            registry.close(&session, digest.as_str(), b"").await
        };
        assert_eq!(put.status(), 201);
        assert_eq!(registry.read(repository, digest.as_str()).await, whole);
    }
}

check!(out_of_order);
async fn out_of_order(registry: &Registry) {
    let (first, second) = (noise(3_000, 5), noise(2_000, 6));
    let whole = [first.clone(), second.clone()].concat();
    let session = registry.session("order").await;
    if registry.deviates(Deviation::AnyOrder) {
        // Appended as it comes, whatever it says of itself.
        let (status, session, range) = patch(registry, &session, (&first, "7000-9999")).await;
        assert_eq!((status, range.as_str()), (202, "0-2999"));
        let (status, session, range) = patch(registry, &session, (&second, "0-1999")).await;
        assert_eq!((status, range.as_str()), (202, "0-4999"));
        let put = registry.close(&session, Digest::of(&whole).as_str(), b"").await;
        assert_eq!(put.status(), 201);
        return;
    }
    let (status, again, range) = patch(registry, &session, (&second, "3000-4999")).await;
    assert_eq!((status, range.as_str()), (416, "0-0"));
    assert_eq!(again, session);
    let (status, session, _) = patch(registry, &session, (&first, "0-2999")).await;
    assert_eq!(status, 202);
    let (status, again, range) = patch(registry, &session, (&first, "0-2999")).await;
    assert_eq!((status, range.as_str()), (416, "0-2999"));
    assert_eq!(again, session);
    assert_eq!(patch(registry, &session, (&second, "3001-5000")).await.0, 416);
    // As long as it says, and with a range that is one.
    assert_eq!(patch(registry, &session, (&second, "3000-4998")).await.0, 416);
    assert_eq!(patch(registry, &session, (&second, "4999-3000")).await.0, 416);
    assert_eq!(patch(registry, &session, (&second, "nonsense")).await.0, 400);
    let close = and(&session, &format!("digest={}", Digest::of(&whole)));
    let put = registry.with("PUT", &close, &first, &[("content-range", "0-2999")]).await;
    assert_eq!(put.status(), 416);
    // After all of that the session goes on.
    let put = registry.with("PUT", &close, &second, &[("content-range", "3000-4999")]).await;
    assert_eq!(put.status(), 201);
    assert_eq!(registry.read("order", Digest::of(&whole).as_str()).await, whole);
}

check!(as_a_stream);
async fn as_a_stream(registry: &Registry) {
    let whole = noise(2_500_000, 7);
    let digest = Digest::of(&whole);
    let session = registry.session("stream").await;
    let sent = registry.with("PATCH", &session, &whole, &OCTETS).await;
    assert_eq!((sent.status().as_u16(), header(&sent, "range")), (202, "0-2499999".into()));
    let put = registry.close(&header(&sent, "location"), digest.as_str(), b"").await;
    assert_eq!(put.status(), 201);
    assert_eq!(registry.read("stream", digest.as_str()).await, whole);
}

check!(given_up);
async fn given_up(registry: &Registry) {
    let session = registry.session("given-up").await;
    let (_, session, _) = patch(registry, &session, (b"abc", "0-2")).await;
    assert_eq!(registry.status("DELETE", &session).await, 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(registry.status(method, &session).await, 404);
    }
    assert_eq!(registry.close(&session, EMPTY, b"").await.status(), 404);
    assert!(!registry.has_blob("given-up", Digest::of(b"abc").as_str()).await);
}

check!(mounts);
async fn mounts(registry: &Registry) {
    let bytes = noise(1_000, 8);
    let digest = registry.push("from", &bytes).await;
    let mount = |to: &str, from: &str| format!("/v2/{to}/blobs/uploads/?mount={digest}{from}");
    let mounted = registry.send("POST", &mount("mounted", "&from=from"), b"").await;
    assert_eq!(mounted.status(), 201);
    let got = registry.send("GET", &header(&mounted, "location"), b"").await;
    assert_eq!(got.bytes().await.expect("bytes"), bytes);
    // What is not there is uploaded instead.
    for (to, from) in [("absent", "&from=nobody"), ("wrong", "&from=mounted-not")] {
        let absent = registry.send("POST", &mount(to, from), b"").await;
        assert_eq!(absent.status(), 202);
        let put = registry.close(&header(&absent, "location"), digest.as_str(), &bytes).await;
        assert_eq!(put.status(), 201);
    }
    // From wherever it is: 2.8 opens a session.
    let anonymous = registry.send("POST", &mount("anonymous", ""), b"").await;
    let expected = if registry.deviates(Deviation::NoSinglePost) { 202 } else { 201 };
    assert_eq!(anonymous.status(), expected);
    assert_eq!(registry.has_blob("anonymous", digest.as_str()).await, expected == 201);
}

check!(wrong_digests);
async fn wrong_digests(registry: &Registry) {
    let bytes = noise(3_000, 9);
    let own = Digest::of(&bytes);
    // Each way of pushing, under the name of something else.
    if !registry.deviates(Deviation::NoSinglePost) {
        let path = format!("/v2/wrong/blobs/uploads/?digest={EMPTY}");
        assert_eq!(registry.with("POST", &path, &bytes, &OCTETS).await.status(), 400);
    }
    let session = registry.session("wrong").await;
    assert_eq!(registry.close(&session, EMPTY, &bytes).await.status(), 400);
    let session = registry.session("wrong").await;
    let (_, session, _) = patch(registry, &session, (&bytes, "0-2999")).await;
    assert_eq!(registry.close(&session, EMPTY, b"").await.status(), 400);
    let session = registry.session("wrong").await;
    let (_, session, _) = patch(registry, &session, (&bytes, "0-2999")).await;
    let close = and(&session, &format!("digest={EMPTY}"));
    let last = registry.with("PUT", &close, &bytes, &[("content-range", "3000-5999")]).await;
    assert_eq!(last.status(), 400);
    let session = registry.session("wrong").await;
    let sent = registry.with("PATCH", &session, &bytes, &OCTETS).await;
    assert_eq!(registry.close(&header(&sent, "location"), EMPTY, b"").await.status(), 400);
    assert!(!registry.has_blob("wrong", EMPTY).await);
    assert!(!registry.has_blob("wrong", own.as_str()).await);
    // And what is no digest at all.
    for nonsense in ["", "sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e", "nonsense"] {
        let session = registry.session("wrong").await;
        assert_eq!(registry.close(&session, nonsense, &bytes).await.status(), 400, "{nonsense}");
    }
}

check!(nothing_at_all);
async fn nothing_at_all(registry: &Registry) {
    assert_eq!(registry.push("nothing", b"").await.as_str(), EMPTY);
    let session = registry.session("nothing-streamed").await;
    let sent = registry.with("PATCH", &session, b"", &OCTETS).await;
    assert_eq!(sent.status(), 202);
    let put = registry.close(&header(&sent, "location"), EMPTY, b"").await;
    assert_eq!(put.status(), 201);
    for repository in ["nothing", "nothing-streamed"] {
        assert_eq!(registry.read(repository, EMPTY).await, b"");
    }
}

check!(another_hash);
async fn another_hash(registry: &Registry) {
    let bytes = noise(2_000, 10);
    let digest = sha512(&bytes);
    let path = "/v2/other/blobs/uploads/?digest-algorithm=sha512";
    let opened = registry.send("POST", path, b"").await;
    assert_eq!(opened.status(), 202);
    let session = header(&opened, "location");
    let put = registry.close(&session, &digest, &bytes).await;
    assert_eq!(put.status(), 201);
    let name = header(&put, "docker-content-digest");
    if registry.deviates(Deviation::OneHash) {
        assert_eq!(name, Digest::of(&bytes).as_str());
    } else {
        assert_eq!(name, digest);
    }
    assert_eq!(registry.read("other", &digest).await, bytes);
    let single = format!("/v2/single/blobs/uploads/?digest={digest}");
    let single = registry.with("POST", &single, &bytes, &OCTETS).await;
    if registry.deviates(Deviation::NoSinglePost) {
        let location = header(&single, "location");
        assert_eq!(registry.close(&location, &digest, &bytes).await.status(), 201);
    } else {
        assert_eq!(single.status(), 201);
    }
    let session = registry.session("chunked").await;
    let (_, session, _) = patch(registry, &session, (&bytes[..999], "0-998")).await;
    let (_, session, _) = patch(registry, &session, (&bytes[999..], "999-1999")).await;
    assert_eq!(registry.close(&session, &digest, b"").await.status(), 201);
    let mount = format!("/v2/mounted/blobs/uploads/?mount={digest}&from=other");
    assert_eq!(registry.status("POST", &mount).await, 201);
    for repository in ["single", "chunked"] {
        assert_eq!(registry.read(repository, &digest).await, bytes);
    }
    if registry.deviates(Deviation::OneHash) {
        // Said to be mounted, and not to be had under either name.
        assert!(!registry.has_blob("mounted", &digest).await);
        assert!(!registry.has_blob("mounted", Digest::of(&bytes).as_str()).await);
    } else {
        assert_eq!(registry.read("mounted", &digest).await, bytes);
    }
    let session = registry.session("wrong").await;
    let wrong = sha512(b"something else");
    assert_eq!(registry.close(&session, &wrong, &bytes).await.status(), 400);
    let unknown = "/v2/other/blobs/uploads/?digest-algorithm=md5";
    let expected = if registry.deviates(Deviation::AnyAlgorithm) { 202 } else { 400 };
    assert_eq!(registry.status("POST", unknown).await, expected);
}
