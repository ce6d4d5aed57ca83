//! `unknown-service`: a service needs one that is not there.

use crate::plan::check::uses::Uses;
use crate::plan::diagnostic::Diagnostic;

pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    for (_, service) in uses.plan.services.iter() {
        for need in service.needs.iter().filter(|need| uses.service(&need.value).is_none()) {
            let message = format!("no service is called `{}`", need.value);
            found.push(
                Diagnostic::error("unknown-service", message, &need.span)
                    .label("needed here")
                    .suggest(&need.value, uses.plan.services.keys()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::drawn;

    #[test]
    fn is_pointed_at() {
        assert_eq!(
            drawn(
                "name: a\nservices:\n  web:\n    needs: [migration]\n    steps: [{ run: x }]\n  migrations:\n    steps: [{ run: x }]\n"
            ),
            "\
error[unknown-service]: no service is called `migration`
 --> shipway.yml:4:13
  |
4 |     needs: [migration]
  |             ^^^^^^^^^ needed here
  |
  = help: did you mean `migrations`?"
        );
    }
}
