//! The certificate authority of one process. Its key never leaves memory.
//!
//! Its certificate is constrained to the domains and addresses of the local cloud, so a
//! client that trusts it by mistake trusts it for nothing else.

use jiff::Timestamp;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
    SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the authority is valid: longer than any process, since clients keep it.
const AUTHORITY_VALIDITY: Duration = Duration::from_hours(10 * 365 * 24);

/// How long a certificate that it issues is valid.
const VALIDITY: Duration = Duration::from_hours(24);

/// How old a certificate gets before another one is issued in its place.
const MAX_AGE: Duration = Duration::from_hours(12);

/// How far the clocks of client and server may differ.
const CLOCK_SKEW: Duration = Duration::from_hours(1);

#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("cannot make a certificate for `{name}`")]
    Certificate { name: String, source: rcgen::Error },
    /// The TLS library refuses the certificate.
    #[error("cannot use the certificate for `{name}`")]
    Tls { name: String, source: rustls::Error },
}

/// Issues server certificates for the names that it is constrained to.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    issued: Mutex<HashMap<String, Issued>>,
}

/// The certificate of one host.
struct Issued {
    at: Timestamp,
    config: Arc<ServerConfig>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// An authority for these domains, their subdomains, these addresses, and those of
    /// loopback.
    pub fn new(names: &[String]) -> Result<Self, AuthorityError> {
        let name = "shipway local authority";
        let failed = |source| AuthorityError::Certificate { name: name.to_owned(), source };
        let mut params = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, name);
        params.distinguished_name = subject;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let loopback = [
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
                Ipv6Addr::LOCALHOST.into(),
                128,
            )),
        ];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: names.iter().map(|name| subtree(name)).chain(loopback).collect(),
            excluded_subtrees: Vec::new(),
        });
        set_validity(&mut params, Timestamp::now(), AUTHORITY_VALIDITY);
        let key = KeyPair::generate().map_err(failed)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        Ok(Self { issuer, issued: Mutex::default() })
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The TLS configuration of a server for a host. Its certificate is cached, and issued
    /// anew long before it ends.
    pub fn server(&self, host: &str) -> Result<Arc<ServerConfig>, AuthorityError> {
        self.server_at(host, Timestamp::now())
    }

    fn server_at(&self, host: &str, now: Timestamp) -> Result<Arc<ServerConfig>, AuthorityError> {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = issued.get(host).filter(|known| known.is_fresh(now)) {
            return Ok(Arc::clone(&known.config));
        }
        let config = Arc::new(self.issue(host, now)?);
        issued.insert(host.to_owned(), Issued { at: now, config: Arc::clone(&config) });
        Ok(config)
    }

    fn issue(&self, host: &str, now: Timestamp) -> Result<ServerConfig, AuthorityError> {
        let failed = |source| AuthorityError::Certificate { name: host.to_owned(), source };
        let mut params = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, host);
        params.distinguished_name = subject;
        params.subject_alt_names = vec![match address(host) {
            Some(address) => SanType::IpAddress(address),
            None => SanType::DnsName(Ia5String::try_from(host).map_err(failed)?),
        }];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, VALIDITY);
        let key = KeyPair::generate().map_err(failed)?;
        let leaf = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let refused = |source| AuthorityError::Tls { name: host.to_owned(), source };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone(), self.issuer.der().clone()], key)
            .map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl Issued {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).unsigned_abs() < MAX_AGE
    }
}

/// What a name of the local cloud permits: an address, or a domain with its subdomains.
fn subtree(name: &str) -> GeneralSubtree {
    match address(name) {
        Some(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
        }
        None => GeneralSubtree::DnsName(name.to_owned()),
    }
}

/// An address, as a URL has it.
fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn set_validity(params: &mut CertificateParams, now: Timestamp, validity: Duration) {
    let since_1970 = Duration::from_secs(now.as_second().unsigned_abs());
    let now = date_time_ymd(1970, 1, 1) + since_1970;
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + validity;
}

#[cfg(test)]
mod tests {
    use super::Authority;
    use jiff::Timestamp;
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
    use rustls::{ClientConfig, RootCertStore};
    use std::sync::Arc;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    async fn handshake(authority: &Authority, host: &'static str) -> Result<(), String> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("PEM");
        roots.add(root).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (near, far) = tokio::io::duplex(1 << 16);
        let acceptor = TlsAcceptor::from(authority.server(host).expect("a leaf"));
        let server = tokio::spawn(async move { acceptor.accept(far).await.map(drop) });
        let name = ServerName::try_from(host).expect("a name");
        let result = TlsConnector::from(Arc::new(client)).connect(name, near).await;
        drop(server);
        result.map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn issued_certificates_are_trusted_only_for_the_names_of_the_local_cloud() {
        let names = ["azurecr.io".to_owned(), "10.1.2.3".to_owned()];
        let authority = Authority::new(&names).expect("made");

        handshake(&authority, "demo.azurecr.io").await.expect("trusted");
        for address in ["127.0.0.1", "::1", "10.1.2.3"] {
            handshake(&authority, address).await.expect("trusted");
        }
        let error = handshake(&authority, "10.1.2.4").await.expect_err("not trusted");
        assert!(error.contains("NameConstraintViolation"), "{error}");
        let error = handshake(&authority, "example.com").await.expect_err("not trusted");
        assert!(error.contains("NameConstraintViolation"), "{error}");
    }

    #[test]
    fn a_certificate_is_issued_again_long_before_it_ends() {
        let authority = Authority::new(&["azurecr.io".to_owned()]).expect("made");
        let start = Timestamp::now();
        let after = |hours: i64| {
            let now = start + jiff::SignedDuration::from_hours(hours);
            authority.server_at("a.azurecr.io", now).expect("made")
        };

        let first = after(0);
        assert!(Arc::ptr_eq(&first, &after(11)), "it is cached");
        let second = after(12);
        assert!(!Arc::ptr_eq(&first, &second), "it would end at 24 hours");
        assert!(Arc::ptr_eq(&second, &after(23)));
    }
}
