//! The platform that a text of a plan names.

use crate::oci::Platform;
use crate::plan::schema::Text;

/// The platform, as far as it is known before the run.
pub(super) fn literal(text: &Text) -> Option<Platform> {
    text.as_literal()?.parse().ok()
}
