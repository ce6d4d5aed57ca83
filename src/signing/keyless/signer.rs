//! Whether a keyless signature is by an identity.

use super::certificate::{Certificate, certificates};
use super::log_entry::{LogEntry, SignedContent};
use super::refusal::KeylessRefusal;
use super::roots::{ChainError, Roots};
use crate::signing::PublicKey;
use regex::Regex;
use rustls::pki_types::CertificateDer;

/// What is beside a keyless signature. Nothing of it is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeylessEvidence {
    pub certificate: Certificate,
    /// Certificates between it and a root.
    pub(in crate::signing) chain: Vec<CertificateDer<'static>>,
    /// `None` where there is none.
    pub(in crate::signing) entry: Option<LogEntry>,
}

/// The Fulcio and the Rekor that are trusted.
#[derive(Clone, Debug)]
pub struct KeylessTrust {
    pub roots: Roots,
    pub log_key: PublicKey,
}

/// Whose certificate it is.
#[derive(Clone, Debug)]
pub enum IdentityRule {
    Exactly(String),
    /// The whole of it matches.
    Matching(Regex),
}

/// An identity whose signatures count.
#[derive(Clone, Debug)]
pub struct KeylessSigner {
    pub identity: IdentityRule,
    /// Who knows the identity.
    pub issuer: String,
}

impl KeylessEvidence {
    /// Reads the annotations that cosign writes beside a signature.
    pub fn parse(
        certificate: Option<&str>,
        chain: Option<&str>,
        entry: Option<&str>,
    ) -> Result<Self, KeylessRefusal> {
        let certificate = certificate.ok_or(KeylessRefusal::NoCertificate)?;
        let damaged = |why: String| KeylessRefusal::Damaged(why);
        let certificate = Certificate::parse(certificate)
            .map_err(|error| damaged(format!("its certificate {error}")))?;
        let chain = certificates(chain.unwrap_or_default())
            .map_err(|error| damaged(format!("the chain of its certificate {error}")))?;
        let entry = entry.map(LogEntry::parse).transpose().map_err(damaged)?;
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        Ok(Self { certificate, chain, entry })
    }
}

impl KeylessTrust {
    /// Whether a signature was made by the key of its certificate, while that was valid, by
    /// what its log says.
    fn check(
        &self,
        signed: &SignedContent<'_>,
        evidence: &KeylessEvidence,
    ) -> Result<(), KeylessRefusal> {
        let KeylessEvidence { certificate, chain, entry } = evidence;
        let entry = entry.as_ref().ok_or(KeylessRefusal::NoEntry)?;
        if entry.promise.is_empty() {
            return Err(KeylessRefusal::NoPromise);
        }
        if !entry.is_promised_by(&self.log_key) {
            return Err(KeylessRefusal::OtherLog);
        }
        match entry.difference(signed, certificate) {
            Ok(None) => {}
            Ok(Some(part)) => return Err(KeylessRefusal::OtherEntry(part)),
            Err(why) => {
                let why = format!("its entry in the log cannot be read: {why}");
                return Err(KeylessRefusal::Damaged(why));
            }
        }
        let at = entry.integrated_time;
        self.roots.verify(certificate, chain, at).map_err(|error| match error {
            ChainError::Time => {
                let shown = jiff::Timestamp::from_second(at);
                KeylessRefusal::NotValid(shown.map_or(at.to_string(), |at| at.to_string()))
            }
            ChainError::Issuer => KeylessRefusal::OtherRoot,
            ChainError::Purpose => KeylessRefusal::NotForSigning,
            ChainError::Other(why) => KeylessRefusal::Chain(why),
        })?;
        if !certificate.signs_code {
            return Err(KeylessRefusal::NotForSigning);
        }
        if !certificate.key.verifies(signed.message, signed.signature) {
            return Err(KeylessRefusal::Forged);
        }
        Ok(())
    }
}

impl IdentityRule {
    fn holds(&self, identity: &str) -> bool {
        match self {
            Self::Exactly(name) => identity == name,
            Self::Matching(pattern) => {
                pattern.find(identity).is_some_and(|found| found.len() == identity.len())
            }
        }
    }

    /// A pattern that has to match the whole.
    pub fn matching(pattern: &str) -> Result<Self, regex::Error> {
        Regex::new(pattern)?;
        // Without the anchors, an alternative that matches less could be taken first. Only a
        // comment at its end, which `(?x)` allows, needs the line break.
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        Ok(Self::Matching(whole.or_else(|_| Regex::new(&format!("^(?:{pattern}\n)$")))?))
    }
}

impl KeylessSigner {
    /// Whether the signature is by the identity, by a Fulcio and a Rekor of which any is
    /// trusted.
    pub fn check(
        &self,
        signed: &SignedContent<'_>,
        evidence: &KeylessEvidence,
        trusted: &[&KeylessTrust],
    ) -> Result<(), KeylessRefusal> {
        let mut closest = None;
        for trust in trusted {
            match trust.check(signed, evidence) {
                Ok(()) => return self.is_of(&evidence.certificate),
                Err(refusal) => closest = closest.max(Some(refusal)),
            }
        }
        Err(closest.unwrap_or(KeylessRefusal::OtherRoot))
    }

    fn is_of(&self, certificate: &Certificate) -> Result<(), KeylessRefusal> {
        let Certificate { identities, issuers, .. } = certificate;
        let is_issuer = |issuer: &String| *issuer == self.issuer;
        if issuers.is_empty() || !issuers.iter().all(is_issuer) {
            let other = issuers.iter().find(|issuer| !is_issuer(issuer));
            let by = other.map_or("no issuer".to_owned(), |issuer| {
                format!("`{}`, another issuer", issuer.escape_debug())
            });
            return Err(KeylessRefusal::OtherIssuer(format!("{} of {by}", certificate.shown())));
        }
        let holds = |identity: &String| self.identity.holds(identity);
        if !identities.is_empty() && identities.iter().all(holds) {
            return Ok(());
        }
        Err(KeylessRefusal::OtherIdentity(certificate.shown()))
    }
}
