//! The Fulcio and the Rekor that a plan names, and who signs in a dry run.

use super::initial_state::Blueprint;
use super::job_identity::JobIdentity;
use crate::local::SigstoreHosts;
use crate::plan::expr::EvalError;
use crate::plan::schema::{
    Action, IdentityName, Keyless, Require, SignWith, Signer, SignerIdentity, Text,
};
use crate::signing::{IdentityRule, KeylessSigner};
use url::Url;

/// Whose services have no path of their own.
const PUBLIC: [&str; 2] = [".sigstore.dev", ".sigstage.dev"];

impl Blueprint<'_> {
    /// `None` where the plan signs by keys alone.
    pub fn sigstore(&self, repository: &str) -> Result<Option<SigstoreHosts>, EvalError> {
        let (mut fulcio, mut rekor) = (Vec::new(), Vec::new());
        for keyless in self.keyless() {
            fulcio.extend(self.service_at(&keyless.fulcio)?);
            rekor.extend(self.service_at(&keyless.rekor)?);
        }
        if fulcio.is_empty() && rekor.is_empty() {
            return Ok(None);
        }
        for hosts in [&mut fulcio, &mut rekor] {
            hosts.sort_unstable();
            hosts.dedup();
        }
        let JobIdentity { identity, issuer } = self.job(repository)?;
        Ok(Some(SigstoreHosts { fulcio, rekor, identity, issuer }))
    }

    fn keyless(&self) -> impl Iterator<Item = &Keyless> {
        self.actions().filter_map(|action| match action {
            Action::Push(push) => match &push.sign.as_ref()?.with {
                SignWith::Keyless(keyless) => Some(keyless.as_ref()),
                SignWith::Key(_) => None,
            },
            _ => None,
        })
    }

    /// Where a service is. What is no URL is reported by the run.
    fn service_at(&self, text: &Text) -> Result<Option<String>, EvalError> {
        let url = Url::parse(text.render(&self.scope)?.expose()).ok();
        Ok(url.as_ref().and_then(service_at))
    }

    /// Who signs: the job that this is, or else one that the plan requires, so that it can be
    /// tried elsewhere.
    fn job(&self, repository: &str) -> Result<JobIdentity, EvalError> {
        let context = self.scope.context("github");
        let workflow = context.map(|github| github.get("workflow_ref").text());
        if let Some(workflow) = workflow.filter(|workflow| !workflow.is_empty()) {
            return Ok(JobIdentity::of_workflow(&workflow));
        }
        let own = format!("{repository}/.github/workflows/shipway.yml@refs/heads/main");
        Ok(JobIdentity::that_fits(&self.required()?, JobIdentity::of_workflow(&own)))
    }

    /// The identities that the plan requires, those of each step together.
    fn required(&self) -> Result<Vec<Vec<KeylessSigner>>, EvalError> {
        let required = self.actions().filter_map(|action| match action {
            Action::Deploy(deploy) => deploy.require.as_ref(),
            Action::Verify(verify) => verify.require.as_ref(),
            _ => None,
        });
        let mut all = Vec::new();
        for Require { signed_by, .. } in required {
            let mut signers = Vec::new();
            for signer in signed_by {
                if let Signer::Identity(identity) = signer {
                    signers.extend(self.signer(identity)?);
                }
            }
            all.push(signers);
        }
        Ok(all)
    }

    /// A pattern that is none is reported by the run.
    fn signer(&self, identity: &SignerIdentity) -> Result<Option<KeylessSigner>, EvalError> {
        let SignerIdentity { name, issuer, .. } = identity;
        let issuer = issuer.render(&self.scope)?.expose().to_owned();
        let given = name.text().render(&self.scope)?;
        let identity = match name {
            IdentityName::Exactly(_) => Some(IdentityRule::Exactly(given.expose().to_owned())),
            IdentityName::Matching(_) => IdentityRule::matching(given.expose()).ok(),
        };
        Ok(identity.map(|identity| KeylessSigner { identity, issuer }))
    }
}

/// The host of a URL with its port unless that is 443, and the path below which the service
/// is. The paths of the services themselves begin with `api`, and the public ones have none
/// before it: a URL with more is one to which a real service answers 404.
fn service_at(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let is_public = PUBLIC.iter().any(|domain| host.ends_with(domain));
    let path = url.path_segments().filter(|_| !is_public).into_iter().flatten();
    let path = path.filter(|segment| !segment.is_empty()).take_while(|segment| *segment != "api");
    let path: String = path.flat_map(|segment| ["/", segment]).collect();
    Some(format!("{host}{port}{path}"))
}

#[cfg(test)]
mod tests {
    use super::service_at;
    use url::Url;

    #[test]
    fn service_is_below_the_path_before_its_own() {
        for (url, wanted) in [
            ("https://rekor.example.com", "rekor.example.com"),
            ("https://rekor.example.com:8443/log/", "rekor.example.com:8443/log"),
            ("https://rekor.example.com/a/log/api/v1", "rekor.example.com/a/log"),
            ("https://rekor.example.com/api", "rekor.example.com"),
            ("https://rekor.sigstore.dev/api", "rekor.sigstore.dev"),
            ("https://rekor.sigstore.dev/log", "rekor.sigstore.dev"),
            ("https://fulcio.sigstage.dev/v2", "fulcio.sigstage.dev"),
        ] {
            let url = Url::parse(url).expect("a URL");
            assert_eq!(service_at(&url).as_deref(), Some(wanted), "{url}");
        }
    }
}
