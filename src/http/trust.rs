//! Verifies certificates with the platform's trust store, which is loaded lazily at the
//! first handshake.
//!
//! The store is hundreds of files. Reading them takes longer than everything else in a
//! run that finds nothing changed and a registry without TLS.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use std::sync::{Arc, OnceLock};

/// A TLS configuration that trusts the platform's store. Its copies share the store and
/// the sessions of servers.
pub(super) fn of_the_system() -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = SystemVerifier::new(Arc::clone(&provider));
    client_config(provider, Arc::new(verifier))
}

/// A TLS configuration for HTTP whose certificates this verifies.
pub(super) fn client_config(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The platform's verifier, created at its first use.
#[derive(Debug)]
pub(super) struct SystemVerifier {
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Result<Verifier, Error>>,
    /// The certificates of the trust store, read where one has to be found in it.
    store: OnceLock<Vec<CertificateDer<'static>>>,
}

impl SystemVerifier {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, verifier: OnceLock::new(), store: OnceLock::new() }
    }

    fn verifier(&self) -> Result<&Verifier, Error> {
        let made = self.verifier.get_or_init(|| Verifier::new(Arc::clone(&self.provider)));
        made.as_ref().map_err(Clone::clone)
    }

    /// Whether this very certificate is in the trust store, as that of a server that signed
    /// it itself.
    fn is_trusted(&self, certificate: &CertificateDer<'_>) -> bool {
        let store = self.store.get_or_init(|| rustls_native_certs::load_native_certs().certs);
        store.iter().any(|trusted| trusted == certificate)
    }
}

/// Whether a certificate was refused because it may sign others, as `openssl req -x509`
/// makes them. Its dates are good then: webpki looks at those first.
pub(super) fn is_authority_of_its_own(error: &Error) -> bool {
    // The type of the cause is webpki's.
    let Error::InvalidCertificate(CertificateError::Other(cause)) = error else { return false };
    format!("{cause:?}").contains("CaUsedAsEndEntity")
}

/// The verdict of a certificate that signed itself, of which the others said `error`: where that
/// very certificate is trusted, it is good for its own names.
pub(super) fn or_its_own(
    error: Error,
    is_trusted: impl FnOnce() -> bool,
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
) -> Result<ServerCertVerified, Error> {
    if !is_authority_of_its_own(&error) || !is_trusted() {
        return Err(error);
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    Ok(ServerCertVerified::assertion())
}

impl ServerCertVerifier for SystemVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = self.verifier()?;
        let verified =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.or_else(|error| {
            or_its_own(error, || self.is_trusted(end_entity), end_entity, server_name)
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::SystemVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use std::sync::OnceLock;

    #[test]
    fn the_system_is_asked_by_the_first_certificate_and_no_sooner() {
        let provider = default_provider().into();
        let later = SystemVerifier::new(provider);
        assert!(!later.supported_verify_schemes().is_empty());
        assert!(later.verifier.get().is_none());

        let nonsense = CertificateDer::from(b"no certificate".as_slice());
        let name = ServerName::try_from("localhost").expect("a name");
        let refused = later.verify_server_cert(&nonsense, &[], &name, &[], UnixTime::now());

        assert!(refused.is_err());
        assert!(later.verifier.get().is_some());
    }

    #[test]
    fn certificate_that_signs_itself_is_trusted_where_the_store_has_it() {
        // As `openssl req -x509` makes it: an authority of its own.
        let mut parameters =
            rcgen::CertificateParams::new(["reg.example.com".to_owned()]).expect("a name");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let certificate = certificate.der();
        let verify = |store: Vec<CertificateDer<'static>>, name: &'static str, now: UnixTime| {
            let provider = default_provider().into();
            let later = SystemVerifier {
                provider,
                verifier: OnceLock::new(),
                store: OnceLock::from(store),
            };
            let name = ServerName::try_from(name).expect("a name");
            let verified = later.verify_server_cert(certificate, &[], &name, &[], now);
            verified.map(drop).map_err(|error| error.to_string())
        };
        let now = UnixTime::now();
        let held = || vec![certificate.clone()];

        assert_eq!(verify(held(), "reg.example.com", now), Ok(()));
        let refused = "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))".to_owned();
        assert_eq!(verify(Vec::new(), "reg.example.com", now), Err(refused));
        let other = verify(held(), "other.example.com", now).expect_err("another name");
        assert!(other.contains("not valid for name \"other.example.com\""), "{other}");
        let past = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1));
        let early = verify(held(), "reg.example.com", past).expect_err("not yet");
        assert!(early.contains("not valid yet"), "{early}");
    }
}
