//! Certificates of the hosts behind the proxy, good and bad.

use super::rule::ConnectionFault;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// The authority that the program trusts.
static TRUSTED: LazyLock<Issuer> = LazyLock::new(|| authority("shipway test authority"));
static UNTRUSTED: LazyLock<Issuer> = LazyLock::new(|| authority("another authority"));
static ISSUED: LazyLock<Mutex<HashMap<String, Arc<ServerConfig>>>> = LazyLock::new(Mutex::default);

/// The certificate to trust, PEM.
pub fn trusted() -> String {
    TRUSTED.pem()
}

/// The TLS configuration of a server with a certificate for this host, or with a bad one.
pub fn server(host: &str, fault: Option<ConnectionFault>) -> Arc<ServerConfig> {
    let kind = format!("{host} {fault:?}");
    let mut issued = ISSUED.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(issued.entry(kind).or_insert_with(|| Arc::new(issue(host, fault))))
}

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

fn issue(host: &str, fault: Option<ConnectionFault>) -> ServerConfig {
    let name = match fault {
        Some(ConnectionFault::OtherName) => "other.example.com",
        _ => host,
    };
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a host's name");
    params.use_authority_key_identifier_extension = true;
    if fault == Some(ConnectionFault::Expired) {
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    }
    let issuer = match fault {
        Some(ConnectionFault::Untrusted) => &UNTRUSTED,
        _ => &TRUSTED,
    };
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &**issuer).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate with its key")
}
