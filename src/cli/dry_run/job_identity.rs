//! As whom a dry run signs.

use crate::signing::KeylessSigner;

const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The job that signs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JobIdentity {
    pub identity: String,
    /// Who issues its tokens.
    pub issuer: String,
}

impl JobIdentity {
    /// A workflow of GitHub, by its name and ref below the server.
    pub fn of_workflow(path: &str) -> Self {
        let identity = format!("https://github.com/{path}");
        Self { identity, issuer: GITHUB_ISSUER.to_owned() }
    }

    /// One that as many as possible of the steps accept, of each of which one signer has to;
    /// `own` where that is enough, or where no other can be made.
    pub fn that_fits(steps: &[Vec<KeylessSigner>], own: Self) -> Self {
        let made = |signer: &KeylessSigner| {
            let issuer = signer.issuer.clone();
            signer.identity.example().map(|identity| Self { identity, issuer })
        };
        let accepting = |one: &Self| {
            let is_accepted = |signer: &KeylessSigner| signer.accepts(&one.identity, &one.issuer);
            steps.iter().filter(|signers| signers.iter().any(is_accepted)).count()
        };
        let mut most = accepting(&own);
        let mut best = own;
        for one in steps.iter().flatten().filter_map(made) {
            let count = accepting(&one);
            if count > most {
                (best, most) = (one, count);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::{GITHUB_ISSUER, JobIdentity};
    use crate::signing::{IdentityRule, KeylessSigner};

    fn exactly(name: &str) -> KeylessSigner {
        let identity = IdentityRule::Exactly(name.to_owned());
        KeylessSigner { identity, issuer: GITHUB_ISSUER.to_owned() }
    }

    fn matching(pattern: &str) -> KeylessSigner {
        let identity = IdentityRule::matching(pattern).expect("a pattern");
        KeylessSigner { identity, issuer: GITHUB_ISSUER.to_owned() }
    }

    #[test]
    fn identity_that_most_steps_accept_is_taken() {
        let fits = |steps: &[Vec<KeylessSigner>]| {
            let own = JobIdentity::of_workflow("octo/shop/.github/workflows/shipway.yml@main");
            JobIdentity::that_fits(steps, own).identity
        };
        let own = "https://github.com/octo/shop/.github/workflows/shipway.yml@main";
        assert_eq!(fits(&[]), own);
        assert_eq!(fits(&[vec![matching("https://github.com/octo/shop/.*")]]), own);
        assert_eq!(
            fits(&[vec![matching("https://github.com/octo/(api|web)/.*")]]),
            "https://github.com/octo/api/"
        );
        let both = [
            vec![matching("https://github.com/octo/api/.*")],
            vec![exactly("https://github.com/octo/api/x")],
        ];
        assert_eq!(fits(&both), "https://github.com/octo/api/x");
        assert_eq!(
            fits(&[vec![exactly("ann@example.com"), matching("bob@.*")]]),
            "ann@example.com"
        );
        // No identity is in two places.
        assert_eq!(
            fits(&[vec![exactly("ann@example.com")], vec![exactly("bob@example.com")]]),
            "ann@example.com"
        );
        assert_eq!(fits(&[vec![matching("[é]")]]), own);
        let other = KeylessSigner { issuer: "https://a.example.com".into(), ..matching(".*") };
        assert_eq!(fits(&[vec![other]]), own);
    }
}
