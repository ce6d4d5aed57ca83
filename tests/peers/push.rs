//! Pushes to docker-registry.

use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::state::{output, result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;

const USER: &str = "ci";
const PASSWORD: &str = "correct-horse-battery";

/// One layer, two tags, a login by user and password.
fn program(registry: &PeerRegistry) -> Program {
    let host = registry.host();
    Program::with_plan(&format!(
        "name: pushed
secrets: {{ password: {{ env: REGISTRY_PASSWORD }} }}
azure: {{ resource-group: demo, location: westeurope }}
registries:
  {host}: {{ login: {{ username: {USER}, password: '${{{{ secrets.password }}}}' }} }}
steps:
  - run: touch changed
  - build:
      layers: [{{ from: page.html, to: /www/index.html }}]
  - tag: {{ image: {host}/web, tags: [v1, '1.10'] }}
  - push:
  - deploy: {{ aci: {{ dns-label: pushed, ports: [80] }} }}
"
    ))
    .file("page.html", "<h1>hello</h1>\n")
}

#[test]
fn both_tags_have_one_digest() {
    let registry = PeerRegistry::with_login(USER, PASSWORD);
    let program = program(&registry).env("REGISTRY_PASSWORD", PASSWORD);
    program.run(&["run", "--until", "push"]).exits(0);

    let digest = output(&program, 0, "digest");
    let login = format!("{USER}:{PASSWORD}");
    for tag in ["v1", "1.10"] {
        let image = format!("docker://{}/web:{tag}", registry.host());
        let inspect = ["inspect", "--tls-verify=false", "--creds", &login, &image];
        let inspected: Value =
            serde_json::from_str(&programs::run("skopeo", &inspect)).expect("JSON");
        assert_eq!(inspected["Digest"], digest, "{tag}");
    }

    program.run(&["run", "--until", "push"]).exits(0);
    assert_eq!(output(&program, 0, "digest"), digest);
    assert_eq!(output(&program, 0, "bytes-sent"), "0", "{:#}", result(&program));
}

#[test]
fn wrong_password_is_found_before_any_effect() {
    let registry = PeerRegistry::with_login(USER, PASSWORD);
    let program = program(&registry).env("REGISTRY_PASSWORD", "another one");
    let finished = program.run(&["run", "--until", "push"]).exits(3);

    assert_eq!(
        finished.stderr.replace(&registry.host(), "REGISTRY"),
        "error: cannot sign in to `REGISTRY` as `ci` with the password from `secrets.password`
  because: GET http://REGISTRY/v2/: 401: UNAUTHORIZED: authentication required
  help: check that `secrets.password` holds the present password of `ci`
",
    );
    assert!(!program.path("changed").exists());
    let catalog = format!("http://{USER}:{PASSWORD}@{}/v2/_catalog", registry.host());
    assert_eq!(programs::run("curl", &["-sS", &catalog]), "{\"repositories\":[]}\n");
}

#[test]
fn registry_with_a_certificate_of_the_company_is_trusted_by_its_file() {
    let mut authority = CertificateParams::new(Vec::new()).expect("no name");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let pem = authority.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, key);
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let key = KeyPair::generate().expect("a key");
    let certificate = server.signed_by(&key, &issuer).expect("a certificate").pem();
    let registry = PeerRegistry::with_certificate(&certificate, &key.serialize_pem());
    let host = registry.host();
    let program = |settings: &str| {
        Program::with_plan(&format!(
            "name: pushed
report: none
registries: {{ '{host}': {settings} }}
steps:
  - build: {{ layers: [{{ from: page.html, to: /www/index.html }}] }}
  - tag: {host}/web:v1
  - push:
"
        ))
        .file("page.html", "<h1>hello</h1>\n")
        .file("certs/corp.pem", &pem)
    };

    let trusting = program("{ ca: certs/corp.pem }");
    trusting.run(&["run"]).exits(0);
    let (image, certs) = (format!("docker://{host}/web:v1"), trusting.path("certs"));
    // skopeo takes the files of the folder that end in `.crt`.
    std::fs::write(certs.join("corp.crt"), &pem).expect("a file");
    let certs = format!("--cert-dir={}", certs.display());
    let inspected = programs::run("skopeo", &["inspect", &certs, &image]);
    let inspected: Value = serde_json::from_str(&inspected).expect("JSON");
    assert_eq!(inspected["Digest"], output(&trusting, 0, "digest"));
    trusting.run(&["images", &host]).exits(0);

    // Another certificate, which says nothing of this server.
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
    let other = other.expect("a certificate").cert.pem();
    let refused = program("{ ca: other.pem }").file("other.pem", &other);
    refused.run(&["run"]).exits(3).says_in_order(&[
        &format!("cannot sign in to `{host}`"),
        &format!("GET https://{host}/v2/: no answer"),
        &format!(
            "help: neither this machine nor `other.pem`, the `ca` of `{host}` under `registries`, \
             trusts the authority that signed the certificate of `127.0.0.1`: add its certificate \
             to `other.pem`"
        ),
    ]);
}
