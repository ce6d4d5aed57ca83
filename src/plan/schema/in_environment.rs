//! What holds in an environment: the plan's settings, with those of the environment in
//! their place.

use super::azure::Azure;
use super::environment::Environment;
use super::plan::Plan;
use super::registry::{Registries, Registry};
use super::secret::SecretDeclaration;
use super::text::{Field, Map, Text};
use crate::plan::span::Spanned;

/// The settings of Azure that hold in one environment, each as it is written where it
/// counts.
#[derive(Clone, Copy, Debug)]
pub struct AzureInEnvironment<'p> {
    /// The name of the environment. `None` for a plan without environments.
    pub name: Option<&'p Spanned<String>>,
    own: Option<&'p Azure>,
    plan: Option<&'p Azure>,
}

impl<'p> AzureInEnvironment<'p> {
    pub fn resource_group(self) -> Option<&'p Text> {
        self.first(|azure| azure.resource_group.as_ref())
    }

    pub fn location(self) -> Option<&'p Text> {
        self.first(|azure| azure.location.as_ref())
    }

    /// What is said of `create`; `None` if it is left out.
    pub fn create(self) -> Option<&'p Text> {
        self.first(|azure| is_given(&azure.create).then_some(&azure.create.text))
    }

    fn first<T>(self, setting: impl Fn(&'p Azure) -> Option<T>) -> Option<T> {
        self.own.and_then(&setting).or_else(|| self.plan.and_then(&setting))
    }
}

impl Plan {
    /// The settings of Azure in each environment, or those of the plan if it has none.
    pub fn azure_in_each(&self) -> Vec<AzureInEnvironment<'_>> {
        let plan = self.azure.as_ref();
        if self.environments.len() == 0 {
            return vec![AzureInEnvironment { name: None, own: None, plan }];
        }
        let each = self.environments.iter().map(|(name, environment)| AzureInEnvironment {
            name: Some(name),
            own: environment.azure.as_ref(),
            plan,
        });
        each.collect()
    }

    /// The secrets of the plan, then those of its environments.
    pub fn all_secrets(&self) -> impl Iterator<Item = (&Spanned<String>, &SecretDeclaration)> {
        let of_environments = self.environments.iter().flat_map(|(_, one)| one.secrets.iter());
        self.secrets.iter().chain(of_environments)
    }

    /// The registries of the plan, and those of an environment.
    pub fn registries_in(&mut self, environment: Option<&str>) -> Vec<&mut Registries> {
        let own =
            self.environments.0.iter_mut().filter(|(name, _)| Some(&*name.value) == environment);
        let own = own.map(|(_, one)| &mut one.registries);
        std::iter::once(&mut self.registries).chain(own).collect()
    }

    /// Takes the settings of an environment in place of the plan's: keys of `azure` and of
    /// each registry one by one, secrets by their names. One that is not there changes
    /// nothing.
    pub fn take_environment(&mut self, name: &str) {
        let Some(Environment { azure, registries, secrets, .. }) =
            self.environments.get(name).cloned()
        else {
            return;
        };
        if let Some(own) = azure {
            match &mut self.azure {
                Some(azure) => azure.take(own),
                None => self.azure = Some(own),
            }
        }
        self.registries.take(registries);
        for (name, declaration) in secrets.0 {
            put(&mut self.secrets, name, declaration);
        }
    }
}

impl Azure {
    fn take(&mut self, own: Self) {
        let Self { subscription, resource_group, location, create, cloud, sign_in } = own;
        replace(&mut self.subscription, subscription);
        replace(&mut self.resource_group, resource_group);
        replace(&mut self.location, location);
        replace_given(&mut self.create, create);
        replace_given(&mut self.cloud, cloud);
        replace_given(&mut self.sign_in, sign_in);
    }
}

