//! `plain-password`: a password is written into the plan.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Login, Plan, Pull, Registry, Text};

pub(super) fn check(plan: &Plan, found: &mut Vec<Diagnostic>) {
    let of_environments = plan.environments.iter().flat_map(|(_, one)| one.registries.all());
    let registries = plan.registries.all().chain(of_environments).flat_map(passwords_of);
    let written = of_steps(plan).chain(registries).filter(|one| one.as_literal().is_some());
    found.extend(written.map(|password| {
        let message = "a password stands in the plan, where all who read the repository see it";
        Diagnostic::warning("plain-password", message, &password.span)
            .help("declare it under `secrets`, and write `${{ secrets.NAME }}` here")
    }));
}

fn passwords_of(registry: &Registry) -> impl Iterator<Item = &Text> {
    let login = registry.login.iter().filter_map(|login| match login {
        Login::User(user) => Some(&user.password),
        Login::Entra | Login::Admin | Login::DockerConfig | Login::Anonymous => None,
    });
    let pull = registry.pull.iter().filter_map(|pull| match pull {
        Pull::User(user) => Some(&user.password),
        Pull::Identity(_) | Pull::Anonymous => None,
    });
    login.chain(pull)
}

/// Those of keys that sign, and of job files.
fn of_steps(plan: &Plan) -> impl Iterator<Item = &Text> {
    let steps = plan.services.iter().flat_map(|(_, service)| &service.steps);
    steps.filter_map(|step| match &step.action {
        Action::Push(push) => push.sign.as_ref()?.password.as_ref(),
        Action::Deploy(deploy) => deploy.job_password(),
        _ => None,
    })
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
