//! What a certificate has to say of the owner of a token, by the claims of that (sigstore/fulcio,
//! `docs/oidc.md`).

use super::error::BadToken;
use crate::signing::{Certificate, quoted};
use serde_json::Value;
use url::Url;

const GITHUB: &str = "github.com";
/// The host of who issues the tokens of jobs at github.com.
const GITHUB_ISSUER: &str = "token.actions.githubusercontent.com";
/// What the hosts of issuers for other servers of GitHub may begin with.
const GITHUB_ISSUER_PREFIX: &str = "token.actions.";

/// The identity and the issuer that Fulcio takes from a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpectedSigner {
    /// Any of these. Empty for an issuer whose identities each Fulcio makes by a template.
    identities: Vec<String>,
    /// Any of these: the issuer of the token, and the one that this asked.
    issuers: Vec<String>,
}

impl ExpectedSigner {
    pub fn of(claims: &Value) -> Result<Self, BadToken> {
        let issuer = text(&claims["iss"]).ok_or(BadToken::NoIssuer)?;
        let asked = text(&claims["federated_claims"]["connector_id"]);
        let identities = identities(claims, issuer);
        let issuers = std::iter::once(issuer).chain(asked).map(str::to_owned).collect();
        Ok(Self { identities, issuers })
    }

    /// Why a certificate is not the one of the token's owner; fits after "it is ".
    pub fn difference(&self, certificate: &Certificate) -> Option<String> {
        let Certificate { identities, issuers, .. } = certificate;
        let is_expected =
            |one: &String| self.identities.is_empty() || self.identities.contains(one);
        if identities.len() != 1 || !identities.iter().all(is_expected) {
            let of = self.identities.first().map_or("one identity".to_owned(), |one| quoted(one));
            return Some(format!("for {}, and the token for {of}", certificate.shown()));
        }
        if issuers.is_empty() || !issuers.iter().all(|issuer| self.issuers.contains(issuer)) {
            let other = issuers.iter().find(|issuer| !self.issuers.contains(issuer));
            let by = other.map_or("no issuer".to_owned(), |issuer| quoted(issuer));
            let of = self.issuers.first().map(|issuer| quoted(issuer)).unwrap_or_default();
            return Some(format!("for a token of {by}, and the token is of {of}"));
        }
        None
    }
}

/// What the identity may be, by the claims of each kind of issuer that Fulcio knows.
fn identities(claims: &Value, issuer: &str) -> Vec<String> {
    let claim = |name: &str| text(&claims[name]);
    if let Some(mail) = claim("email") {
        return vec![mail.to_owned()];
    }
    if let Some(workflow) = claim("job_workflow_ref") {
        let hosts = github_hosts(issuer).into_iter();
        return hosts.map(|host| format!("https://{host}/{workflow}")).collect();
    }
    if let Some(file) = claim("ci_config_ref_uri") {
        return vec![format!("https://{file}")];
    }
    let cluster = &claims["kubernetes.io"];
    let account = text(&cluster["namespace"]).zip(text(&cluster["serviceaccount"]["name"]));
    if let Some((namespace, name)) = account {
        let path = format!("namespaces/{namespace}/serviceaccounts/{name}");
        return vec![format!("https://kubernetes.io/{path}")];
    }
    if let Some((organization, pipeline)) = claim("organization_slug").zip(claim("pipeline_slug")) {
        return vec![format!("https://buildkite.com/{organization}/{pipeline}")];
    }
    // A URI of its own, as of SPIFFE. Any other subject is no identity by itself.
    let subject = claim("sub").filter(|subject| subject.contains("://"));
    subject.map(str::to_owned).into_iter().collect()
}

/// The servers whose jobs an issuer knows: github.com, or one of a company.
fn github_hosts(issuer: &str) -> Vec<String> {
    let url = Url::parse(issuer).ok();
    let host = url.as_ref().and_then(Url::host_str).filter(|host| *host != GITHUB_ISSUER);
    let own = host.map(|host| host.strip_prefix(GITHUB_ISSUER_PREFIX).unwrap_or(host).to_owned());
    std::iter::once(GITHUB.to_owned()).chain(own).collect()
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{BadToken, ExpectedSigner};
    use serde_json::{Value, json};

    fn expected(claims: &Value) -> Vec<String> {
        ExpectedSigner::of(claims).expect("an issuer").identities
    }

    #[test]
    fn identity_is_made_of_the_claims_as_fulcio_does() {
        let github = "https://token.actions.githubusercontent.com";
        let workflow = "octo/shop/.github/workflows/release.yml@refs/heads/main";
        let job = |issuer: &str| json!({ "iss": issuer, "sub": "repo:octo/shop", "job_workflow_ref": workflow });
        let own = format!("https://github.com/{workflow}");
        assert_eq!(expected(&job(github)), std::slice::from_ref(&own));
        assert_eq!(expected(&job(&format!("{github}/octo"))), std::slice::from_ref(&own));
        let server = "https://github.example.com/_services/token";
        let at_server = format!("https://github.example.com/{workflow}");
        assert_eq!(expected(&job(server)), [own.clone(), at_server]);
        let tenant = format!("https://octo.ghe.com/{workflow}");
        assert_eq!(expected(&job("https://token.actions.octo.ghe.com")), [own, tenant]);
        for (claims, wanted) in [
            (json!({ "email": "ann@example.com", "sub": "1" }), "ann@example.com"),
            (
                json!({ "ci_config_ref_uri": "gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main" }),
                "https://gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main",
            ),
            (
                json!({ "kubernetes.io": { "namespace": "a", "serviceaccount": { "name": "b" } } }),
                "https://kubernetes.io/namespaces/a/serviceaccounts/b",
            ),
            (
                json!({ "organization_slug": "a", "pipeline_slug": "b", "sub": "organization:a" }),
                "https://buildkite.com/a/b",
            ),
            (json!({ "sub": "spiffe://example.com/a" }), "spiffe://example.com/a"),
        ] {
            let mut claims = claims;
            claims["iss"] = "https://issuer.example.com".into();
            assert_eq!(expected(&claims), [wanted]);
        }
        assert!(expected(&json!({ "iss": "https://a.example.com", "sub": "1" })).is_empty());
    }

    #[test]
    fn issuer_is_the_one_of_the_token_or_the_one_that_this_asked() {
        let of = |claims: Value| ExpectedSigner::of(&claims).map(|expected| expected.issuers);
        let asked = json!({
            "iss": "https://oauth.example.com",
            "federated_claims": { "connector_id": "https://accounts.example.com" },
        });
        let both = ["https://oauth.example.com", "https://accounts.example.com"];
        assert_eq!(of(asked), Ok(both.map(str::to_owned).to_vec()));
        assert_eq!(of(json!({ "sub": "1" })), Err(BadToken::NoIssuer));
    }
}
