//! The hosts of registries whose keys hold expressions.

use crate::plan::expr::{EvalError, Scope};
use crate::plan::schema::{HostMistake, Plan, Text};

/// Gives each registry of the plan, and of the environment that is chosen, its host.
/// `scope` has what is known before secrets are read.
pub fn name_registries(
    plan: &mut Plan,
    environment: Option<&str>,
    scope: &Scope,
) -> Result<(), EvalError> {
    for registries in plan.registries_in(environment) {
        registries.name(|key| host_of(key, scope), mistake)?;
    }
    Ok(())
}

fn host_of(key: &Text, scope: &Scope) -> Result<String, EvalError> {
    let host = key.render_name(scope)?;
    let Some(host) = host.plain() else {
        return Err(EvalError {
            code: "secret-exposed",
            message: format!("`{}` is a secret, and the name of a resource is not", key.source),
            span: key.span.clone(),
            help: Some("take the host from a variable that no secret source names".to_owned()),
        });
    };
    Ok(host.to_owned())
}

fn mistake(key: &Text, mistake: HostMistake) -> EvalError {
    let (code, message, help) = match mistake {
        HostMistake::Invalid { host, expected } => {
            ("bad-value", format!("`{}` under `registries` gives `{host}`", key.source), expected)
        }
        HostMistake::Duplicate { host } => (
            "duplicate-key",
            format!("`{}` under `registries` gives `{host}`, which is listed already", key.source),
            "list each registry once".to_owned(),
        ),
    };
    EvalError { code, message, span: key.span.clone(), help: Some(help) }
}

#[cfg(test)]
mod tests {
    use super::name_registries;
    use crate::plan::expr::{EvalError, Object, Scope};
    use crate::plan::read;
    use crate::plan::schema::{Login, Plan};

    fn plan(registries: &str) -> Plan {
        let text = format!("name: a\nvars: {{ host: x }}\n{registries}\nsteps: [{{ run: x }}]\n");
        read(&text).plan.unwrap_or_else(|| panic!("{registries}"))
    }

    fn named(registries: &str, host: &str) -> Result<Plan, EvalError> {
        let mut plan = plan(registries);
        let scope = Scope::default().with("vars", Object::default().with("host", host));
        name_registries(&mut plan, Some("live"), &scope)?;
        plan.take_environment("live");
        Ok(plan)
    }

    #[test]
    fn keys_are_evaluated() {
        let plan = named(
            "registries:\n  ${{ vars.host }}.azurecr.io: { login: admin }\n  a.io: { login: anonymous }",
            "demo",
        );
        let plan = plan.expect("named");
        let hosts: Vec<&str> = plan.registries.keys().collect();
        assert_eq!(hosts, ["a.io", "demo.azurecr.io"]);
        let demo = plan.registries.get("demo.azurecr.io").expect("there");
        assert!(matches!(demo.login, Some(Login::Admin)));
    }

    #[test]
    fn environment_changes_the_registry_of_the_same_host() {
        let text = "registries: { '${{ vars.host }}': { login: admin, insecure: true } }\n\
                    environments: { live: { registries: { demo.azurecr.io: { login: entra } } } }";
        let plan = named(text, "demo.azurecr.io").expect("named");
        assert_eq!(plan.registries.len(), 1);
        let demo = plan.registries.get("demo.azurecr.io").expect("there");
        assert!(matches!(demo.login, Some(Login::Entra)));
        assert_eq!(demo.insecure.as_literal(), Some(true));
        let text = "registries: { demo.azurecr.io: { insecure: true } }\n\
                    environments: { live: { registries: { '${{ vars.host }}': { login: entra } } } }";
        let plan = named(text, "demo.azurecr.io").expect("named");
        let demo = plan.registries.get("demo.azurecr.io").expect("there");
        assert!(matches!(demo.login, Some(Login::Entra)));
        assert_eq!(demo.insecure.as_literal(), Some(true));
    }

    #[test]
    fn docker_hub_has_one_host() {
        let plan = named("registries: { '${{ vars.host }}': {} }", "index.docker.io");
        assert_eq!(plan.expect("named").registries.keys().collect::<Vec<_>>(), ["docker.io"]);
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let shown = |host: &str| {
            let text = "registries: { '${{ vars.host }}': {}, a.io: {} }";
            let error = named(text, host).expect_err("no host");
            (error.code, error.message, error.help.unwrap_or_default())
        };
        let (code, message, help) = shown("a b");
        assert_eq!(code, "bad-value");
        assert_eq!(message, "`${{ vars.host }}` under `registries` gives `a b`");
        assert_eq!(help, "expected a host name, with its port where it has one");
        let (code, message, help) = shown("a.io");
        assert_eq!(code, "duplicate-key");
        assert_eq!(
            message,
            "`${{ vars.host }}` under `registries` gives `a.io`, which is listed already"
        );
        assert_eq!(help, "list each registry once");
        let (_, message, help) = shown("");
        assert_eq!(message, "`vars.host` is empty, and a name would be made of it");
        assert_eq!(help, "`${{ vars.host || 'none' }}` has a name for that case");
    }
}
