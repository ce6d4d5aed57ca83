//! `verify-never-done`: a `verify` needs more time for its tries than it has.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::literal::{Period, Times};
use crate::plan::schema::{Action, Service, Verify};

pub(super) fn check(service: &Service, found: &mut Vec<Diagnostic>) {
    for step in &service.steps {
        if let Action::Verify(verify) = &step.action {
            found.extend(mistake(verify));
        }
    }
}

fn mistake(verify: &Verify) -> Option<Diagnostic> {
    let Times(consecutive) = verify.consecutive.as_literal()?;
    let (Period(every), Period(within)) = (verify.every.as_literal()?, verify.within.as_literal()?);
    // The first try is made at once.
    let least = every.saturating_mul(consecutive.saturating_sub(1));
    if consecutive < 2 || least < within {
        return None;
    }
    let spelled = |text: &str| format!("`{text}`");
    let (every, within) = (&verify.every.text, &verify.within.text);
    let message = format!(
        "{consecutive} tries, one every {}, take longer than {}",
        spelled(&every.source),
        spelled(&within.source)
    );
    let at = [&verify.consecutive.text.span, &within.span, &verify.span];
    let at = at.into_iter().find(|span| !span.is_empty())?;
    Some(
        Diagnostic::error("verify-never-done", message, at)
            .label("so it can never pass")
            .help("lengthen `within`, or shorten `every`"),
    )
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(verify: &str) -> String {
        format!("name: a\nsteps:\n- verify: {{ http: https://example.com/, {verify} }}\n")
    }

    #[test]
    fn tries_must_fit_into_their_time() {
        insta::assert_snapshot!(drawn(&plan("within: 10s, every: 5s, consecutive: 3")));
        insta::assert_snapshot!(drawn(&plan("consecutive: 91")));
        fine(&plan("within: 11s, every: 5s, consecutive: 3"));
        fine(&plan("within: 1s, every: 5s"));
        fine(&plan("within: \"${{ env.WITHIN }}\", every: 5s, consecutive: 3"));
    }
}
