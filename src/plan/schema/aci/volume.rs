//! The volumes of a group, and where containers have them.

use crate::plan::describe::{
    Key, Object, PlanKeys as _, PlanValue, Slot, Visit, choice, key, mapping,
};
use crate::plan::literal::{AbsolutePath, FileName, HttpsUrl, NotEmpty};
use crate::plan::parse::{Entries, Reader};
use crate::plan::schema::text::{Field, Map, Text};
use crate::plan::tree::{EntryKey, Kind};
use crate::value::GroupName;
use serde_json::{Value, json};

choice! {
    /// Where the files of a volume are.
    pub enum VolumeKind {
        /// Share of Azure Files: `{ share, account, key }`.
        AzureFile(AzureFile) = key("azure-file"),
        /// Files by name, each with its content, kept in memory.
        Secret(Map<Text>) = key("secret").names::<FileName>(),
        /// Folder that is empty at first and goes with the group.
        Empty(EmptyVolume) = key("empty"),
        /// Clone of a git repository: `{ repository, directory, revision }`.
        Git(GitVolume) = key("git"),
    }
}

impl VolumeKind {
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let chosen = entries.first_of(Self::KEYS);
        let Some(first) = chosen else {
            reader.missing(entries, "azure-file", "or `secret`, `empty`, `git`");
            return None;
        };
        let is_kind = |other: &&EntryKey<'_>| {
            other.value != first.value && Self::KEYS.iter().any(|key| key.name == other.value)
        };
        if let Some(second) = entries.keys().find(is_kind) {
            reader.conflict(second, first, "a volume is of one kind: make it two volumes");
        }
        chosen
    }
}

impl PlanValue for VolumeKind {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let entries = reader.entries("a volume", slot.node, Self::KEYS)?;
        Self::from_entries(reader, &entries)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        let mut object = Object::default();
        Self::describe(&mut object);
        object.to_schema()
    }
}

mapping! {
    /// A share of Azure Files.
    pub struct AzureFile = "`azure-file`" {
        /// Name of the share.
        pub share: Text = key("share").is::<NotEmpty>().names_resource(),
        /// Name of the storage account.
        pub account: Text = key("account").is::<NotEmpty>().names_resource(),
        /// Key of the storage account.
        pub account_key: Text = key("key").is::<NotEmpty>(),
        /// Whether no container may write.
        pub read_only: Field<bool> = key("read-only").default("false"),
    }
}

mapping! {
    /// A clone of a git repository, made once, when the group is created.
    pub struct GitVolume = "`git`" {
        /// URL of the repository.
        pub repository: Text = key("repository").is::<HttpsUrl>().names_resource(),
        /// Folder below the volume that it is cloned into; `.` is the volume itself.
        pub directory: Option<Text> = key("directory")
            .is::<NotEmpty>()
            .names_resource()
            .absent("one named as the repository"),
        /// Commit that is checked out.
        pub revision: Option<Text> = key("revision")
            .is::<NotEmpty>()
            .names_resource()
            .absent("the newest of the default branch"),
    }
}

mapping! {
    /// A volume at a path of a container.
    pub struct Mount = "a mount" {
        /// Name of the volume.
        pub volume: Text = key("volume").is::<GroupName>().names_resource(),
        /// Absolute path in the container, without `:`.
        pub path: Text = key("path").is::<AbsolutePath>().names_resource(),
        /// Whether the container may not write.
        pub read_only: Field<bool> = key("read-only").default("false"),
    }
}

/// An empty volume has no settings: `empty:` or `empty: {}`.
#[derive(Clone, Copy, Debug)]
pub struct EmptyVolume;

impl PlanValue for EmptyVolume {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        match &slot.node.kind {
            Kind::Null => {}
            Kind::Mapping(entries) if entries.is_empty() => {}
            Kind::Mapping(_) | Kind::Sequence(_) | Kind::Scalar(_) => {
                reader.wrong_type(slot.name, slot.node, "nothing");
            }
        }
        Some(Self)
    }

    fn visit<'p>(&'p self, _: &'static Key, _: &mut Visit<'_, 'p>) {}

    fn schema(_: &'static Key) -> Value {
        json!({ "type": ["object", "null"], "maxProperties": 0 })
    }
}
