//! `secrets`: where each comes from.

use super::text::Text;
use crate::plan::describe::{
    Key, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, any_of, choice, concat, key, length,
    list_of, mapping, shape_schema, visit_key,
};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::literal::{
    Literal, NotEmpty, Shape, VariableName, VaultId, VaultName, VaultSecretUrl,
};
use crate::plan::parse::{Entries, Reader};
use crate::plan::span::Spanned;
use crate::plan::tree::{EntryKey, Kind};
use serde_json::Value;

/// Where a secret comes from: the first source that has it.
#[derive(Clone, Debug)]
pub struct SecretDeclaration {
    /// At least one, unless it could not be read.
    pub sources: Vec<Spanned<SecretSource>>,
}

impl PlanValue for SecretDeclaration {
    /// One that cannot be read is declared all the same.
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let items = slot.node.items();
        if items.is_empty() {
            let message = format!("the secret `{}` has no source", slot.name);
            let diagnostic = Diagnostic::error("missing-key", message, &slot.node.span);
            reader.report(diagnostic.help("give it `env: NAME` or `keyvault: URL`"));
        }
        let sources = items.iter().filter_map(|node| {
            let entries = reader.entries("a source of a secret", node, SecretSource::KEYS)?;
            let source = SecretSource::from_entries(reader, &entries)?;
            Some(Spanned::new(source, node.span.clone()))
        });
        Some(Self { sources: sources.collect() })
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        for source in &self.sources {
            source.value.visit_keys(visit);
        }
    }

    fn schema(_: &'static Key) -> Value {
        let mut source = crate::plan::describe::Object::default();
        SecretSource::describe(&mut source);
        let source = source.to_schema();
        let mut list = list_of(source.clone());
        list["minItems"] = 1.into();
        any_of([source, list])
    }
}

choice! {
    /// One place where a secret may be.
    pub enum SecretSource {
        /// Variable of the process environment.
        Env(Text) = key("env").is::<VariableName>(),
        /// Secret in Azure Key Vault: `https://VAULT.vault.azure.net/secrets/NAME[/VERSION]`, `{ vault, name, version }`, or `{ vault-id, secret-url }`, which are checked against each other.
        KeyVault(KeyVaultReference) = key("keyvault"),
    }
}

impl SecretSource {
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        if let (Some(env), Some(keyvault)) = (entries.key("env"), entries.key("keyvault")) {
            reader.conflict(keyvault, env, "make a list of them: the first that has it wins");
        }
        let chosen = entries.key("env").or_else(|| entries.key("keyvault"));
        if chosen.is_none() {
            reader.missing(entries, "env", "or `keyvault`");
        }
        chosen
    }
}

mapping! {
    /// A secret in a vault, by names.
    pub struct NamedSecret = "`keyvault`" {
        /// Name of the vault.
        pub vault: Text = key("vault").is::<VaultName>(),
        /// Name of the secret.
        pub name: Text = key("name").is::<NotEmpty>(),
        /// Version of the secret.
        pub version: Option<Text> = key("version").absent("the newest"),
    }
}

mapping! {
    /// A secret in a vault, as Batch AI refers to one.
    pub struct ReferencedSecret = "`keyvault`" {
        /// Resource id of the vault.
        pub vault_id: Text = key("vault-id").is::<VaultId>(),
        /// URL of the secret, which has to be in that vault.
        pub secret_url: Text = key("secret-url").is::<VaultSecretUrl>(),
    }
}

/// The ways to name a secret in a vault.
#[derive(Clone, Debug)]
pub enum KeyVaultReference {
    /// `https://VAULT.vault.azure.net/secrets/NAME[/VERSION]`
    Url(Text),
    Named(NamedSecret),
    Referenced(ReferencedSecret),
}

const URL: Key = key("keyvault").is::<VaultSecretUrl>();

impl KeyVaultReference {
    const KEYS: &'static [Key] = {
        const LISTS: &[&[Key]] = &[NamedSecret::KEYS, ReferencedSecret::KEYS];
        const ALL: [Key; length(LISTS)] = concat(LISTS);
        &ALL
    };
}

impl PlanValue for KeyVaultReference {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if matches!(slot.node.kind, Kind::Scalar(_)) {
            return reader.checked(slot.name, slot.node, &URL.shape).map(Self::Url);
        }
        let entries = reader.entries(NamedSecret::WHAT, slot.node, Self::KEYS)?;
        let named = entries.first_of(NamedSecret::KEYS);
        let Some(referenced) = entries.first_of(ReferencedSecret::KEYS) else {
            return NamedSecret::from_entries(reader, &entries).map(Self::Named);
        };
        if let Some(named) = named {
            let help = "name a secret by `vault` and `name`, or by `vault-id` and `secret-url`";
            reader.conflict(named, referenced, help);
            return None;
        }
        let secret = ReferencedSecret::from_entries(reader, &entries)?;
        secret.check_vault(reader);
        Some(Self::Referenced(secret))
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        match self {
            Self::Url(url) => visit_key(visit, &URL, url),
            Self::Named(named) => named.visit_keys(visit),
            Self::Referenced(referenced) => referenced.visit_keys(visit),
        }
    }

    fn schema(_: &'static Key) -> Value {
        any_of([
            shape_schema(&Shape::of::<VaultSecretUrl>()),
            NamedSecret::object().to_schema(),
            ReferencedSecret::object().to_schema(),
        ])
    }
}

impl ReferencedSecret {
    /// Reports a reference whose two parts name different vaults.
    fn check_vault(&self, reader: &mut Reader<'_>) {
        let (Some(id), Some(url)) = (self.vault_id.as_literal(), self.secret_url.as_literal())
        else {
            return;
        };
        let by_id = id.rsplit('/').next().unwrap_or_default();
        let by_url =
            url.trim_start_matches("https://").split(['.', '/']).next().unwrap_or_default();
        let are_valid = VaultId::parse(id).is_ok() && VaultSecretUrl::parse(url).is_ok();
        if are_valid && !by_id.eq_ignore_ascii_case(by_url) {
            let message = format!(
                "`vault-id` names the vault `{by_id}`, and `secret-url` the vault `{by_url}`"
            );
            reader.report(
                Diagnostic::error("conflicting-keys", message, &self.secret_url.span)
                    .also(&self.vault_id.span, format!("`{by_id}`"))
                    .help("a secret is in one vault: correct one of them"),
            );
        }
    }
}
