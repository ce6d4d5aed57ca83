//! Reads what stands around the steps: Azure, registries, secrets, environments.

use super::literal;
use super::mapping::Mapping;
use super::reader::Reader;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{
    Azure, Create, Environment, Field, KeyVaultReference, Login, Map, Pull, Registry,
    SecretDeclaration, SecretSource, Text,
};
use crate::plan::span::Spanned;
use crate::plan::tree::{Kind, Node};

/// How a secret in a vault is named as Batch AI and its kin do.
const REFERENCED: [&str; 2] = ["vault-id", "secret-url"];

/// How it is named by its vault.
const NAMED: [&str; 3] = ["vault", "name", "version"];

const LOGINS: [&str; 4] = ["entra", "admin", "docker-config", "anonymous"];

impl Reader<'_> {
    pub(super) fn azure(&mut self, node: &Node) -> Option<Azure> {
        let keys = ["subscription", "resource-group", "location", "cloud"];
        let keys = self.mapping("`azure`", node, &keys)?;
        let mut string =
            |key| keys.get(key).and_then(|node| self.checked(key, node, literal::not_empty));
        Some(Azure {
            subscription: string("subscription"),
            resource_group: string("resource-group"),
            location: string("location"),
            cloud: self.field_or(&keys, "cloud", "public"),
            span: node.span.clone(),
        })
    }

    /// A scalar of a certain type, or what an absent one is read as.
    pub(super) fn field_or<T: crate::plan::expr::Scalar>(
        &mut self,
        keys: &Mapping<'_>,
        key: &str,
        default: &str,
    ) -> Field<T> {
        keys.get(key)
            .and_then(|node| self.field(key, node))
            .unwrap_or_else(|| Field::default_of(default))
    }

    pub(super) fn registries(&mut self, node: &Node) -> Map<Registry> {
        self.named("registries", node, literal::host, |reader, _, node| reader.registry(node))
    }

    fn registry(&mut self, node: &Node) -> Option<Registry> {
        let keys = self.mapping("a registry", node, &["login", "pull", "create", "insecure"])?;
        Some(Registry {
            login: keys.get("login").and_then(|node| self.login(node)),
            pull: keys.get("pull").and_then(|node| self.pull(node)),
            create: keys.get("create").and_then(|node| self.create(node)),
            insecure: self.field_or(&keys, "insecure", "false"),
            span: node.span.clone(),
        })
    }

    fn login(&mut self, node: &Node) -> Option<Login> {
        if matches!(node.kind, Kind::Mapping(_)) {
            let keys = self.mapping("`login`", node, &["username", "password"])?;
            let (username, password) = self.user(&keys)?;
            return Some(Login::User { username, password });
        }
        let word = self.word("login", node)?;
        match word.value.as_str() {
            "entra" => Some(Login::Entra),
            "admin" => Some(Login::Admin),
            "docker-config" => Some(Login::DockerConfig),
            "anonymous" => Some(Login::Anonymous),
            _ => {
                self.bad_word("login", &word, &LOGINS);
                None
            }
        }
    }

    fn pull(&mut self, node: &Node) -> Option<Pull> {
        let keys = self.mapping("`pull`", node, &["identity", "username", "password"])?;
        let Some(identity) = keys.get("identity") else {
            let (username, password) = self.user(&keys)?;
            return Some(Pull::User { username, password });
        };
        if let (Some(user), Some(identity)) =
            (keys.first_of(&["username", "password"]), keys.key("identity"))
        {
            self.conflict(user, identity, "the service pulls in one way");
        }
        self.checked("identity", identity, literal::not_empty).map(Pull::Identity)
    }

    fn user(&mut self, keys: &Mapping<'_>) -> Option<(Text, Text)> {
        let (username, password) = (
            self.required(keys, "username", literal::not_empty),
            self.required(keys, "password", literal::not_empty),
        );
        username.zip(password)
    }

    fn create(&mut self, node: &Node) -> Option<Create> {
        let keys = self.mapping("`create`", node, &["sku", "admin-user"])?;
        let sku = keys.get("sku").and_then(|node| self.checked("sku", node, literal::sku));
        Some(Create {
            sku: sku.unwrap_or_else(|| Text::default_of("Basic")),
            admin_user: self.field_or(&keys, "admin-user", "false"),
        })
    }

    pub(super) fn environments(&mut self, node: &Node) -> Map<Environment> {
        self.named("environments", node, literal::name, |reader, _, node| reader.environment(node))
    }

    fn environment(&mut self, node: &Node) -> Option<Environment> {
        let keys = self.mapping("an environment", node, &["if", "protected", "vars", "ttl"])?;
        Some(Environment {
            condition: keys.get("if").and_then(|node| self.condition(node)),
            protected: self.field_or(&keys, "protected", "false"),
            vars: keys
                .get("vars")
                .map(|node| self.strings_by_name("vars", node, literal::name))
                .unwrap_or_default(),
            ttl: keys.get("ttl").and_then(|node| self.field("ttl", node)),
            span: node.span.clone(),
        })
    }

    pub(super) fn secrets(&mut self, node: &Node) -> Map<SecretDeclaration> {
        self.named("secrets", node, literal::name, |reader, name, node| {
            let items = node.items();
            if items.is_empty() {
                let message = format!("the secret `{}` has no source", name.value);
                let diagnostic = Diagnostic::error("missing-key", message, &node.span);
                reader.report(diagnostic.help("give it `env: NAME` or `keyvault: URL`"));
            }
            let sources = items.iter().filter_map(|item| {
                Some(Spanned::new(reader.secret_source(item)?, item.span.clone()))
            });
            // One that could not be read is declared all the same.
            Some(SecretDeclaration { sources: sources.collect() })
        })
    }

    fn secret_source(&mut self, node: &Node) -> Option<SecretSource> {
        let keys = self.mapping("a source of a secret", node, &["env", "keyvault"])?;
        if let (Some(env), Some(keyvault)) = (keys.key("env"), keys.key("keyvault")) {
            self.conflict(keyvault, env, "make a list of them: the first that has it wins");
        }
        match (keys.get("env"), keys.get("keyvault")) {
            (Some(env), _) => self.checked("env", env, literal::variable).map(SecretSource::Env),
            (None, Some(vault)) => self.keyvault(vault).map(SecretSource::KeyVault),
            (None, None) => {
                self.missing(&keys, "env", "or `keyvault`");
                None
            }
        }
    }

    fn keyvault(&mut self, node: &Node) -> Option<KeyVaultReference> {
        if matches!(node.kind, Kind::Scalar(_)) {
            return self.checked("keyvault", node, literal::secret_url).map(KeyVaultReference::Url);
        }
        let keys = self.mapping("`keyvault`", node, &[NAMED.as_slice(), &REFERENCED].concat())?;
        if let (Some(named), Some(referenced)) = (keys.first_of(&NAMED), keys.first_of(&REFERENCED))
        {
            self.conflict(
                named,
                referenced,
                "name a secret by `vault` and `name`, or by `vault-id` and `secret-url`",
            );
            return None;
        }
        if keys.first_of(&REFERENCED).is_some() {
            let vault_id = self.required(&keys, "vault-id", literal::vault_id);
            let secret_url = self.required(&keys, "secret-url", literal::secret_url);
            let (vault_id, secret_url) = vault_id.zip(secret_url)?;
            self.same_vault(&vault_id, &secret_url);
            return Some(KeyVaultReference::Referenced { vault_id, secret_url });
        }
        let vault = self.required(&keys, "vault", literal::vault);
        let name = self.required(&keys, "name", literal::not_empty);
        let version = keys.get("version").and_then(|node| self.string("version", node));
        let (vault, name) = vault.zip(name)?;
        Some(KeyVaultReference::Named { vault, name, version })
    }

    /// A string that has to be there.
    pub(super) fn required(
        &mut self,
        keys: &Mapping<'_>,
        key: &str,
        check: super::reader::Check,
    ) -> Option<Text> {
        let Some(node) = keys.get(key) else {
            self.missing(keys, key, "");
            return None;
        };
        self.checked(key, node, check)
    }

    /// A reference that names its vault twice has to mean one vault.
    fn same_vault(&mut self, vault_id: &Text, secret_url: &Text) {
        let (Some(id), Some(url)) = (vault_id.as_literal(), secret_url.as_literal()) else {
            return;
        };
        let by_id = id.rsplit('/').next().unwrap_or_default();
        let by_url =
            url.trim_start_matches("https://").split(['.', '/']).next().unwrap_or_default();
        if literal::vault_id(id).is_ok()
            && literal::secret_url(url).is_ok()
            && !by_id.eq_ignore_ascii_case(by_url)
        {
            self.report(
                Diagnostic::error(
                    "conflicting-keys",
                    format!("`vault-id` names the vault `{by_id}`, and `secret-url` the vault `{by_url}`"),
                    &secret_url.span,
                )
                .also(&vault_id.span, format!("`{by_id}`"))
                .help("a secret is in one vault: correct one of them"),
            );
        }
    }
}
