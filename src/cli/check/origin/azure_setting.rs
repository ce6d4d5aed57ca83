//! Where a setting of `azure` comes from.

use super::place::{Origin, listed, own_settings, position, written};
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::cli::session::PlanSession;
use crate::plan::diagnostic::closest;
use crate::plan::expr::contexts::Site;
use crate::plan::schema::{Azure, Template, Text};
use crate::plan::{Found, PlanKeys as _, Visit};

/// A setting by its key, such as `location`, and each place that gives it.
pub(super) fn of(key: &str, session: &PlanSession) -> Result<String, Exit> {
    let known = || Azure::KEYS.iter().map(|known| known.name);
    if !known().any(|known| known == key) {
        let help = closest(key, known()).map(|near| format!("did you mean `{near}`?"));
        say::error(&[format!("`azure` has no key `{key}`")], help.as_deref());
        return Err(Exit::Usage);
    }
    let origin = |text: &Text, whose: &str| {
        Origin::with(format!("{}, {whose}", position(&text.span, session)), &text.source)
    };
    let own = own_settings(session).and_then(|(name, environment)| {
        let text = given(environment.azure.as_ref()?, key)?;
        Some(origin(text, &format!("of the environment `{name}`")))
    });
    let plan = written(session);
    let of_plan = plan.as_ref().and_then(|plan| given(plan.azure.as_ref()?, key));
    let of_plan = of_plan.map(|text| origin(text, "of the plan"));
    let origins: Vec<Origin> = own.into_iter().chain(of_plan).collect();
    let counted = session.plan.azure.as_ref().and_then(|azure| given(azure, key));
    let Some(text) = counted else {
        return Ok(format!(
            "`azure.{key}` is not given\n  neither by the plan nor by its environment"
        ));
    };
    let value = text.render(&session.scope).ok();
    let first = match value.as_ref().and_then(|value| value.plain()) {
        Some(value) => format!("`azure.{key}` is `{value}`"),
        None => format!("`azure.{key}` has a value only in a run"),
    };
    Ok(listed(&first, &origins))
}

/// A setting that is written, as a text.
fn given<'p>(azure: &'p Azure, key: &str) -> Option<&'p Text> {
    let mut text = None;
    let mut see = |found: Found<'p>| {
        if let Template::Text(one) = found.template
            && found.place.key == key
            && !one.span.is_empty()
        {
            text = Some(one);
        }
    };
    azure.visit_keys(&mut Visit::new(Site::Azure, &mut see));
    text
}
