//! `plain-password`: a password is written into the plan.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Login, Plan, Pull};

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    let of_environments = plan.environments.iter().flat_map(|(_, one)| one.registries.all());
    for registry in plan.registries.all().chain(of_environments) {
        let login = registry.login.iter().filter_map(|login| match login {
            Login::User(user) => Some(&user.password),
            Login::Entra | Login::Admin | Login::DockerConfig | Login::Anonymous => None,
        });
        let pull = registry.pull.iter().filter_map(|pull| match pull {
            Pull::User(user) => Some(&user.password),
            Pull::Identity(_) | Pull::Anonymous => None,
        });
        for password in login.chain(pull).filter(|password| password.as_literal().is_some()) {
            let message = "a password stands in the plan, where all who read the repository see it";
            found.push(
                Diagnostic::warning("plain-password", message, &password.span)
                    .help("declare it under `secrets`, and write `${{ secrets.NAME }}` here"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::drawn;

    #[test]
    fn plain_password_is_a_warning() {
        let plan = "name: a\nregistries: { r.io: { login: { username: u, password: hunter22 } } }\nsteps: [{ run: x }]\n";
        assert_eq!(
            drawn(plan),
            "\
warning[plain-password]: a password stands in the plan, where all who read the repository see it
 --> shipway.yml:2:55
  |
2 | registries: { r.io: { login: { username: u, password: hunter22 } } }
  |                                                       ^^^^^^^^
  |
  = help: declare it under `secrets`, and write `${{ secrets.NAME }}` here"
        );
    }
}
