//! `cycle`: services that wait for each other for ever.

use crate::plan::check::uses::Uses;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::span::Spanned;

/// How far a service has been looked at.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Seen {
    Not,
    /// On the way from where the search began: to come back here is a cycle.
    OnTheWay,
    Done,
}

/// Goes along the needs of every service, each once, without recursion: a plan
/// may have a thousand in a row.
pub(super) fn check(uses: &Uses<'_>, found: &mut Vec<Diagnostic>) {
    let services = &uses.plan.services.0;
    let mut seen = vec![Seen::Not; services.len()];
    for start in 0..services.len() {
        // Services on the way, each with the number of its next need.
        let mut way: Vec<(usize, usize)> = Vec::new();
        if seen[start] == Seen::Not {
            seen[start] = Seen::OnTheWay;
            way.push((start, 0));
        }
        while let Some((service, next)) = way.last_mut() {
            let Some(need) = services[*service].1.needs.get(*next) else {
                seen[*service] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let Some(to) = uses.number_of(&need.value) else { continue };
            match seen[to] {
                Seen::Done => {}
                Seen::Not => {
                    seen[to] = Seen::OnTheWay;
                    way.push((to, 0));
                }
                Seen::OnTheWay => found.push(report(uses, &way, to)),
            }
        }
    }
}

fn report(uses: &Uses<'_>, way: &[(usize, usize)], to: usize) -> Diagnostic {
    let services = &uses.plan.services.0;
    let from = way.iter().position(|(service, _)| *service == to).unwrap_or_default();
    let edges: Vec<(&str, &Spanned<String>)> = way[from..]
        .iter()
        .filter_map(|(service, next)| {
            let (name, service) = services.get(*service)?;
            Some((name.value.as_str(), service.needs.get(next.checked_sub(1)?)?))
        })
        .collect();
    let Some(((name, need), others)) = edges.split_first() else {
        return Diagnostic::error("cycle", "services wait for each other", &(0..0));
    };
    let mut all: Vec<&str> = edges.iter().map(|(name, _)| *name).collect();
    all.push(name);
    let message = format!("`{name}` waits for itself: {}", all.join(" → "));
    let diagnostic = Diagnostic::error("cycle", message, &need.span)
        .label(format!("`{name}` needs `{}`", need.value));
    others.iter().fold(diagnostic, |diagnostic, (name, need)| {
        diagnostic.also(&need.span, format!("`{name}` needs `{}`", need.value))
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::check::drawn;

    #[test]
    fn of_one_and_of_three() {
        insta::assert_snapshot!(drawn(
            "name: a\nservices:\n  a: { needs: [c], steps: [{ run: x }] }\n  b: { needs: [a, d], steps: [{ run: x }] }\n  \
             c: { needs: b, steps: [{ run: x }] }\n  d: { needs: [d], steps: [{ run: x }] }\n"
        ));
    }
}
