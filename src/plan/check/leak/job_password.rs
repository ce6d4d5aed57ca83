//! `password-in-repository`: a job file with a password in it would be written into the
//! repository.
//!
//! Not one of the rules of a plan's text: the caller says what is in the repository.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Action, Deploy, DeployKind, Plan};
use crate::plan::span::Span;
use std::path::PathBuf;

/// The repository that holds a path of the file in which a span begins; `None` where it is
/// outside of that.
type RepositoryHolding<'h> = &'h dyn Fn(&Span, &str) -> Option<PathBuf>;

/// A password that would be written into a repository.
pub struct PasswordInRepository<'p> {
    pub deploy: &'p Deploy,
    /// As the plan names it.
    pub file: &'p str,
    pub repository: PathBuf,
}

impl PasswordInRepository<'_> {
    pub fn message(&self) -> String {
        let Self { file, repository, .. } = self;
        let repository = repository.display();
        format!("cannot write a password into `{file}`: it is in the repository `{repository}`")
    }

    pub fn help(&self) -> Option<String> {
        let help = match self.deploy.kind {
            DeployKind::BatchAiJob(_) => {
                "name a file outside of it with `to`, or let the service read the password from \
                 Key Vault: `vault-id` and `secret-url` in place of `password`"
            }
            DeployKind::BatchTask(_) => {
                "name a file outside of it with `to`, or let the pool's identity pull: `identity` \
                 in place of `password`"
            }
            DeployKind::Aci(_) | DeployKind::ContainerApp(_) => return None,
        };
        Some(help.to_owned())
    }
}

/// Reports job files with a password whose name is known and in the repository.
pub fn passwords_in_repository(plan: &Plan, holding: RepositoryHolding<'_>) -> Vec<Diagnostic> {
    let steps = plan
        .services
        .iter()
        .flat_map(|(name, service)| service.steps.iter().map(move |step| (&name.span, step)));
    let found = steps.filter_map(|(service, step)| {
        let Action::Deploy(deploy) = &step.action else { return None };
        deploy.job_password()?;
        let to = deploy.job_file()?.to;
        let file = to.as_literal()?;
        let repository = holding(service, file)?;
        let exposed = PasswordInRepository { deploy, file, repository };
        let diagnostic = Diagnostic::error("password-in-repository", exposed.message(), &to.span);
        Some(match exposed.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::passwords_in_repository;
    use crate::plan::span::Span;
    use crate::plan::{read, render};

    #[test]
    fn password_goes_into_no_file_of_the_repository() {
        let text = "name: a\nsecrets: { p: { env: P } }\nvars: { f: a }\nsteps:\n\
            - deploy: { image: r.io/b:v1, batch-task: { from: a, to: in/a, credentials: { username: u, password: \"${{ secrets.p }}\" } } }\n\
            - deploy: { image: r.io/b:v1, batch-task: { from: a, to: /out/a, credentials: { username: u, password: \"${{ secrets.p }}\" } } }\n\
            - deploy: { image: r.io/b:v1, batch-task: { from: a, to: \"${{ vars.f }}\", credentials: { username: u, password: \"${{ secrets.p }}\" } } }\n\
            - deploy: { image: r.io/b:v1, batch-task: { from: a, to: in/b, credentials: { identity: /ids/pull } } }\n\
            - deploy: { image: r.io/b:v1, batch-ai-job: { from: a, to: in/c, credentials: { username: u, password: \"${{ secrets.p }}\" } } }\n";
        let plan = read(text).plan.expect("a plan");
        let holding = |_: &Span, path: &str| (!path.starts_with('/')).then(|| "/repo".into());

        let found = passwords_in_repository(&plan, &holding);

        let heads: Vec<String> = found
            .iter()
            .map(|one| format!("{}: {}", one.message, one.help.clone().unwrap_or_default()))
            .collect();
        assert_eq!(
            heads,
            [
                "cannot write a password into `in/a`: it is in the repository `/repo`: name a file \
                 outside of it with `to`, or let the pool's identity pull: `identity` in place of \
                 `password`",
                "cannot write a password into `in/c`: it is in the repository `/repo`: name a file \
                 outside of it with `to`, or let the service read the password from Key Vault: \
                 `vault-id` and `secret-url` in place of `password`",
            ]
        );
        let shown = render("shipway.yml", text, &found[..1], false);
        assert!(
            shown.starts_with(
                "error[password-in-repository]: cannot write a password into `in/a`: it is in the \
                 repository `/repo`\n --> shipway.yml:5:58\n"
            ),
            "{shown}"
        );
    }
}
