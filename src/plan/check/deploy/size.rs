//! `size-out-of-range`: a container group asks for more CPU or memory than Azure
//! gives, or for none.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::literal::{Literal as _, Size};
use crate::plan::schema::{Aci, MAX_CPU, Step, Text};
use crate::plan::span::Span;

/// What a group may have over all its containers.
struct Limit {
    name: &'static str,
    /// More than this is given only in some regions, and on request.
    usual: f64,
    /// No group may have more.
    largest: f64,
    unit: &'static str,
}

/// "Resource availability and quota limits for Container Instances": the standard and
/// the big container groups.
const CPU: Limit = Limit { name: "cpu", usual: 4.0, largest: MAX_CPU, unit: " cores" };
const MEMORY: Limit = Limit { name: "memory", usual: 16.0, largest: 240.0, unit: " GB" };

pub(super) fn check(aci: &Aci, step: &Step, found: &mut Vec<Diagnostic>) {
    let cores = |text: &Text| f64::parse(text.as_literal()?).ok();
    let all = aci.all_settings().map(|container| &container.cpu.text);
    CPU.check(&amounts(all, cores), step, found);

    let all = aci.all_settings().map(|container| &container.memory.text);
    MEMORY.check(&amounts(all, gigabytes), step, found);
}

/// The amounts that the plan spells out, with their places.
fn amounts<'p>(
    texts: impl Iterator<Item = &'p Text>,
    read: impl Fn(&Text) -> Option<f64>,
) -> Vec<(f64, &'p Span)> {
    texts.filter_map(|text| Some((read(text)?, &text.span))).collect()
}

fn gigabytes(text: &Text) -> Option<f64> {
    let Size(bytes) = Size::parse(text.as_literal()?).ok()?;
    // Whole megabytes are exact enough, and fit.
    Some(f64::from(u32::try_from(bytes.div_ceil(1_000_000)).ok()?) / 1000.0)
}

impl Limit {
    fn check(&self, amounts: &[(f64, &Span)], step: &Step, found: &mut Vec<Diagnostic>) {
        let Self { name, usual, largest, unit } = self;
        for (amount, span) in amounts {
            if *amount == 0.0 {
                let message = format!("`{name}` cannot be 0");
                found.push(Diagnostic::error("size-out-of-range", message, span));
            }
        }
        let sum: f64 = amounts.iter().map(|(amount, _)| amount).sum();
        if sum <= *usual {
            return;
        }
        // An absent key stands nowhere in the plan.
        let written = amounts.iter().filter(|(_, span)| !span.is_empty());
        let most = written.max_by(|(a, _), (b, _)| a.total_cmp(b));
        let span = most.map_or(&step.span, |(_, span)| *span);
        let all = if amounts.len() > 1 { "of all its containers together " } else { "" };
        found.push(if sum > *largest {
            let message = format!("a container group cannot have {sum}{unit}");
            Diagnostic::error("size-out-of-range", message, span)
                .label(format!("{all}at most {largest}{unit}"))
        } else {
            let message = format!("{sum}{unit} may be refused by Azure");
            Diagnostic::warning("size-out-of-range", message, span)
                .label(format!("{all}more than {usual}{unit}"))
                .help("larger groups exist in some regions only, and need a quota for them")
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(aci: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      {aci}\n"
        )
    }

    #[test]
    fn more_than_azure_has_or_nothing_is_refused() {
        insta::assert_snapshot!(drawn(&plan("cpu: 64\n      memory: 0GB")));
        insta::assert_snapshot!(drawn(&plan("cpu: 0\n      memory: 1TB")));
    }

    #[test]
    fn more_than_is_usual_is_a_warning_also_when_containers_are_summed_up() {
        insta::assert_snapshot!(drawn(&plan(
            "cpu: 2\n      memory: 16GB\n      containers:\n      \
             - { name: x, image: \"a.io/b:v1\", cpu: 2.5 }"
        )));
    }

    #[test]
    fn usual_sizes_and_expressions_are_accepted() {
        fine(&plan("cpu: 4\n      memory: 16GB"));
        fine(&plan("cpu: 0.1\n      memory: 100MB"));
        fine(&plan("cpu: ${{ env.CPU }}"));
    }
}
