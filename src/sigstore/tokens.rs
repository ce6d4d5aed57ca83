//! The token that says who signs.

use super::error::{BadToken, NoToken, SigstoreError};
use super::expected::ExpectedSigner;
use crate::github::JobTokens;
use crate::secret::{Redactor, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// For whom the token is.
const AUDIENCE: &str = "sigstore";

/// Where tokens come from.
#[derive(Clone)]
pub enum TokenSource {
    /// The job of GitHub Actions, or the one that the local cloud simulates.
    Job(JobTokens),
    NotPermitted,
    Elsewhere,
    /// The variables of the job do not name a URL.
    BadAddress,
    Withheld,
}

/// A token, and what proves that its owner has a key.
pub struct IdentityToken {
    pub(super) token: Secret,
    /// The claim that Fulcio takes for the subject, and that the key has to sign.
    pub(super) subject: String,
    /// What Fulcio has to certify.
    pub(super) expected: ExpectedSigner,
}

impl TokenSource {
    /// A new token. All output hides it.
    pub async fn token(&self, redactor: &Redactor) -> Result<IdentityToken, SigstoreError> {
        let job = match self {
            Self::Job(job) => job,
            Self::NotPermitted => return Err(NoToken::NotPermitted.into()),
            Self::Elsewhere => return Err(NoToken::Elsewhere.into()),
            Self::BadAddress => return Err(NoToken::BadAddress.into()),
            Self::Withheld => return Err(NoToken::Withheld.into()),
        };
        let token = job.token(AUDIENCE).await;
        let token = token.map_err(|error| SigstoreError::Token(Box::new(error)))?;
        IdentityToken::of(redactor.adopt("the token that says who signs", token))
    }
}

impl From<NoToken> for SigstoreError {
    fn from(source: NoToken) -> Self {
        Self::NoToken { source }
    }
}

impl IdentityToken {
    /// Reads the subject, without verifying the token, which is up to Fulcio.
    pub fn of(token: Secret) -> Result<Self, SigstoreError> {
        let failed = |source| SigstoreError::BadToken { source };
        let claims = claims(token.expose().trim()).map_err(failed)?;
        let subject = subject(&claims).map_err(failed)?;
        let expected = ExpectedSigner::of(&claims).map_err(failed)?;
        Ok(Self { token, subject, expected })
    }
}

fn claims(token: &str) -> Result<Value, BadToken> {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    claims.ok_or(BadToken::NotJwt)
}

/// The mail address of a person, or else the subject (sigstore/fulcio, `docs/oidc.md`).
fn subject(claims: &Value) -> Result<String, BadToken> {
    let claim = |name: &str| claims[name].as_str().filter(|text| !text.is_empty());
    if let Some(mail) = claim("email") {
        // Some issuers write it as text.
        let is_verified = claims["email_verified"] == true || claims["email_verified"] == "true";
        return if is_verified { Ok(mail.to_owned()) } else { Err(BadToken::NotVerified) };
    }
    claim("sub").map(str::to_owned).ok_or(BadToken::NoSubject)
}

#[cfg(test)]
mod tests {
    use super::{BadToken, claims, subject};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[test]
    fn subject_is_the_verified_mail_address_or_sub() {
        let of = |text: &str| subject(&claims(&format!("e30.{}.x", URL_SAFE_NO_PAD.encode(text)))?);
        assert_eq!(of(r#"{"sub":"repo:octo/shop"}"#), Ok("repo:octo/shop".to_owned()));
        let mail = r#"{"sub":"1","email":"ann@example.com","email_verified":true}"#;
        assert_eq!(of(mail), Ok("ann@example.com".to_owned()));
        assert_eq!(of(&mail.replace("true", "\"true\"")), Ok("ann@example.com".to_owned()));
        assert_eq!(of(&mail.replace("true", "false")), Err(BadToken::NotVerified));
        assert_eq!(of("{}"), Err(BadToken::NoSubject));
        assert_eq!(of("no JSON"), Err(BadToken::NotJwt));
        assert_eq!(claims("placeholder"), Err(BadToken::NotJwt));
    }
}
