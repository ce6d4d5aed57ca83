//! Rules against leaks: secrets where they can be seen, and untrusted text where a
//! shell reads it.

mod exposed;
mod password;
mod rewrite;
mod script;

use super::uses::Uses;
use crate::plan::diagnostic::Diagnostic;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    for one in &uses.all {
        exposed::check(uses, one, found);
    }
    script::check(uses, found);
    password::check(uses.plan, found);
}
