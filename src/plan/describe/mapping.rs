//! Declarations of mappings with known keys.

use super::key::Key;
use super::object::Object;
use super::visit::{Found, Visit};
use crate::plan::expr::contexts::Site;
use crate::plan::parse::{Entries, Reader};
use crate::plan::schema::Template;

/// Keys of a mapping that together make one value.
pub trait PlanKeys: Sized {
    /// In the order in which they are documented.
    const KEYS: &'static [Key];

    /// Makes the value from a mapping, of which it may be a part. `None` where a
    /// key that has to be there is missing or could not be read.
    fn from_entries(reader: &mut Reader<'_>, entries: &Entries<'_>) -> Option<Self>;

    /// Visits all strings in it.
    fn visit_keys<'p>(&'p self, visit: &mut Visit<'_, 'p>);

    /// Adds its keys to the schema of the mapping.
    fn describe(object: &mut Object);

    /// Every string in it that may hold expressions.
    fn templates(&self) -> Vec<Template<'_>> {
        let mut templates = Vec::new();
        collect(self, &mut templates);
        templates
    }
}

/// The site does not matter here: it is not part of what is collected.
fn collect<'p>(keys: &'p impl PlanKeys, templates: &mut Vec<Template<'p>>) {
    let mut see = |found: Found<'p>| templates.push(found.template);
    keys.visit_keys(&mut Visit::new(Site::Step, &mut see));
}

/// A mapping whose keys are all known.
pub trait PlanMapping: PlanKeys {
    /// What mistakes call it: "a container", or "`aci`" for the value of that key.
    const WHAT: &'static str;

    /// Its JSON Schema, which further keys may be added to.
    fn object() -> Object {
        let mut object = Object::default();
        Self::describe(&mut object);
        object
    }
}

/// How many keys there are in lists of keys.
pub const fn length(lists: &[&[Key]]) -> usize {
    let (mut all, mut at) = (0, 0);
    while at < lists.len() {
        all += lists[at].len();
        at += 1;
    }
    all
}

/// Joins lists of keys, which have `N` in all.
pub const fn concat<const N: usize>(lists: &[&[Key]]) -> [Key; N] {
    let mut all = [super::key(""); N];
    let (mut next, mut at) = (0, 0);
    while at < lists.len() {
        let mut item = 0;
        while item < lists[at].len() {
            all[next] = lists[at][item];
            next += 1;
            item += 1;
        }
        at += 1;
    }
    all
}