impl Registries {
    fn take(&mut self, own: Self) {
        for (host, registry) in own.named.0 {
            match self.named.0.iter_mut().find(|(known, _)| known.value == host.value) {
                Some((_, known)) => known.take(registry),
                None => self.named.0.push((host, registry)),
            }
        }
    }
}

impl Registry {
    fn take(&mut self, own: Self) {
        let Self { login, pull, create, ca, insecure } = own;
        replace(&mut self.login, login);
        replace(&mut self.pull, pull);
        replace(&mut self.create, create);
        replace(&mut self.ca, ca);
        replace_given(&mut self.insecure, insecure);
    }
}

/// Sets an entry. Names of secrets differ by more than case.
fn put<T>(map: &mut Map<T>, name: Spanned<String>, value: T) {
    let is_same = |known: &Spanned<String>| known.value.eq_ignore_ascii_case(&name.value);
    match map.0.iter_mut().find(|(known, _)| is_same(known)) {
        Some(entry) => *entry = (name, value),
        None => map.0.push((name, value)),
    }
}

fn replace<T>(setting: &mut Option<T>, own: Option<T>) {
    if own.is_some() {
        *setting = own;
    }
}

fn replace_given<T>(setting: &mut Field<T>, own: Field<T>) {
    if is_given(&own) {
        *setting = own;
    }
}

/// Whether the plan writes a value rather than leaving it to the default.
fn is_given<T>(field: &Field<T>) -> bool {
    !field.text.span.is_empty()
}

#[cfg(test)]
mod tests {
    use crate::plan::read;
    use crate::plan::schema::{Login, Plan, SecretSource};

    const PLAN: &str = "\
name: a
azure: { resource-group: test, location: westeurope, create: true }
registries:
  demo.azurecr.io: { login: admin, create: { sku: Basic } }
secrets: { database: { env: TEST_DATABASE }, token: { env: TOKEN } }
environments:
  production:
    if: github.ref == 'refs/heads/main'
    azure: { resource-group: live, create: false }
    registries:
      demo.azurecr.io: { login: entra }
      live.azurecr.io: { login: entra }
    secrets: { database: { keyvault: 'https://live.vault.azure.net/secrets/database' }, more: { env: MORE } }
  test: {}
steps:
  - run: deploy
    env: { A: '${{ secrets.database }}', B: '${{ secrets.token }}' }
";

    fn plan(environment: &str) -> Plan {
        let mut plan = read(PLAN).plan.expect("a plan");
        plan.take_environment(environment);
        plan
    }

    #[test]
    fn environment_replaces_single_keys() {
        let plan = plan("production");
        let azure = plan.azure.as_ref().expect("there");
        assert_eq!(azure.resource_group.as_ref().expect("there").source, "live");
        assert_eq!(azure.location.as_ref().expect("there").source, "westeurope");
        assert_eq!(azure.create.as_literal(), Some(false));
        let hosts: Vec<&str> = plan.registries.keys().collect();
        assert_eq!(hosts, ["demo.azurecr.io", "live.azurecr.io"]);
        let demo = plan.registries.get("demo.azurecr.io").expect("there");
        assert!(matches!(demo.login, Some(Login::Entra)));
        assert!(demo.create.is_some());
        let names: Vec<&str> = plan.secrets.keys().collect();
        assert_eq!(names, ["database", "token", "more"]);
        let database = plan.secrets.get("database").expect("there");
        assert!(matches!(database.sources[0].value, SecretSource::KeyVault(_)));
    }

    #[test]
    fn environment_that_says_nothing_leaves_the_plan() {
        for environment in ["test", "not-there"] {
            let plan = plan(environment);
            let azure = plan.azure.as_ref().expect("there");
            assert_eq!(azure.resource_group.as_ref().expect("there").source, "test");
            assert_eq!(azure.create.as_literal(), Some(true));
            assert_eq!(plan.registries.len(), 1);
            assert_eq!(plan.secrets.len(), 2);
        }
    }
}
