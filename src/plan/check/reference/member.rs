//! `unknown-member`: a context whose members are listed has not this one.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::contexts::{Members, context, is_open_member};
use crate::plan::expr::{ContextRef, Segment};
use crate::plan::span::Span;

pub(super) fn mistake(reference: &ContextRef, span: &Span) -> Option<Diagnostic> {
    let context = context(reference.context())?;
    let Members::Closed(members) = context.members else { return None };
    let Some(Segment::Name(name)) = reference.path.get(1) else { return None };
    if !members.iter().any(|member| member.eq_ignore_ascii_case(name)) {
        let message = format!("`{}` has no member `{name}`", context.name);
        let diagnostic = Diagnostic::error("unknown-member", message, span)
            .suggest(name, members.iter().copied());
        let list = format!("it has `{}`", members.join("`, `"));
        return Some(if diagnostic.help.is_none() { diagnostic.help(list) } else { diagnostic });
    }
    if reference.path.len() > 2 && !is_open_member(context.name, name) {
        let message = format!("`{}.{name}` is a single value, without members", context.name);
        return Some(Diagnostic::error("unknown-member", message, span));
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn misspelt_and_unheard_of() {
        insta::assert_snapshot!(drawn(
            "name: a\nvars: { a: \"${{ git.shaa }}\", b: \"${{ pr.title }}\", c: \"${{ git.sha.x }}\" }\n\
             steps: [{ run: x }]\n"
        ));
    }

    #[test]
    fn what_is_open_and_what_ignores_case() {
        fine(
            "name: a\nvars: { a: \"${{ GitHub.Event.x.y[0] }}${{ env.ANY }}${{ git['SHA'] }}\" }\nsteps: [{ run: x }]\n",
        );
    }
}