/// Declares a struct whose fields are the keys of a mapping.
///
/// ```text
/// mapping! {
///     /// A file or folder that becomes a layer.
///     pub struct Layer = "a layer" {
///         /// Path, relative to the plan's folder.
///         pub from: Text = key("from").is::<NotEmpty>(),
///         ...
///     }
/// }
/// ```
///
/// A field's doc comment is the key's meaning. After `flattened` stands a field
/// that is made of several keys ([`choice!`]). With `by hand` before the struct,
/// it may have further fields in `and { … }`, which begin with their default, and
/// `PlanValue` is implemented beside it, because it has short forms or because
/// its keys depend on each other.
macro_rules! mapping {
    (
        $(#[doc = $struct_about:literal])+
        pub struct $name:ident = $what:literal { $($body:tt)* }
    ) => {
        $crate::plan::describe::mapping! {
            by hand
            $(#[doc = $struct_about])+
            pub struct $name = $what { $($body)* }
        }

        impl $crate::plan::describe::PlanValue for $name {
            fn read(
                reader: &mut $crate::plan::parse::Reader<'_>,
                slot: $crate::plan::describe::Slot<'_>,
            ) -> Option<Self> {
                use $crate::plan::describe::{PlanKeys as _, PlanMapping as _};
                let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
                Self::from_entries(reader, &entries)
            }

            fn visit<'p>(
                &'p self,
                _: &'static $crate::plan::describe::Key,
                visit: &mut $crate::plan::describe::Visit<'_, 'p>,
            ) {
                $crate::plan::describe::PlanKeys::visit_keys(self, visit);
            }

            fn schema(_: &'static $crate::plan::describe::Key) -> serde_json::Value {
                <Self as $crate::plan::describe::PlanMapping>::object().to_schema()
            }
        }
    };
    (
        by hand
        $(#[doc = $struct_about:literal])+
        pub struct $name:ident = $what:literal {
            $(
                $(#[doc = $about:literal])+
                pub $field:ident: $type:ty = $key:expr,
            )*
            $(
                flattened pub $flat:ident: $flat_type:ty,
                $(
                    $(#[doc = $last_about:literal])+
                    pub $last:ident: $last_type:ty = $last_key:expr,
                )*
            )?
        }
        $( and { $( $(#[doc = $extra_about:literal])* pub $extra:ident: $extra_type:ty, )+ } )?
    ) => {
        $(#[doc = $struct_about])+
        #[derive(Clone, Debug)]
        pub struct $name {
            $( $(#[doc = $about])+ pub $field: $type, )*
            $(
                pub $flat: $flat_type,
                $( $(#[doc = $last_about])+ pub $last: $last_type, )*
            )?
            $( $( $(#[doc = $extra_about])* pub $extra: $extra_type, )+ )?
        }

        impl $crate::plan::describe::PlanKeys for $name {
            const KEYS: &'static [$crate::plan::describe::Key] = {
                use $crate::plan::describe::{Key, concat, length};
                const LISTS: &[&[Key]] = &[
                    $( &[$key.about(concat!($($about),+))], )*
                    $(
                        <$flat_type as $crate::plan::describe::PlanKeys>::KEYS,
                        $( &[$last_key.about(concat!($($last_about),+))], )*
                    )?
                ];
                const ALL: [Key; length(LISTS)] = concat(LISTS);
                &ALL
            };

            fn from_entries(
                reader: &mut $crate::plan::parse::Reader<'_>,
                entries: &$crate::plan::parse::Entries<'_>,
            ) -> Option<Self> {
                use $crate::plan::describe::{Key, read_key};
                // All are read before the first that is missing ends it, so that
                // the mistakes of all are found.
                $(
                    let $field: Option<$type> = {
                        const KEY: Key = $key.about(concat!($($about),+));
                        read_key(reader, entries, &KEY)
                    };
                )*
                $(
                    let $flat = <$flat_type as $crate::plan::describe::PlanKeys>::from_entries(
                        reader, entries,
                    );
                    $(
                        let $last: Option<$last_type> = {
                            const KEY: Key = $last_key.about(concat!($($last_about),+));
                            read_key(reader, entries, &KEY)
                        };
                    )*
                )?
                Some(Self {
                    $( $field: $field?, )*
                    $( $flat: $flat?, $( $last: $last?, )* )?
                    $( $( $extra: <$extra_type>::default(), )+ )?
                })
            }

            fn visit_keys<'p>(&'p self, visit: &mut $crate::plan::describe::Visit<'_, 'p>) {
                use $crate::plan::describe::{Key, visit_key};
                $(
                    {
                        const KEY: Key = $key;
                        visit_key(visit, &KEY, &self.$field);
                    }
                )*
                $(
                    $crate::plan::describe::PlanKeys::visit_keys(&self.$flat, visit);
                    $(
                        {
                            const KEY: Key = $last_key;
                            visit_key(visit, &KEY, &self.$last);
                        }
                    )*
                )?
            }

            fn describe(object: &mut $crate::plan::describe::Object) {
                use $crate::plan::describe::{Key, describe_key};
                object.about(concat!($($struct_about),+));
                $(
                    {
                        const KEY: Key = $key.about(concat!($($about),+));
                        describe_key::<$type>(object, &KEY);
                    }
                )*
                $(
                    <$flat_type as $crate::plan::describe::PlanKeys>::describe(object);
                    $(
                        {
                            const KEY: Key = $last_key.about(concat!($($last_about),+));
                            describe_key::<$last_type>(object, &KEY);
                        }
                    )*
                )?
            }
        }

        impl $crate::plan::describe::PlanMapping for $name {
            const WHAT: &'static str = $what;
        }
    };
}
pub(crate) use mapping;

/// Declares an enum of which a mapping has one variant, by its key. A doc comment
/// is the key's meaning.
///
/// Beside it stands a function `choose`, which finds the one key among the
/// entries and reports none and several: each choice has its own words for that.
macro_rules! choice {
    (
        $(#[doc = $enum_about:literal])+
        pub enum $name:ident {
            $( $(#[doc = $about:literal])+ $variant:ident($type:ty) = $key:expr, )+
        }
    ) => {
        $(#[doc = $enum_about])+
        #[derive(Clone, Debug)]
        pub enum $name {
            $( $(#[doc = $about])+ $variant($type), )+
        }

        impl $name {
            /// Reads the variant of a key, which is there.
            fn read_choice(
                reader: &mut $crate::plan::parse::Reader<'_>,
                name: &str,
                node: &$crate::plan::tree::Node<'_>,
            ) -> Option<Self> {
                use $crate::plan::describe::{Key, PlanValue, Slot};
                $(
                    {
                        const KEY: Key = $key.about(concat!($($about),+));
                        if KEY.name == name {
                            let slot = Slot::new(&KEY, node);
                            return <$type as PlanValue>::read(reader, slot).map(Self::$variant);
                        }
                    }
                )+
                None
            }
        }

        impl $crate::plan::describe::PlanKeys for $name {
            const KEYS: &'static [$crate::plan::describe::Key] =
                &[$( $key.about(concat!($($about),+)) ),+];

            fn from_entries(
                reader: &mut $crate::plan::parse::Reader<'_>,
                entries: &$crate::plan::parse::Entries<'_>,
            ) -> Option<Self> {
                let chosen = Self::choose(reader, entries)?;
                Self::read_choice(reader, &chosen.value, entries.get(&chosen.value)?)
            }

            fn visit_keys<'p>(&'p self, visit: &mut $crate::plan::describe::Visit<'_, 'p>) {
                use $crate::plan::describe::{Key, visit_key};
                match self {
                    $(
                        Self::$variant(value) => {
                            const KEY: Key = $key;
                            visit_key(visit, &KEY, value);
                        }
                    )+
                }
            }

            fn describe(object: &mut $crate::plan::describe::Object) {
                use $crate::plan::describe::{Key, describe_choice};
                $(
                    {
                        const KEY: Key = $key.about(concat!($($about),+));
                        describe_choice::<$type>(object, &KEY);
                    }
                )+
                object.one_of(Self::KEYS);
            }
        }
    };
}
pub(crate) use choice;
