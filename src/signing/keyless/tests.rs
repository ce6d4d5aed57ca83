//! Which keyless signatures count.

use super::roots::RootsError;
use super::testing::{BEGIN, ISSUER, Issued, Logged, TestSigstore, WORKFLOW};
use super::{
    Certificate, IdentityRule, KeylessEvidence, KeylessProof, KeylessRefusal, KeylessSigner,
    KeylessTrust, LogEntry, Roots, SignedContent,
};
use crate::signing::SigningKey;
use crate::signing::testing::pem_of;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};

const PAYLOAD: &[u8] = b"payload";

struct Scene {
    sigstore: TestSigstore,
    signer: KeylessSigner,
    logged: Logged,
}

impl Scene {
    fn new() -> Self {
        Self::with(&Issued::default())
    }

    fn with(issued: &Issued) -> Self {
        let sigstore = TestSigstore::new();
        let logged = sigstore.sign(PAYLOAD, issued);
        let identity = IdentityRule::Exactly(WORKFLOW.to_owned());
        Self { sigstore, logged, signer: KeylessSigner { identity, issuer: ISSUER.to_owned() } }
    }

    fn trust(&self) -> KeylessTrust {
        let roots = Roots::parse(&self.sigstore.root()).expect("roots");
        KeylessTrust { roots, log_key: self.sigstore.log_key(), is_local: false }
    }

    fn check(&self) -> Result<(), KeylessRefusal> {
        self.check_of(PAYLOAD, &self.trust()).map(drop)
    }

    fn check_of(
        &self,
        payload: &[u8],
        trust: &KeylessTrust,
    ) -> Result<KeylessProof, KeylessRefusal> {
        let Logged { signature, certificate, chain, entry } = &self.logged;
        let entry = entry.to_annotation();
        let evidence = KeylessEvidence::parse(Some(certificate), Some(chain), Some(&entry))?;
        let signature = STANDARD.decode(signature).expect("base64");
        let signed = SignedContent { message: payload, payload, signature: &signature };
        self.signer.check(&signed, &evidence, &[trust])
    }

    #[track_caller]
    fn refused(&self, text: &str) {
        assert_eq!(self.check().expect_err("refused").text(), text);
    }
}

#[test]
fn signature_of_the_identity_counts() {
    let mut scene = Scene::new();
    assert_eq!(scene.check(), Ok(()));

    // A certificate between that is among the trusted ones need not come with the signature.
    scene.logged.chain = String::new();
    assert_eq!(scene.check(), Err(KeylessRefusal::OtherRoot));
    let roots = Roots::parse(&scene.sigstore.roots()).expect("roots");
    let trust = KeylessTrust { roots, log_key: scene.sigstore.log_key(), is_local: false };
    let shown = format!("`{WORKFLOW}` (issuer `{ISSUER}`)");
    let proof = KeylessProof { shown, log_index: 42, is_local: false };
    assert_eq!(scene.check_of(PAYLOAD, &trust), Ok(proof));

    let mail = SanType::Rfc822Name(Ia5String::try_from("ann@example.com").expect("ASCII"));
    let mut scene = Scene::with(&Issued { identity: mail, ..Issued::default() });
    scene.signer.identity = IdentityRule::Exactly("ann@example.com".to_owned());
    assert_eq!(scene.check(), Ok(()));
}

#[test]
fn pattern_matches_the_whole_identity() {
    let matches = |pattern: &str| {
        let mut scene = Scene::new();
        scene.signer.identity = IdentityRule::matching(pattern).expect("a pattern");
        scene.check().is_ok()
    };
    assert!(matches(r"https://github\.com/octo/shop/.*@refs/heads/main"));
    assert!(matches("https|https://.*"));
    assert!(matches(r"(?x) https://github\.com/octo/.* # all of them"));
    assert!(!matches("octo/shop"));
    assert!(!matches("https://github.com/octo/shop"));
}

