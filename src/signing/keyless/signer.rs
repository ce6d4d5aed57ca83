//! Whether a keyless signature is by an identity.

use super::certificate::{Certificate, certificates};
use super::example::example;
use super::log_entry::{LogEntry, SignedContent};
use super::refusal::{KeylessRefusal, OtherSigner};
use super::roots::{ChainError, Roots};
use super::shown::quoted;
use crate::signing::PublicKey;
use regex::Regex;
use rustls::pki_types::CertificateDer;

/// What is beside a keyless signature. Nothing of it is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeylessEvidence {
    pub certificate: Certificate,
    /// Certificates between it and a root.
    pub(in crate::signing) chain: Vec<CertificateDer<'static>>,
    /// Entries in transparency logs, of which one that can be trusted is enough.
    pub(in crate::signing) entries: Vec<Result<LogEntry, KeylessRefusal>>,
}

/// The Fulcio and the Rekor that are trusted.
#[derive(Clone, Debug)]
pub struct KeylessTrust {
    pub roots: Roots,
    pub log_key: PublicKey,
    /// Whether they are those of the local cloud, which stand for the ones that a plan names.
    pub is_local: bool,
}

/// Whose signature it is that counts, as the certificate and the log say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeylessProof {
    /// The identity and the issuer, as messages call them.
    pub shown: String,
    pub log_index: i64,
    /// Whether the local cloud certified and logged it.
    pub is_local: bool,
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
        Ok(Self { certificate, chain, entries: entry.map(Ok).into_iter().collect() })
    }
}

impl KeylessTrust {
    /// Whether a signature was made by the key of its certificate, while that was valid, by
    /// what one of its logs says. Returns the number of the entry.
    fn check(
        &self,
        signed: &SignedContent<'_>,
        evidence: &KeylessEvidence,
    ) -> Result<i64, KeylessRefusal> {
        let mut closest = KeylessRefusal::NoEntry;
        for (at, entry) in evidence.entries.iter().enumerate() {
            let entry = entry.as_ref().map_err(Clone::clone);
            match entry.and_then(|entry| self.check_by(entry, signed, evidence)) {
                Ok(log_index) => return Ok(log_index),
                Err(refusal) if at == 0 => closest = refusal,
                Err(refusal) => closest = closest.max(refusal),
            }
        }
        Err(closest)
    }

    /// The same by one entry.
    fn check_by(
        &self,
        entry: &LogEntry,
        signed: &SignedContent<'_>,
        evidence: &KeylessEvidence,
    ) -> Result<i64, KeylessRefusal> {
        let KeylessEvidence { certificate, chain, .. } = evidence;
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
        entry.check_proof(&self.log_key).map_err(KeylessRefusal::NotIncluded)?;
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
        Ok(entry.log_index)
    }
}

impl IdentityRule {
    pub fn holds(&self, identity: &str) -> bool {
        match self {
            Self::Exactly(name) => identity == name,
            Self::Matching(pattern) => {
                pattern.find(identity).is_some_and(|found| found.len() == identity.len())
            }
        }
    }

    /// An identity that it accepts, as short as may be; `None` where none can be made.
    pub fn example(&self) -> Option<String> {
        let text = match self {
            Self::Exactly(name) => name.clone(),
            Self::Matching(pattern) => example(pattern.as_str())?,
        };
        (!text.is_empty() && self.holds(&text)).then_some(text)
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
    /// Whether a certificate with this identity alone is of the signer.
    pub fn accepts(&self, identity: &str, issuer: &str) -> bool {
        self.issuer == issuer && self.identity.holds(identity)
    }

    /// Whether the signature is by the identity, by a Fulcio and a Rekor of which any is
    /// trusted.
    pub fn check(
        &self,
        signed: &SignedContent<'_>,
        evidence: &KeylessEvidence,
        trusted: &[&KeylessTrust],
    ) -> Result<KeylessProof, KeylessRefusal> {
        let mut closest = None;
        for trust in trusted {
            match trust.check(signed, evidence) {
                Ok(log_index) => {
                    let (certificate, is_local) = (&evidence.certificate, trust.is_local);
                    self.check_identity(certificate, is_local)?;
                    let issuer = quoted(&self.issuer);
                    let shown = format!("{} (issuer {issuer})", certificate.shown());
                    return Ok(KeylessProof { shown, log_index, is_local });
                }
                Err(refusal) => closest = closest.max(Some(refusal)),
            }
        }
        Err(closest.unwrap_or(KeylessRefusal::OtherRoot))
    }

    fn check_identity(
        &self,
        certificate: &Certificate,
        is_local: bool,
    ) -> Result<(), KeylessRefusal> {
        let Certificate { identities, issuers, .. } = certificate;
        let by = |shown: String| OtherSigner { shown, is_local };
        if issuers.is_empty() {
            return Err(KeylessRefusal::NoIssuer(certificate.shown()));
        }
        if let Some(other) = issuers.iter().find(|issuer| **issuer != self.issuer) {
            let shown = format!("{} of {}", certificate.shown(), quoted(other));
            return Err(KeylessRefusal::OtherIssuer(by(shown)));
        }
        let holds = |identity: &String| self.identity.holds(identity);
        if !identities.is_empty() && identities.iter().all(holds) {
            return Ok(());
        }
        Err(KeylessRefusal::OtherIdentity(by(certificate.shown())))
    }
}
