//! `registries`: how each registry is signed in to, pulled from and created.

use super::text::{Field, Map, Text};
use crate::oci::registry_host;
use crate::plan::describe::{
    Exposure, Key, Object, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, any_of, concat,
    describe_key, key, length, mapping, read_key, visit_key,
};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::contexts::Site;
use crate::plan::literal::{Host, Literal as _, NotEmpty, Sku};
use crate::plan::parse::Reader;
use crate::plan::span::Spanned;
use crate::plan::tree::Kind;
use crate::value::{Word as _, words};
use serde_json::{Value, json};
use std::ops::Deref;

/// Registries by host, as references to images have it: `docker.io` for each name of
/// Docker Hub.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    pub(super) named: Map<Registry>,
    /// Those whose key holds an expression, until [`name`](Self::name) evaluates it.
    unnamed: Vec<(Text, Registry)>,
}

/// A registry whose key does not give it a host of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HostMistake {
    /// Not a host; what was expected.
    Invalid { host: String, expected: String },
    /// The host of another registry of the plan.
    Duplicate { host: String },
}

/// The host that a key with expressions gives.
const HOST: Key = key("registries").is::<Host>().at(Site::RegistryName).names_resource();

impl Deref for Registries {
    type Target = Map<Registry>;

    fn deref(&self) -> &Map<Registry> {
        &self.named
    }
}

impl Registries {
    /// All registries, those without a host too.
    pub fn all(&self) -> impl Iterator<Item = &Registry> {
        self.named.iter().map(|(_, one)| one).chain(self.unnamed.iter().map(|(_, one)| one))
    }

    /// The keys that hold an expression, until [`name`](Self::name) evaluates them.
    pub fn unnamed_keys(&self) -> impl Iterator<Item = &Text> {
        self.unnamed.iter().map(|(key, _)| key)
    }

    /// Gives each registry whose key holds an expression the host that `host_of` says.
    pub fn name<E>(
        &mut self,
        mut host_of: impl FnMut(&Text) -> Result<String, E>,
        mistake: impl Fn(&Text, HostMistake) -> E,
    ) -> Result<(), E> {
        for (key, registry) in std::mem::take(&mut self.unnamed) {
            let host = host_of(&key)?;
            if let Err(expected) = Host::parse(&host) {
                return Err(mistake(&key, HostMistake::Invalid { host, expected }));
            }
            let host = registry_host(&host);
            if self.named.get(&host).is_some() {
                return Err(mistake(&key, HostMistake::Duplicate { host }));
            }
            self.named.0.push((Spanned::new(host, key.span), registry));
        }
        Ok(())
    }
}

impl PlanValue for Registries {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let mut registries = Self::default();
        for entry in reader.any_entries(slot.name, slot.node) {
            let (name, node) = (&entry.key, &entry.value);
            let registry = Registry::read(reader, Slot { name: &name.value, node, ..slot });
            if name.value.contains("${{") {
                let key = reader.name_text(slot.name, name, &slot.key.names);
                registries.unnamed.extend(key.zip(registry));
                continue;
            }
            reader.check_name(slot.name, name, &slot.key.names);
            let Some(registry) = registry else { continue };
            let host = registry_host(&name.value);
            let first = registries.iter().map(|(first, _)| first).find(|it| it.value == host);
            if let Some(first) = first {
                let message = format!("`{}` is a second name of `{host}`", name.value);
                reader.report(
                    Diagnostic::error("duplicate-key", message, &name.span)
                        .also(&first.span, "first here"),
                );
                continue;
            }
            registries.named.0.push((Spanned::new(host, name.span.clone()), registry));
        }
        Some(registries)
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(Self::default())
    }

    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.named.visit(key, visit);
        for (host, registry) in &self.unnamed {
            visit_key(visit, &HOST, host);
            registry.visit(key, visit);
        }
    }

    fn schema(key: &'static Key) -> Value {
        let mut schema = Map::<Registry>::schema(key);
        let host = schema["propertyNames"].take();
        schema["propertyNames"] = any_of([host, json!({ "pattern": "\\$\\{\\{" })]);
        schema
    }
}

mapping! {
    /// How one registry is signed in to, pulled from and created.
    pub struct Registry = "a registry" {
        /// How Shipway signs in: `entra`, `admin`, `docker-config`, `anonymous`, or `{ username, password }`.
        pub login: Option<Login> = key("login").absent(
            "`entra` for an Azure registry, else the stored docker or podman login, else anonymous",
        ),
        /// How the deployed service pulls: `anonymous`, `{ identity }`, or `{ username, password }`.
        pub pull: Option<Pull> = key("pull")
            .absent("the login's user and password, stored ones with `docker-config`; of an Azure registry the admin user"),
        /// Creates the registry where it is not there, before the push: `{ sku, admin-user }`.
        pub create: Option<Create> = key("create").absent("the registry must exist"),
        /// File of certificates in PEM that are trusted for it, its token server and its storage, besides the system's; relative to the plan's folder, in the repository.
        pub ca: Option<Text> = key("ca").is::<NotEmpty>().absent("the system's alone"),
        /// Whether it may speak plain HTTP though it is not on loopback.
        pub insecure: Field<bool> = key("insecure").default("false"),
    }
}