#[test]
fn another_identity_or_issuer_is_refused() {
    let mut scene = Scene::new();
    scene.signer.identity = IdentityRule::Exactly("https://github.com/octo/shop".to_owned());
    scene.refused(&format!("by {}, another identity", shown()));

    let mut scene = Scene::new();
    scene.signer.issuer = "https://accounts.example.com".to_owned();
    scene.refused(&format!("by {} of `{ISSUER}`, another issuer", shown()));

    let scene = Scene::with(&Issued { issuer: "", ..Issued::default() });
    scene.refused(&format!("by {} of no issuer", shown()));
    let mut scene = Scene::new();
    let uri = |name: &str| SanType::URI(Ia5String::try_from(name).expect("ASCII"));
    let issued = Issued { further: Some(uri("https://evil/\n::error::x")), ..Issued::default() };
    scene.logged = scene.sigstore.sign(PAYLOAD, &issued);
    scene.refused(&format!("by {} and `https://evil/\\n::error::x`, another identity", shown()));
    // Hostile names neither end the line nor fill the log.
    let long = uri(&"x".repeat(500));
    let issued = Issued { identity: long.clone(), further: Some(long), ..Issued::default() };
    scene.logged = scene.sigstore.sign(PAYLOAD, &issued);
    let cut = format!("`{}…`", "x".repeat(200));
    scene.refused(&format!("by {cut} and {cut}, another identity"));
    let dns = SanType::DnsName(Ia5String::try_from("example.com").expect("ASCII"));
    let scene = Scene::with(&Issued { identity: dns, ..Issued::default() });
    scene.refused("by a certificate without a name, another identity");
}

fn shown() -> String {
    format!("`{WORKFLOW}`")
}

#[test]
fn certificate_has_to_be_of_the_roots_valid_and_for_signing() {
    let scene = Scene::new();
    let other = TestSigstore::new();
    let roots = Roots::parse(&other.roots()).expect("roots");
    let trust = KeylessTrust { roots, log_key: scene.sigstore.log_key(), is_local: false };
    let refusal = scene.check_of(PAYLOAD, &trust).expect_err("refused");
    assert_eq!(refusal.text(), "by a certificate of another authority");

    for (at, shown) in [(BEGIN - 1, "2027-01-15T07:59:59Z"), (BEGIN + 601, "2027-01-15T08:10:01Z")]
    {
        let mut scene = Scene::new();
        let signature = STANDARD.decode(&scene.logged.signature).expect("base64");
        let signed = SignedContent { message: PAYLOAD, payload: PAYLOAD, signature: &signature };
        scene.logged.entry = scene.sigstore.log(&signed, &scene.logged.certificate, at);
        scene.refused(&format!("by a certificate that was not valid when it was logged, {shown}"));
    }

    for purposes in [vec![], vec![ExtendedKeyUsagePurpose::ServerAuth]] {
        let scene = Scene::with(&Issued { purposes, ..Issued::default() });
        scene.refused("by a certificate that is not for signing code");
    }

    let scene = Scene::with(&Issued { usage: KeyUsagePurpose::KeyAgreement, ..Issued::default() });
    scene.refused("by a certificate that is not for signing code");

    // A root counts while it is valid.
    let mut scene = Scene::new();
    let signature = STANDARD.decode(&scene.logged.signature).expect("base64");
    let signed = SignedContent { message: PAYLOAD, payload: PAYLOAD, signature: &signature };
    let late = BEGIN + 2 * 24 * 60 * 60;
    scene.logged.entry = scene.sigstore.log(&signed, &scene.logged.certificate, late);
    scene.refused("by a certificate that is not valid: no root was valid when it was logged");

    // One that issues others signs nothing itself.
    let mut scene = Scene::new();
    let signature = STANDARD.decode(&scene.logged.signature).expect("base64");
    let signed = SignedContent { message: PAYLOAD, payload: PAYLOAD, signature: &signature };
    scene.logged.certificate = scene.logged.chain.clone();
    scene.logged.entry = scene.sigstore.log(&signed, &scene.logged.chain, BEGIN + 300);
    scene.refused("by a certificate that is not valid: CaUsedAsEndEntity");
}

