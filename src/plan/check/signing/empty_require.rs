//! `empty-require`: a `require` that demands nothing.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Require, Step};

pub(super) fn check(require: &Require, step: &Step, found: &mut Vec<Diagnostic>) {
    if require.is_empty() {
        let message = "`require` demands nothing of the image";
        found.push(
            Diagnostic::error("empty-require", message, &step.span)
                .help("name a public key as `signed-by`, or write `provenance: true`"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn empty_require_is_an_error() {
        let plan =
            "name: a\nsteps:\n- verify: { http: \"https://a.io/\", require: { signed-by: [] } }\n";
        assert_eq!(
            drawn(plan),
            "\
error[empty-require]: `require` demands nothing of the image
 --> shipway.yml:3:3
  |
3 | - verify: { http: \"https://a.io/\", require: { signed-by: [] } }
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: name a public key as `signed-by`, or write `provenance: true`"
        );
        fine(&plan.replace("signed-by: []", "provenance: true"));
        fine(&plan.replace("signed-by: []", "signed-by: [a.pub, b.pub]"));
    }
}
