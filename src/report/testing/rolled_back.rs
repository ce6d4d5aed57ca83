//! Services whose deploy was rolled back, or was to be.

use super::sample::{DIGEST, ended, failure, id, outputs, whole_failure};
use crate::event::{Failure, Revision, Rollback, RollbackOutcome, ServiceResult, Status};
use std::time::Duration;

fn revision() -> Revision {
    Revision {
        commit: Some("4e1d2aa9f3d6e14c459867679a90fd0f79123456".into()),
        digest: Some(DIGEST.into()),
        image: Some(format!("storefront.azurecr.io/web@{DIGEST}")),
    }
}

/// The image whose verify failed.
const WITHDRAWN: &str = "storefront.azurecr.io/web@sha256:8d1f0c77aa0b214f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c";

fn rolled_back_with(outcome: RollbackOutcome) -> ServiceResult {
    let failure = Failure { chain: vec!["no answer".into()], ..Failure::default() };
    let url = Some("http://x/".to_owned());
    ServiceResult {
        outputs: outputs(&[("url", "http://x/")]),
        took: Duration::from_secs(40),
        failure: Some((id("web", "verify"), failure)),
        rollbacks: vec![Rollback { step: id("web", "live"), outcome, url }],
        ..ended("web", Status::Failed, None, None)
    }
}

/// Its `verify` failed, and what ran before was put back.
pub(in crate::report) fn rolled_back() -> ServiceResult {
    let runs = [
        ("url", "http://x/"),
        ("digest", DIGEST),
        ("image", &format!("storefront.azurecr.io/web@{DIGEST}")),
    ];
    ServiceResult {
        outputs: outputs(&runs),
        withdrawn: Some(WITHDRAWN.into()),
        ..rolled_back_with(RollbackOutcome::RolledBack { to: revision() })
    }
}

/// Its `verify` failed, and so did the rollback.
pub(in crate::report) fn not_rolled_back() -> ServiceResult {
    let failure = whole_failure();
    rolled_back_with(RollbackOutcome::Failed { to: Some(revision()), failure })
}

/// Its deploy changed nothing, so that what ran before still runs.
pub(in crate::report) fn unchanged() -> ServiceResult {
    ServiceResult {
        failure: Some((id("web", "live"), failure())),
        rollbacks: vec![Rollback {
            step: id("web", "live"),
            outcome: RollbackOutcome::Unchanged { still: Some(revision()) },
            url: None,
        }],
        ..rolled_back()
    }
}