#[test]
fn changed_payload_or_signature_is_refused() {
    let scene = Scene::new();
    let refusal = scene.check_of(b"another", &scene.trust()).expect_err("refused");
    assert_eq!(refusal.text(), "damaged: its entry in the transparency log is of another payload");

    // One of another key, which its log has accepted.
    let mut scene = Scene::new();
    let signature = SigningKey::generate().sign(PAYLOAD);
    let signed = SignedContent { message: PAYLOAD, payload: PAYLOAD, signature: &signature };
    scene.logged.entry = scene.sigstore.log(&signed, &scene.logged.certificate, BEGIN + 300);
    scene.refused("damaged: its entry in the transparency log is of another signature");
    scene.logged.signature = STANDARD.encode(&signature);
    scene.refused("damaged: the key of its certificate did not make it");
}

#[test]
fn entry_has_to_be_of_the_log_and_of_this_signature() {
    let mut scene = Scene::new();
    let other = TestSigstore::new();
    let trust = KeylessTrust { log_key: other.log_key(), ..scene.trust() };
    let refusal = scene.check_of(PAYLOAD, &trust).expect_err("refused");
    assert_eq!(refusal.text(), "in another transparency log");

    let again = scene.sigstore.sign(PAYLOAD, &Issued::default());
    scene.logged.entry = again.entry.clone();
    scene.refused("damaged: its entry in the transparency log is of another signature");
    let signature = STANDARD.decode(&scene.logged.signature).expect("base64");
    let signed = SignedContent { message: PAYLOAD, payload: PAYLOAD, signature: &signature };
    scene.logged.entry = scene.sigstore.log(&signed, &again.certificate, BEGIN + 300);
    scene.refused("damaged: its entry in the transparency log is of another certificate");
    scene.logged.entry = scene.sigstore.promise("{}", BEGIN + 300);
    scene.refused(
        "damaged: its entry in the log cannot be read: missing field `apiVersion` at line 1 column 2",
    );
    let later = r#"{"apiVersion":"0.0.2","kind":"dsse","spec":{"payloadHash":{"algorithm":"sha256","value":""},"signatures":[]}}"#;
    scene.logged.entry = scene.sigstore.promise(later, BEGIN + 300);
    scene.refused("damaged: its entry in the log cannot be read: it has version `0.0.2`");

    let envelope = r#"{"apiVersion":"0.0.1","kind":"dsse","spec":{"payloadHash":{"algorithm":"sha256","value":""},"signatures":[]}}"#;
    scene.logged.entry = scene.sigstore.promise(envelope, BEGIN + 300);
    scene.refused("damaged: its entry in the log cannot be read: it is not of one signature");

    // What the log has signed cannot be changed.
    let mut scene = Scene::new();
    scene.logged.entry.integrated_time += 1;
    scene.refused("in another transparency log");
    let mut scene = Scene::new();
    scene.logged.entry.promise = Vec::new();
    scene.refused("in a transparency log that has not promised to keep it");
}

#[test]
fn what_is_missing_or_unreadable_is_refused() {
    #[track_caller]
    fn refused(read: Result<KeylessEvidence, KeylessRefusal>, text: &str) {
        assert_eq!(read.expect_err("refused").text(), text);
    }
    let Logged { certificate, chain, entry, .. } = Scene::new().logged;
    let entry = entry.to_annotation();
    let parse = KeylessEvidence::parse;
    refused(parse(None, Some(&chain), Some(&entry)), "by a key, without a certificate");
    refused(parse(Some("x"), None, None), "damaged: its certificate is not one in PEM");
    refused(
        parse(Some(&certificate), Some(crate::signing::testing::PLAIN_PUBLIC_KEY), None),
        "damaged: the chain of its certificate is not one in PEM",
    );
    refused(
        parse(Some(&certificate), Some(&chain), Some("{}")),
        "damaged: its entry in the log cannot be read: missing field `SignedEntryTimestamp` at \
         line 1 column 2",
    );
    let scene = Scene::new();
    let evidence = parse(Some(&scene.logged.certificate), Some(&scene.logged.chain), None);
    let signature = STANDARD.decode(&scene.logged.signature).expect("base64");
    let signed = SignedContent { message: PAYLOAD, payload: PAYLOAD, signature: &signature };
    let checked = scene.signer.check(&signed, &evidence.expect("read"), &[&scene.trust()]);
    assert_eq!(checked.expect_err("refused").text(), "in no transparency log");
}

