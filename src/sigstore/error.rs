//! What can go wrong between this machine, Fulcio and Rekor, and what helps.

use crate::http::{self, Retry, Retryable, SafeUrl};

/// A keyless signature that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SigstoreError {
    /// There is no source of tokens.
    #[error("cannot get a token that says who signs")]
    NoToken { source: NoToken },
    #[error("cannot get a token of GitHub that says who signs")]
    Token(#[source] Box<http::Error>),
    #[error("cannot read the token that says who signs")]
    BadToken { source: BadToken },
    #[error("cannot get a certificate from Fulcio at {url}")]
    Fulcio { url: SafeUrl, source: Box<http::Error> },
    #[error("cannot use the certificate from Fulcio at {url}: {why}")]
    Certificate { url: SafeUrl, why: String },
    /// It is not for the owner of the token.
    #[error("cannot use the certificate from Fulcio at {url}: it is {why}")]
    OtherSigner { url: SafeUrl, why: String },
    #[error("cannot log the signature in Rekor at {url}")]
    Rekor { url: SafeUrl, source: Box<http::Error> },
    #[error("cannot read the public key of Rekor at {url}")]
    LogKey { url: SafeUrl, source: Box<http::Error> },
    #[error("cannot use what Rekor at {url} answers: {why}")]
    Entry { url: SafeUrl, why: String },
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoToken {
    #[error("the job has no `permissions: id-token: write`")]
    NotPermitted,
    #[error("this is not a job of GitHub Actions")]
    Elsewhere,
    #[error("`ACTIONS_ID_TOKEN_REQUEST_URL` is not a URL")]
    BadAddress,
    #[error("the code of a fork gets none")]
    Withheld,
}

/// Why a token says nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadToken {
    #[error("it is not a JSON Web Token")]
    NotJwt,
    #[error("it has neither `sub` nor `email`")]
    NoSubject,
    #[error("it has no `iss`")]
    NoIssuer,
    #[error("its `email` is not verified")]
    NotVerified,
}

impl SigstoreError {
    /// The error of a request, if it was one.
    fn request(&self) -> Option<&http::Error> {
        match self {
            Self::Token(error)
            | Self::Fulcio { source: error, .. }
            | Self::Rekor { source: error, .. }
            | Self::LogKey { source: error, .. } => Some(error),
            Self::NoToken { .. }
            | Self::BadToken { .. }
            | Self::Certificate { .. }
            | Self::OtherSigner { .. }
            | Self::Entry { .. } => None,
        }
    }
}

impl Retryable for SigstoreError {
    fn retry(&self) -> Retry {
        self.request().map_or(Retry::Never, Retryable::retry)
    }

    fn help(&self) -> Option<String> {
        const PERMISSION: &str = "give the job `permissions: id-token: write`; a pull request from \
                                  a fork does not get it";
        let status = match self.request() {
            // Something else answers there, such as a page for people.
            Some(http::Error::Unreadable { .. }) => Some(404),
            request => request.and_then(http::Error::status),
        };
        let help = match (self, status) {
            (Self::NoToken { source: NoToken::NotPermitted }, _)
            | (Self::Token(_), Some(400..=499)) => PERMISSION,
            (Self::NoToken { source: NoToken::Elsewhere | NoToken::BadAddress }, _) => {
                "run it in a job of GitHub Actions, or give a token of another issuer: \
                 `keyless: { …, identity-token: \"${{ secrets.NAME }}\" }`"
            }
            (Self::NoToken { source: NoToken::Withheld }, _) => {
                "sign where the fork's commit is merged"
            }
            (Self::BadToken { .. }, _) => {
                "`identity-token` is a token of OpenID Connect, for the audience `sigstore`"
            }
            (Self::Fulcio { .. }, Some(400 | 401 | 403)) => {
                "Fulcio has to accept the issuer of the token, and tokens for the audience \
                 `sigstore` are valid for some minutes"
            }
            (Self::Fulcio { .. }, Some(404 | 405)) | (Self::Certificate { .. }, _) => {
                "is `fulcio` the URL of a Fulcio, without `/api`?"
            }
            (Self::OtherSigner { .. }, _) => {
                "nothing was signed or logged; name a `fulcio` that certifies who the token says, \
                 or have this one set up for the issuer of the token"
            }
            (Self::Rekor { .. } | Self::LogKey { .. }, Some(404 | 405))
            | (Self::Entry { .. }, _) => {
                "is `rekor` the URL of a Rekor of version 1, without `/api`?"
            }
            _ => return self.request().and_then(Retryable::help),
        };
        Some(help.to_owned())
    }
}
