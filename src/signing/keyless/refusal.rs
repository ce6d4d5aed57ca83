//! What keeps a keyless signature from counting, and what helps.

/// What keeps a keyless signature from counting. In the order in which it is looked for: of
/// several, the last comes closest.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum KeylessRefusal {
    NoCertificate,
    /// Why it cannot be verified.
    Damaged(String),
    NoEntry,
    /// The entry has a proof alone, or a timestamp.
    NoPromise,
    OtherLog,
    /// The part of the signature that the entry does not have.
    OtherEntry(&'static str),
    /// Why the proof that its entry is in the log does not hold.
    NotIncluded(&'static str),
    /// When it was logged, RFC 3339.
    NotValid(String),
    OtherRoot,
    /// Why its chain is not valid.
    Chain(String),
    NotForSigning,
    Forged,
    /// As messages call the signer.
    NoIssuer(String),
    OtherIssuer(OtherSigner),
    OtherIdentity(OtherSigner),
}

/// One that is not required.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct OtherSigner {
    /// As messages call it.
    pub shown: String,
    /// Whether the local cloud certified it.
    pub is_local: bool,
}

impl OtherSigner {
    fn text(&self, what: &str) -> String {
        let Self { shown, is_local } = self;
        let local = if *is_local { ", as which the local cloud signs" } else { "" };
        format!("by {shown}{local}, {what}")
    }
}

impl KeylessRefusal {
    /// Fits after "its signature is ".
    pub fn text(&self) -> String {
        match self {
            Self::NoCertificate => "by a key, without a certificate".to_owned(),
            Self::Damaged(why) => format!("damaged: {why}"),
            Self::NoEntry => "in no transparency log".to_owned(),
            Self::NoPromise => "in a transparency log that has not promised to keep it".to_owned(),
            Self::OtherLog => "in another transparency log".to_owned(),
            Self::OtherEntry(part) => {
                format!("damaged: its entry in the transparency log is of another {part}")
            }
            Self::NotIncluded(why) => {
                format!(
                    "damaged: the proof that its entry is in the transparency log does not hold: \
                     {why}"
                )
            }
            Self::NotValid(at) => {
                format!("by a certificate that was not valid when it was logged, {at}")
            }
            Self::OtherRoot => "by a certificate of another authority".to_owned(),
            Self::Chain(why) => format!("by a certificate that is not valid: {why}"),
            Self::NotForSigning => "by a certificate that is not for signing code".to_owned(),
            Self::Forged => "damaged: the key of its certificate did not make it".to_owned(),
            Self::NoIssuer(shown) => format!("by {shown} of no issuer"),
            Self::OtherIssuer(signer) => signer.text("another issuer"),
            Self::OtherIdentity(signer) => signer.text("another identity"),
        }
    }

    /// The remedy; `None` for a signature that has to be deleted, wherever it is.
    pub fn help(&self) -> Option<&'static str> {
        let help = match self {
            Self::NoCertificate => {
                "sign it as `push: { sign: { keyless: … } }` does, or add the public key of its \
                 signature to `signed-by`"
            }
            Self::NoEntry | Self::NoPromise => {
                "sign it again by a Rekor that answers with a signed entry timestamp, as version 1 \
                 does: `push: { sign: { keyless: { fulcio: …, rekor: … } } }`"
            }
            Self::OtherLog => {
                "sign the image again by the Rekor whose key is `log-key`; where you trust the other, \
                 name its key: `curl -fsS REKOR/api/v1/log/publicKey -o rekor.pub`, with its URL in \
                 place of `REKOR`"
            }
            Self::OtherRoot => {
                "sign the image again by the Fulcio of `roots`; where you trust the other, name its \
                 certificates: `curl -fsS FULCIO/api/v1/rootCert -o fulcio.pem`, with its URL in \
                 place of `FULCIO`"
            }
            Self::NotValid(_) | Self::NotForSigning | Self::Chain(_) => {
                "sign the image again, with a certificate of Fulcio"
            }
            Self::Damaged(_) | Self::OtherEntry(_) | Self::NotIncluded(_) | Self::Forged => {
                return None;
            }
            Self::OtherIssuer(signer) | Self::OtherIdentity(signer) if signer.is_local => {
                "a real run signs as its own job; a dry run does as the workflow that runs it, \
                 elsewhere as one identity that the plan requires: try it outside of GitHub \
                 Actions, or require the same identity in each step"
            }
            Self::NoIssuer(_) | Self::OtherIssuer(_) | Self::OtherIdentity(_) => {
                "sign it as the identity that is required, or add that of its signature to \
                 `signed-by`"
            }
        };
        Some(help)
    }
}
