//! Texts made of expressions in part: whether any value makes them valid.

use crate::plan::literal::Shape;
use crate::plan::schema::{Part, Text};

/// A text with more expressions is not tried: the combinations of what they may give
/// are too many.
const MAX_EXPRESSIONS: usize = 3;

/// What was expected of a text that no value of its expressions makes valid.
pub(super) fn mistake(text: &Text, shape: &Shape) -> Option<String> {
    let expressions = text.expressions().count();
    let fillings = shape.fillings.len();
    if expressions > MAX_EXPRESSIONS || fillings == 0 {
        return None;
    }
    let combinations = fillings.pow(u32::try_from(expressions).unwrap_or_default());
    let mut first = None;
    for number in 0..combinations {
        match (shape.check)(&filled(text, shape.fillings, number)) {
            Ok(()) => return None,
            Err(expected) => first = first.or(Some(expected)),
        }
    }
    first
}

/// The text with its expressions replaced by one combination of the fillings, by the
/// number of the combination.
fn filled(text: &Text, fillings: &[&str], mut number: usize) -> String {
    let mut all = String::with_capacity(text.source.len());
    for part in &text.parts {
        match part {
            Part::Literal(literal) => all.push_str(literal),
            Part::Expression(_) => {
                all.push_str(fillings[number % fillings.len()]);
                number /= fillings.len();
            }
        }
    }
    all
}

/// A similar text that is valid, or that some value makes valid.
pub(super) fn repaired(text: &Text, shape: &Shape) -> Option<String> {
    let repair = shape.repair?;
    if let Some(literal) = text.as_literal() {
        return Some(repair(literal)).filter(|repaired| (shape.check)(repaired).is_ok());
    }
    let repaired: Vec<Part> = text
        .parts
        .iter()
        .map(|part| match part {
            Part::Literal(literal) => Part::Literal(repair(literal)),
            Part::Expression(_) => part.clone(),
        })
        .collect();
    let shown = repaired.iter().map(|part| match part {
        Part::Literal(literal) => literal.clone(),
        Part::Expression(one) => format!("${{{{ {} }}}}", one.value),
    });
    let source: String = shown.collect();
    let repaired = Text { source: source.into(), span: text.span.clone(), parts: repaired };
    mistake(&repaired, shape).is_none().then(|| repaired.source.into_owned())
}

#[cfg(test)]
mod tests {
    use crate::plan::{read, render};

    fn drawn(aci: &str) -> String {
        let text = format!(
            "name: a\nazure: {{ resource-group: g }}\nvars: {{ v: x }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      \
             ports: [80]\n      {aci}\n"
        );
        render("shipway.yml", &text, &read(&text).diagnostics, false)
    }

    #[test]
    fn name_that_no_value_makes_valid_is_refused() {
        assert_eq!(
            drawn("dns-label: \"Servers_Prod${{ github.run_number }}\""),
            "\
error[bad-value]: `dns-label` cannot be `Servers_Prod${{ github.run_number }}`, whatever its expressions give
 --> shipway.yml:9:18
  |
9 |       dns-label: \"Servers_Prod${{ github.run_number }}\"
  |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected 5 to 63 lower-case letters, digits and `-`, a letter first, no `-` last
  |
  = help: did you mean `servers-prod${{ github.run_number }}`?"
        );
        assert_eq!(
            drawn("name: shop_pr-${{ pr.number }}"),
            "\
error[bad-value]: `name` cannot be `shop_pr-${{ pr.number }}`, whatever its expressions give
 --> shipway.yml:9:13
  |
9 |       name: shop_pr-${{ pr.number }}
  |             ^^^^^^^^^^^^^^^^^^^^^^^^ expected 1 to 63 lower-case letters, digits and `-`, no `-` first or last
  |
  = help: did you mean `shop-pr-${{ pr.number }}`?"
        );
    }

    #[test]
    fn literal_name_is_repaired() {
        let drawn = drawn("name: Shop_Live");
        assert!(drawn.ends_with("= help: did you mean `shop-live`?"), "{drawn}");
    }

    #[test]
    fn repository_in_upper_case_is_refused_with_any_tag() {
        let text =
            "name: a\nsteps:\n- build: .\n- tag: demo.azurecr.io/Shop:${{ git.sha }}\n- push:\n";
        assert_eq!(
            render("shipway.yml", text, &read(text).diagnostics, false),
            "\
error[bad-value]: `tag` cannot be `demo.azurecr.io/Shop:${{ git.sha }}`, whatever its expressions give
 --> shipway.yml:4:8
  |
4 | - tag: demo.azurecr.io/Shop:${{ git.sha }}
  |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ `Shop` is not a repository: lower-case letters, digits and single `.`, `_`, `-` between them, parts joined by `/`"
        );
    }

    #[test]
    fn name_that_some_value_makes_valid_is_accepted() {
        for aci in [
            "dns-label: \"${{ vars.v }}\"",
            "dns-label: \"${{ vars.v }}-prod\"",
            "dns-label: \"x${{ vars.v }}\"",
            "dns-label: \"shop-${{ pr.slug }}${{ vars.v }}\"",
            "name: \"1${{ vars.v }}\"",
            "resource-group: \"My_Group-${{ vars.v }}\"",
        ] {
            assert_eq!(drawn(aci), "", "{aci}");
        }
        for image in [
            "${{ env.IMAGE }}",
            "${{ env.HOST }}/web:${{ git.sha }}",
            "${{ env.HOST }}:5000/web:v1",
            "demo.azurecr.io/web@${{ env.DIGEST }}",
            "demo.azurecr.io/web:V1-${{ git.sha }}",
            "Demo.azurecr.io/${{ vars.v }}${{ env.SUFFIX }}",
            "${{ vars.v }}.azurecr.io/web${{ env.TAG }}",
        ] {
            let text = format!(
                "name: a\nazure: {{ resource-group: g }}\nvars: {{ v: x }}\nsteps:\n\
                 - deploy: {{ image: \"{image}\", aci: }}\n"
            );
            assert_eq!(
                render("shipway.yml", &text, &read(&text).diagnostics, false),
                "",
                "{image}"
            );
        }
    }
}
