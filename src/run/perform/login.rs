//! The user and password of a registry that the plan gives.

use super::names::public;
use crate::plan::expr::{EvalError, Rendered, Scope};
use crate::plan::schema::{Text, UserPassword};
use crate::run::outcome::StepError;
use crate::secret::Secret;

/// Evaluates both. An empty one is an error here, because the registry would answer
/// to it with a refusal that names neither.
pub fn user_password(
    user: &UserPassword,
    host: &str,
    scope: &Scope,
) -> Result<(String, Secret), StepError> {
    let refused = |error: StepError| error.while_doing(format!("cannot sign in to `{host}`"));
    let username = filled(&user.username, "a user's name", scope);
    let username = public(&user.username, username, "user's name").map_err(refused)?;
    let password = match filled(&user.password, "a password", scope) {
        Ok(Rendered::Secret(secret)) => secret,
        Ok(Rendered::Plain(text)) => scope.redactor().adopt("the registry's password", text),
        Err(error) => return Err(refused(error.into())),
    };
    Ok((username, password))
}

fn filled(text: &Text, what: &str, scope: &Scope) -> Result<Rendered, EvalError> {
    text.render_filled(scope, what).map_err(|mut error| {
        if error.code == "empty-name" {
            // Another user in its place would not be of use.
            error.help = Some(format!("set it, or write {what} that is always there"));
        }
        error
    })
}

#[cfg(test)]
mod tests {
    use super::user_password;
    use crate::plan::expr::{Object, Scope};
    use crate::plan::schema::Login;

    #[test]
    fn empty_user_is_refused_with_its_line() {
        let text = "name: a\nregistries:\n  a.io:\n    login: { username: \"${{ env.NOPE }}\", password: \"${{ env.PASS }}\" }\nsteps: [{ run: x }]\n";
        let plan = crate::plan::read(text).plan.expect("a plan");
        let Some(Login::User(user)) = &plan.registries.get("a.io").expect("there").login else {
            panic!("no user")
        };
        let with = |name: &str, pass: &str| {
            let env = Object::default().with("NOPE", name).with("PASS", pass);
            user_password(user, "a.io", &Scope::default().with("env", env))
        };

        let error = with("", "hunter22").expect_err("no user");
        assert_eq!(
            error.failure.chain,
            [
                "cannot sign in to `a.io`",
                "`env.NOPE` is empty, and a user's name would be made of it"
            ]
        );
        assert_eq!(
            error.failure.help.as_deref(),
            Some("set it, or write a user's name that is always there")
        );
        assert_eq!(&text[error.span.expect("a place")], "env.NOPE");
        let error = with("me", "").expect_err("no password");
        assert_eq!(
            error.failure.chain[1],
            "`env.PASS` is empty, and a password would be made of it"
        );
        let (user, password) = with("me", "hunter22").expect("both");
        assert_eq!((user.as_str(), password.expose()), ("me", "hunter22"));
    }
}
