//! `secrets`: where each comes from.

use super::text::Text;
use crate::plan::describe::{
    Constant, Key, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, any_of, choice, concat, key,
    length, list_of, mapping, shape_schema, visit_key,
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
    /// Whether it is empty where no source has it, rather than a mistake.
    pub is_optional: bool,
}

impl PlanValue for SecretDeclaration {
    /// One that cannot be read is declared all the same.
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let items = slot.node.items();
        if items.is_empty() {
            let message = format!("the secret `{}` has no source", slot.name);
            let diagnostic = Diagnostic::error("missing-key", message, &slot.node.span);
            reader.report(diagnostic.help("give it `env: NAME`, `keyvault: URL` or `file: PATH`"));
        }
        let mut declaration = Self { sources: Vec::new(), is_optional: false };
        for node in items {
            let read = reader.entries("a source of a secret", node, SourceEntry::KEYS);
            let read = read.and_then(|entries| SourceEntry::from_entries(reader, &entries));
            let Some(SourceEntry { source, optional: Constant(is_optional) }) = read else {
                continue;
            };
            declaration.is_optional |= is_optional;
            declaration.sources.push(Spanned::new(source, node.span.clone()));
        }
        Some(declaration)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        for source in &self.sources {
            source.value.visit_keys(visit);
        }
    }

    fn schema(_: &'static Key) -> Value {
        let source = SourceEntry::object().to_schema();
        let mut list = list_of(source.clone());
        list["minItems"] = 1.into();
        any_of([source, list])
    }
}

mapping! {
    by hand
    /// A source, and what holds of the secret where no source has it.
    pub struct SourceEntry = "a source of a secret" {
        flattened pub source: SecretSource,
        /// Whether the secret may be missing, and is empty then.
        pub optional: Constant<bool> = key("optional").default("false"),
    }
}

choice! {
    /// One place where a secret may be.
    pub enum SecretSource {
        /// Variable of the process environment.
        Env(Text) = key("env").is::<VariableName>(),
        /// Secret in Azure Key Vault: `https://VAULT.vault.azure.net/secrets/NAME[/VERSION]`, `{ vault, name, version }`, or `{ vault-id, secret-url }`, which are checked against each other.
        KeyVault(KeyVaultReference) = key("keyvault"),
        /// File, relative to the plan's folder; one line break at its end is left out.
        File(Text) = key("file").is::<NotEmpty>(),
    }
}

impl SecretSource {
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let mut named =
            entries.keys().filter(|found| Self::KEYS.iter().any(|key| key.name == found.value));
        let chosen = named.next();
        if let (Some(first), Some(second)) = (chosen, named.next()) {
            reader.conflict(second, first, "make a list of them: the first that has it wins");
        }
        if chosen.is_none() {
            reader.missing(entries, "env", "or `keyvault`, `file`");
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
        if let Some(mistake) = other_vault(&secret.vault_id, &secret.secret_url) {
            reader.report(mistake);
        }
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

/// The mistake of a reference whose two parts name different vaults.
pub fn other_vault(vault_id: &Text, secret_url: &Text) -> Option<Diagnostic> {
    let (id, url) = (vault_id.as_literal()?, secret_url.as_literal()?);
    let by_id = id.rsplit('/').next().unwrap_or_default();
    let by_url = url.trim_start_matches("https://").split(['.', '/']).next().unwrap_or_default();
    let are_valid = VaultId::parse(id).is_ok() && VaultSecretUrl::parse(url).is_ok();
    if !are_valid || by_id.eq_ignore_ascii_case(by_url) {
        return None;
    }
    let message =
        format!("`vault-id` names the vault `{by_id}`, and `secret-url` the vault `{by_url}`");
    Some(
        Diagnostic::error("conflicting-keys", message, &secret_url.span)
            .also(&vault_id.span, format!("`{by_id}`"))
            .help("a secret is in one vault: correct one of them"),
    )
}
