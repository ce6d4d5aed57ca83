//! Why a text is no private key that can be used, and what helps.

/// Why a text is no private key that can be used. Holds nothing of the key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SigningKeyError {
    #[error("it is not a private key in PEM")]
    NotPem,
    #[error("it is a public key")]
    Public,
    #[error(
        "it is a `{0}`, and a key in PKCS#8 (`PRIVATE KEY`) or of cosign \
         (`ENCRYPTED SIGSTORE PRIVATE KEY`) is read"
    )]
    Kind(String),
    #[error("it is not a key of ECDSA on the curve P-256")]
    Algorithm,
    #[error("it has a private key of P-256 without its public one")]
    NoPublicPart,
    #[error("it is a key of OpenSSH")]
    OpenSsh,
    #[error("it is damaged")]
    Damaged,
    #[error("it is encrypted by {0}, which cosign does not do")]
    Encryption(String),
    #[error("the password does not open it")]
    Password,
    #[error("it is encrypted, and no password is given")]
    NoPassword,
}

impl SigningKeyError {
    /// The remedy.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoPublicPart => {
                "write it again with both: `openssl ec -in signing.key | \
                 openssl pkcs8 -topk8 -nocrypt -out signing.pem`; the secret is the whole file"
            }
            Self::NotPem | Self::Public | Self::Algorithm | Self::OpenSsh | Self::Damaged => {
                "make a key: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
                 -out signing.key`, or `cosign generate-key-pair`; the secret is the whole file"
            }
            Self::Kind(_) => {
                "convert it: `openssl pkey -in signing.key -out signing.pem`; \
                 the secret is the whole file"
            }
            Self::Encryption(_) => "make a key: `cosign generate-key-pair`",
            Self::Password => "check the secret that is `password`",
            Self::NoPassword => "add it: `sign: { key: …, password: \"${{ secrets.NAME }}\" }`",
        }
    }
}
