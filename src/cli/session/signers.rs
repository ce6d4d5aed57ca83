//! Who signs without a lasting key: the job of GitHub Actions, or the one of the local cloud.

use crate::github::JobTokens;
use crate::http::Client;
use crate::local::SigningAccess;
use crate::resolve::HostEnvironment;
use crate::run::outcome::StepError;
use crate::run::perform::Signers;
use crate::secret::Redactor;
use crate::signing::{KeylessTrust, PublicKey, Roots};
use crate::sigstore::TokenSource;
use url::Url;

/// The job that this is, if it is one.
pub fn real(host: &HostEnvironment, http: &Client, redactor: &Redactor) -> Signers {
    let tokens = match JobTokens::of(http, &host.env, redactor) {
        Some(Ok(job)) => TokenSource::Job(job),
        Some(Err(_)) => TokenSource::BadAddress,
        None if host.var("GITHUB_ACTIONS").is_some() => TokenSource::NotPermitted,
        None => TokenSource::Elsewhere,
    };
    Signers { tokens, local: None }
}

/// The same of a local cloud, which may have no Fulcio and no Rekor.
pub fn local(
    access: Option<&SigningAccess>,
    http: &Client,
    redactor: &Redactor,
) -> Result<Signers, StepError> {
    let Some(access) = access else {
        return Ok(Signers { tokens: TokenSource::Elsewhere, local: None });
    };
    let failed = |why: String| {
        StepError::new("cannot read by what the local cloud signs").because(why).help(
            "end it, and start one of this version: `shipway local stop`, then \
             `shipway local --detach`",
        )
    };
    let url = Url::parse(&access.token_url).map_err(|error| failed(error.to_string()))?;
    let request = access.token_request.expose().to_owned();
    let token = redactor.adopt("the local cloud's job", request);
    let roots = Roots::parse(&access.roots).map_err(|error| failed(error.to_string()))?;
    let log_key = PublicKey::parse(&access.log_key);
    let log_key = log_key.map_err(|error| failed(error.to_string()))?;
    let tokens = TokenSource::Job(JobTokens { http: http.clone(), url, token });
    Ok(Signers { tokens, local: Some(KeylessTrust { roots, log_key, is_local: true }) })
}

/// The same without tokens, for the code of a fork.
pub fn withheld(signers: Signers) -> Signers {
    Signers { tokens: TokenSource::Withheld, ..signers }
}

#[cfg(test)]
mod tests {
    use super::local;
    use crate::http::{Client, Settings};
    use crate::local::{Hidden, SigningAccess};
    use crate::secret::Redactor;

    #[test]
    fn cloud_that_signs_by_something_else_is_refused() {
        let access = SigningAccess {
            token_url: "https://pipelines.example.com/".to_owned(),
            token_request: Hidden::new("token of the test"),
            roots: "roots".to_owned(),
            log_key: "key".to_owned(),
        };
        let http = Client::new(Settings::default()).expect("a client");

        let error = local(Some(&access), &http, &Redactor::default()).err().expect("refused");

        assert_eq!(
            error.failure.chain,
            ["cannot read by what the local cloud signs", "it has no certificates in PEM"]
        );
        assert_eq!(
            error.failure.help.as_deref(),
            Some(
                "end it, and start one of this version: `shipway local stop`, then \
                 `shipway local --detach`"
            )
        );
    }
}