#[test]
fn certificate_says_whose_key_it_is() {
    let sigstore = TestSigstore::new();
    let key = SigningKey::generate();

    let issued = sigstore.issue(&key, &Issued::default());

    assert_eq!(issued.key, key.public_key());
    assert_eq!(issued.identities, [WORKFLOW]);
    assert_eq!(issued.issuers, [ISSUER, ISSUER]);
    assert!(issued.signs_code);
    assert_eq!(Certificate::parse(&issued.to_pem()), Ok(issued));
    let damaged = pem_of("CERTIFICATE", b"abc");
    let error = Certificate::parse(&damaged).expect_err("damaged").to_string();
    assert!(error.starts_with("cannot be read: "), "{error}");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    let params = rcgen::CertificateParams::default();
    let other = params.self_signed(&key).expect("a certificate").pem();
    let error = Certificate::parse(&other).expect_err("another curve").to_string();
    assert_eq!(error, "is not for a key of ECDSA on the curve P-256");
}

#[test]
fn entry_without_a_promise_has_a_remedy() {
    assert_eq!(
        KeylessRefusal::NoPromise.help(),
        Some(
            "sign it again by a Rekor that answers with a signed entry timestamp, as version 1 \
             does: `push: { sign: { keyless: { fulcio: …, rekor: … } } }`"
        )
    );
}

#[test]
fn entry_is_written_as_cosign_writes_it() {
    let entry = TestSigstore::new().promise("x", 5);
    let written = entry.to_annotation();
    let promise = STANDARD.encode(&entry.promise);
    assert_eq!(
        written,
        format!(
            "{{\"SignedEntryTimestamp\":\"{promise}\",\"Payload\":{{\"body\":\"eA==\",\
             \"integratedTime\":5,\"logIndex\":42,\"logID\":\"{}\"}}}}",
            "07".repeat(32)
        )
    );
    assert_eq!(LogEntry::parse(&written), Ok(entry));
}

#[test]
fn roots_that_cannot_be_used_are_refused() {
    #[track_caller]
    fn refused(text: &str, wanted: &str) {
        assert_eq!(Roots::parse(text).expect_err("refused").to_string(), wanted);
    }
    let sigstore = TestSigstore::new();
    let (all, root) = (sigstore.roots(), sigstore.root());
    let between = all.trim_end_matches(root.as_str());
    assert_ne!(
        Roots::parse(&root).expect("a root").fingerprint(),
        Roots::parse(&all).expect("roots").fingerprint()
    );
    refused("roots.pem", "it has no certificates in PEM");
    refused(between, "none of its certificates is a root, which issued itself");
    refused(
        crate::signing::testing::PLAIN_KEY,
        "it holds a `PRIVATE KEY`, and only certificates are read",
    );
    for (is_ca, usage) in [
        (IsCa::ExplicitNoCa, KeyUsagePurpose::KeyCertSign),
        (IsCa::NoCa, KeyUsagePurpose::KeyCertSign),
        (IsCa::Ca(BasicConstraints::Unconstrained), KeyUsagePurpose::DigitalSignature),
    ] {
        let mut params = CertificateParams::default();
        (params.is_ca, params.key_usages) = (is_ca, vec![usage]);
        let made = params.self_signed(&KeyPair::generate().expect("a key")).expect("signed");
        refused(&format!("{root}{}", made.pem()), "certificate 2 is not that of an authority");
    }
    let damaged = pem_of("CERTIFICATE", b"abc");
    refused(&damaged, "certificate 1 cannot be read: TrailingData(SignedData)");
    assert_eq!(
        RootsError::Kind("EC PRIVATE KEY".to_owned()).help(),
        "keep it out of the repository, and write the certificates of Fulcio in its place"
    );
    assert_eq!(
        RootsError::NoRoot.help(),
        "write the certificates of Fulcio, its root too: \
         `curl -fsS FULCIO/api/v1/rootCert -o fulcio.pem`, with its URL in place of `FULCIO`"
    );
}
