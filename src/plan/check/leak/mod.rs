//! Rules against leaks: secrets where they can be seen, and untrusted text where a
//! shell reads it.

mod exposed;
mod job_password;
mod password;
mod plain_env;
mod rewrite;
mod script;
mod secret_name;

pub use job_password::{PasswordInRepository, passwords_in_repository};

use super::uses::Uses;
use crate::plan::diagnostic::Diagnostic;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    for one in &uses.all {
        exposed::check(uses, one, found);
    }
    script::check(uses, found);
    password::check(uses.plan, found);
    plain_env::check(uses, found);
}
