//! Certificates that are trusted for some hosts besides those of the system's store.

use super::trust::{SystemVerifier, client_config, is_authority_of_its_own, or_its_own};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use std::sync::Arc;

/// Certificates of authorities, or of servers that signed their own.
#[derive(Clone, Debug)]
pub struct Authorities {
    /// The name that messages call them by, such as that of their file.
    pub name: String,
    certificates: Vec<CertificateDer<'static>>,
}

/// A text from which no certificate can be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoCertificate {
    #[error("it has no certificate in PEM")]
    Absent,
    #[error("no certificate in it can be read")]
    Unreadable,
}

impl Authorities {
    /// Reads every certificate of a text in PEM. What stands between them is left out, and so
    /// are certificates that cannot be read beside one that can.
    pub fn from_pem(name: &str, pem: &[u8]) -> Result<Self, NoCertificate> {
        let certificates: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
        if certificates.is_empty() {
            return Err(NoCertificate::Absent);
        }
        let (added, _) =
            RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned());
        if added == 0 {
            return Err(NoCertificate::Unreadable);
        }
        Ok(Self { name: name.to_owned(), certificates })
    }

    /// A TLS configuration that trusts them besides the platform's store.
    pub(super) fn client_config(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = self.verifier(&provider)?;
        client_config(provider, Arc::new(verifier))
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Besides, Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.certificates.iter().cloned());
        let own = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
        let own = own.build().map_err(|error| Error::General(error.to_string()))?;
        let system = SystemVerifier::new(Arc::clone(provider));
        Ok(Besides { own, certificates: self.certificates.clone(), system })
    }
}

/// Trusts some certificates, and what the system trusts.
#[derive(Debug)]
struct Besides {
    own: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
    system: SystemVerifier,
}

/// Whether a verdict says only that nothing connects a certificate with the trusted ones.
fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer))
        || is_authority_of_its_own(error)
}

impl ServerCertVerifier for Besides {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.own.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let is_trusted = || self.certificates.contains(end_entity);
        let verified =
            verified.or_else(|error| or_its_own(error, is_trusted, end_entity, server_name));
        let error = match verified {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        let by_system = self.system.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        // Where the certificate is by one of ours, what is wrong with it says more than that
        // the system does not know it.
        by_system.map_err(|of_system| if is_unknown(&error) { of_system } else { error })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.own.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.own.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::{Authorities, NoCertificate};
    use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::crypto::ring::default_provider;
    use rustls::pki_types::{ServerName, UnixTime};
    use std::time::Duration;

    const HOST: &str = "reg.example.com";

    /// A certificate that signed itself, which may sign others or not.
    fn own(is_ca: IsCa) -> Certificate {
        let mut parameters = CertificateParams::new([HOST.to_owned()]).expect("a name");
        parameters.is_ca = is_ca;
        parameters.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate")
    }

    /// An authority, and a certificate of the host that it signed.
    fn signed() -> (Certificate, Certificate) {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no name");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = parameters.self_signed(&key).expect("a certificate");
        let issuer = Issuer::new(parameters, key);
        let server = CertificateParams::new([HOST.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        (authority, server.signed_by(&key, &issuer).expect("a certificate"))
    }

    fn verify(trusted: &Certificate, shown: &Certificate, name: &'static str) -> String {
        verify_at(UnixTime::now(), trusted, shown, name)
    }

    fn verify_at(
        now: UnixTime,
        trusted: &Certificate,
        shown: &Certificate,
        name: &'static str,
    ) -> String {
        let authorities = Authorities::from_pem("ca.pem", trusted.pem().as_bytes());
        let verifier = authorities.expect("a certificate").verifier(&default_provider().into());
        let name = ServerName::try_from(name).expect("a name");
        let verifier = verifier.expect("a verifier");
        let verified = verifier.verify_server_cert(shown.der(), &[], &name, &[], now);
        verified.map_or_else(|error| error.to_string(), |_| "trusted".to_owned())
    }

    #[test]
    fn server_of_an_authority_and_one_that_signed_itself_are_trusted() {
        let (authority, server) = signed();
        assert_eq!(verify(&authority, &server, HOST), "trusted");
        for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let own = own(is_ca);
            assert_eq!(verify(&own, &own, HOST), "trusted");
        }
    }

    #[test]
    fn others_names_and_times_are_refused() {
        let (authority, server) = signed();
        // Another authority of the same name.
        let unknown = "invalid peer certificate: BadSignature";
        assert_eq!(verify(&signed().0, &server, HOST), unknown);
        let ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = own(ca);
        assert!(verify(&authority, &own, HOST).contains("CaUsedAsEndEntity"));
        for said in [
            verify(&authority, &server, "other.example.com"),
            verify(&own, &own, "other.example.com"),
        ] {
            assert!(said.contains("not valid for name \"other.example.com\""), "{said}");
        }
        let past = UnixTime::since_unix_epoch(Duration::from_secs(1));
        let early = verify_at(past, &authority, &server, HOST);
        assert!(early.contains("not valid yet"), "{early}");
    }

    #[test]
    fn text_without_a_certificate_is_an_error() {
        let read = |pem: &str| Authorities::from_pem("ca.pem", pem.as_bytes()).map(drop);
        let key = KeyPair::generate().expect("a key").serialize_pem();
        let (authority, server) = signed();

        for nothing in ["", "Hello", &key, "-----BEGIN CERTIFICATE-----\n"] {
            assert_eq!(read(nothing), Err(NoCertificate::Absent), "{nothing}");
        }
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(read(damaged), Err(NoCertificate::Unreadable));
        let all = format!("A comment\n{}{key}{damaged}{}", authority.pem(), server.pem());
        assert_eq!(read(&all), Ok(()));
    }
}