mapping! {
    /// A registry to be created where it is not there.
    pub struct Create = "`create`" {
        /// Pricing tier.
        pub sku: Text = key("sku").is::<Sku>().names_resource().default("Basic"),
        /// Whether the registry has an admin user.
        pub admin_user: Field<bool> = key("admin-user").names_resource().default("false"),
    }
}

mapping! {
    /// A user of a registry.
    pub struct UserPassword = "`login`" {
        /// Name of the user.
        pub username: Text = key("username").is::<NotEmpty>().exposed(Exposure::USER),
        /// Password of the user.
        pub password: Text = key("password").is::<NotEmpty>(),
    }
}

/// How Shipway signs in to a registry.
#[derive(Clone, Debug)]
pub enum Login {
    /// With the Azure credential, exchanged at the registry.
    Entra,
    /// As the registry's admin user, read from Resource Manager.
    Admin,
    /// With what `docker login` or `podman login` stored.
    DockerConfig,
    Anonymous,
    User(UserPassword),
}

words! {
    /// The ways to sign in that need nothing more.
    enum LoginWord {
        Entra = "entra",
        Admin = "admin",
        DockerConfig = "docker-config",
        Anonymous = "anonymous",
    }
}

impl PlanValue for Login {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if matches!(slot.node.kind, Kind::Mapping(_)) {
            return UserPassword::read(reader, slot).map(Self::User);
        }
        let word = reader.word(slot.name, slot.node)?;
        match LoginWord::from_word(&word.value) {
            Some(LoginWord::Entra) => Some(Self::Entra),
            Some(LoginWord::Admin) => Some(Self::Admin),
            Some(LoginWord::DockerConfig) => Some(Self::DockerConfig),
            Some(LoginWord::Anonymous) => Some(Self::Anonymous),
            None => {
                reader.bad_word(slot.name, &word, LoginWord::WORDS);
                None
            }
        }
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        match self {
            Self::User(user) => user.visit_keys(visit),
            Self::Entra | Self::Admin | Self::DockerConfig | Self::Anonymous => {}
        }
    }

    fn schema(_: &'static Key) -> Value {
        any_of([json!({ "enum": LoginWord::WORDS }), UserPassword::object().to_schema()])
    }
}

/// How the deployed service pulls.
#[derive(Clone, Debug)]
pub enum Pull {
    /// As a user-assigned identity: its name in the resource group, or its id.
    Identity(Text),
    User(UserPassword),
    /// Without a login, although Shipway pushes with one.
    Anonymous,
}

words! {
    /// The way to pull that needs nothing more.
    enum PullWord {
        Anonymous = "anonymous",
    }
}

const IDENTITY: Key = key("identity")
    .about("User-assigned identity: its name in the resource group, or its id.")
    .is::<NotEmpty>()
    .names_resource();

impl Pull {
    const KEYS: &'static [Key] = {
        const LISTS: &[&[Key]] = &[&[IDENTITY], UserPassword::KEYS];
        const ALL: [Key; length(LISTS)] = concat(LISTS);
        &ALL
    };
}

impl PlanValue for Pull {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if matches!(slot.node.kind, Kind::Scalar(_)) {
            let word = reader.word(slot.name, slot.node)?;
            let known = PullWord::from_word(&word.value).map(|PullWord::Anonymous| Self::Anonymous);
            if known.is_none() {
                reader.bad_word(slot.name, &word, PullWord::WORDS);
            }
            return known;
        }
        let entries = reader.entries("`pull`", slot.node, Self::KEYS)?;
        let Some(identity) = entries.key(IDENTITY.name) else {
            return UserPassword::from_entries(reader, &entries).map(Self::User);
        };
        if let Some(user) = entries.first_of(UserPassword::KEYS) {
            reader.conflict(user, identity, "the service pulls in one way");
        }
        read_key(reader, &entries, &IDENTITY).map(Self::Identity)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        match self {
            Self::Identity(identity) => visit_key(visit, &IDENTITY, identity),
            Self::User(user) => user.visit_keys(visit),
            Self::Anonymous => {}
        }
    }

    fn schema(_: &'static Key) -> Value {
        let mut by_identity = Object::default();
        describe_key::<Text>(&mut by_identity, &IDENTITY);
        any_of([
            json!({ "enum": PullWord::WORDS }),
            by_identity.to_schema(),
            UserPassword::object().to_schema(),
        ])
    }
}
