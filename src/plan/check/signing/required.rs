//! Which steps require something of images.

use crate::plan::schema::{Action, Require, Step};

/// What a step requires of images.
pub fn require_of(step: &Step) -> Option<&Require> {
    match &step.action {
        Action::Deploy(deploy) => deploy.require.as_ref(),
        Action::Verify(verify) => verify.require.as_ref(),
        Action::Build(_) | Action::Tag(_) | Action::Push(_) | Action::Run(_) => None,
    }
}
