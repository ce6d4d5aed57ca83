//! `build`: from what an image is made.

use super::text::{Field, Map, Text};
use crate::oci::Platform;
use crate::plan::describe::{
    Exposure, Key, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, any_of, key, mapping,
    shape_schema,
};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::literal::{
    AbsolutePath, BaseImage, Glob, ImageSource, NotEmpty, Shape, Size, VariableName,
};
use crate::plan::parse::{Entries, Reader};
use crate::plan::tree::{EntryKey, Kind};
use crate::value::{Compression, ExposedPort, Mode, Owner, words};
use serde_json::Value;
use std::sync::LazyLock;

/// What a `build` step makes.
#[derive(Clone, Debug)]
pub struct Build {
    pub kind: BuildKind,
}

/// From what an image is made.
#[derive(Clone, Debug)]
pub enum BuildKind {
    Dockerfile(Box<Dockerfile>),
    /// Files, on top of a base image.
    Layers(Box<Layers>),
    /// An image that is there already.
    Image(ExistingImage),
}

mapping! {
    /// A Dockerfile build, by a container engine where one is needed.
    pub struct Dockerfile = "`build`" {
        /// Context folder, relative to the plan's folder.
        pub context: Text = key("context")
            .is::<NotEmpty>()
            .exposed(Exposure::BUILD_ARGUMENT)
            .default("."),
        /// Dockerfile, relative to the plan's folder.
        pub dockerfile: Option<Text> = key("dockerfile")
            .is::<NotEmpty>()
            .exposed(Exposure::BUILD_ARGUMENT)
            .absent("`Dockerfile` in the context"),
        /// Build arguments, which must not be secret.
        pub args: Map<Text> = key("args")
            .names::<VariableName>()
            .exposed(Exposure::BUILD_ARGUMENT)
            .absent("none"),
        /// Build secrets, by id.
        pub secrets: Map<Text> = key("secrets").names::<NotEmpty>().absent("none"),
        /// SSH agents and keys: `ID` or `ID=PATH`; empty ones are left out.
        pub ssh: Vec<Text> = key("ssh")
            .is::<NotEmpty>()
            .exposed(Exposure::BUILD_ARGUMENT)
            .absent("none"),
        /// Memory of each command, where it is built without an engine.
        pub memory: Option<Field<Size>> = key("memory")
            .absent("nine tenths of this machine's"),
        /// Labels of the image.
        pub labels: Map<Text> = key("labels")
            .names::<NotEmpty>()
            .exposed(Exposure::IMAGE_LABEL)
            .absent("the Dockerfile's"),
        /// Caches that the build starts from; empty ones are left out.
        pub cache_from: Vec<Text> = key("cache-from")
            .is::<NotEmpty>()
            .names_image()
            .absent("none"),
        /// Caches that are written for later builds; empty ones are left out.
        pub cache_to: Vec<Text> = key("cache-to").is::<NotEmpty>().names_image().absent("none"),
        /// Stage to build.
        pub target: Option<Text> = key("target")
            .is::<NotEmpty>()
            .exposed(Exposure::BUILD_ARGUMENT)
            .absent("the last"),
        /// Builder.
        pub using: Field<Using> = key("using").exposed(Exposure::BUILD_ARGUMENT).default("auto"),
        /// Platform that the image is for.
        pub platform: Option<Text> = key("platform")
            .is::<Platform>()
            .exposed(Exposure::BUILD_ARGUMENT)
            .absent("`linux/amd64`"),
        /// Platforms, each of which gets an image in one index; empty ones are left out.
        pub platforms: Vec<Text> = key("platforms")
            .is::<Platform>()
            .exposed(Exposure::BUILD_ARGUMENT)
            .absent("`platform` alone"),
    }
}

words! {
    /// What builds a Dockerfile.
    pub enum Using {
        /// The first of docker, podman, buildah that works; where none does, as for
        /// `Native` if nothing has to run, else as for `Acr` if the image is for an Azure
        /// registry.
        Auto = "auto",
        /// `docker build`, with `buildx` where that is there.
        Docker = "docker",
        Podman = "podman",
        Buildah = "buildah",
        /// Without an engine: files are made into layers, and `RUN` runs in namespaces of
        /// this machine.
        Native = "native",
        /// ACR Tasks, in the first Azure registry that a `tag` names.
        Acr = "acr",
    }
}

mapping! {
    /// An image made of files, without a container engine.
    pub struct Layers = "`build`" {
        /// Base image: `scratch`, a reference, `oci:DIRECTORY[:TAG]`, `oci-archive:FILE` or `docker-archive:FILE`.
        pub base: Text = key("base").is::<BaseImage>().names_image().default("scratch"),
        /// Files and folders, in order; each becomes one layer, or several where it is large.
        pub layers: Vec<Layer> = key("layers").list().absent("none"),
        /// Program and its fixed arguments.
        pub entrypoint: Option<Vec<Text>> = key("entrypoint")
            .list()
            .exposed(Exposure::IMAGE_COMMAND)
            .absent("the base's"),
        /// Default arguments.
        pub cmd: Option<Vec<Text>> = key("cmd")
            .list()
            .exposed(Exposure::IMAGE_COMMAND)
            .absent("the base's"),
        /// Environment variables of the image, which must not be secret.
        pub env: Map<Text> = key("env")
            .names::<VariableName>()
            .exposed(Exposure::IMAGE_VARIABLE)
            .absent("the base's"),
        /// Ports: `80`, `53/udp`.
        pub expose: Vec<Text> = key("expose")
            .is::<ExposedPort>()
            .exposed(Exposure::IMAGE_LABEL)
            .absent("the base's"),
        /// User, or user and group.
        pub user: Option<Text> = key("user")
            .is::<NotEmpty>()
            .exposed(Exposure::IMAGE_LABEL)
            .absent("the base's"),
        /// Working directory in the image.
        pub workdir: Option<Text> = key("workdir")
            .is::<AbsolutePath>()
            .exposed(Exposure::IMAGE_LABEL)
            .absent("the base's"),
        /// Labels of the image.
        pub labels: Map<Text> = key("labels")
            .names::<NotEmpty>()
            .exposed(Exposure::IMAGE_LABEL)
            .absent("the base's"),
        /// Compression of the layers; Container Instances pull `gzip`, and `zstd` is smaller and faster where registry and runtime take it.
        pub compression: Field<Compression> = key("compression").default("gzip"),
        /// Platform that the image is for.
        pub platform: Option<Text> = key("platform")
            .is::<Platform>()
            .exposed(Exposure::IMAGE_LABEL)
            .absent("`linux/amd64`"),
        /// Platforms, each of which gets an image in one index; empty ones are left out.
        pub platforms: Vec<Text> = key("platforms")
            .is::<Platform>()
            .exposed(Exposure::IMAGE_LABEL)
            .absent("`platform` alone"),
    }
}

mapping! {
    /// A file or folder that becomes one layer, or several where it is large.
    pub struct Layer = "a layer" {
        /// Path, relative to the plan's folder.
        pub from: Text = key("from").is::<NotEmpty>(),
        /// Absolute path in the image.
        pub to: Text = key("to").is::<AbsolutePath>(),
        /// Patterns of which a file has to match one.
        pub include: Vec<Text> = key("include").is::<Glob>().absent("all files"),
        /// Patterns of which a file must match none.
        pub exclude: Vec<Text> = key("exclude").is::<Glob>().absent("none"),
        /// Permissions of the files, in octal.
        pub mode: Option<Text> = key("mode")
            .is::<Mode>()
            .absent("`0755` for what its owner may run, else `0644`"),
        /// Owner of the files: `UID` or `UID:GID`.
        pub owner: Option<Text> = key("owner").is::<Owner>().absent("`0:0`"),
        /// The one platform that the layer is for.
        pub platform: Option<Text> = key("platform").is::<Platform>().absent("all platforms"),
    }
}

mapping! {
    /// An image that is there already.
    pub struct ExistingImage = "`build`" {
        /// Image: a reference, `oci:DIRECTORY[:TAG]`, `oci-archive:FILE`, `docker-archive:FILE`, or in the store of an engine of this machine `docker-daemon:NAME` or `containers-storage:NAME`.
        pub image: Text = key("image").is::<ImageSource>().names_image(),
        /// Platform of which the image is taken.
        pub platform: Option<Text> = key("platform")
            .is::<Platform>()
            .names_image()
            .absent("all that it has"),
    }
}

/// The keys of all three kinds, each once; `platform` and `platforms` last.
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let kinds = [ExistingImage::KEYS, Layers::KEYS, Dockerfile::KEYS].concat();
    let is_shared = |key: &&Key| ["platform", "platforms"].contains(&key.name);
    let own = kinds.iter().filter(|key| !is_shared(key));
    let shared = Layers::KEYS.iter().filter(is_shared);
    own.chain(shared).copied().collect()
});

/// For an empty mapping: the simplest build.
const CONTEXT: Key = key("build").is::<NotEmpty>().exposed(Exposure::BUILD_ARGUMENT);

impl PlanValue for Build {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let kind = match &slot.node.kind {
            Kind::Scalar(_) => {
                let context = reader.checked(slot.name, slot.node, &CONTEXT.shape)?;
                BuildKind::Dockerfile(Box::new(Dockerfile::of_context(context)))
            }
            Kind::Mapping(_) => {
                let entries = reader.entries(Layers::WHAT, slot.node, &KEYS)?;
                BuildKind::from_entries(reader, &entries)?
            }
            Kind::Null | Kind::Sequence(_) => {
                let message =
                    format!("`build` takes a folder or a mapping, not {}", slot.node.kind.name());
                let diagnostic = Diagnostic::error("wrong-type", message, &slot.node.span);
                reader.report(diagnostic.help("a folder with a Dockerfile is built by `build: .`"));
                return None;
            }
        };
        Some(Self { kind })
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        match &self.kind {
            BuildKind::Dockerfile(dockerfile) => dockerfile.visit_keys(visit),
            BuildKind::Layers(layers) => layers.visit_keys(visit),
            BuildKind::Image(image) => image.visit_keys(visit),
        }
    }

    fn schema(_: &'static Key) -> Value {
        let own = |kind: &[Key]| -> Vec<&'static str> {
            let names = kind.iter().map(|key| key.name);
            names.filter(|name| !name.starts_with("platform")).collect()
        };
        any_of([
            shape_schema(&Shape::of::<NotEmpty>()),
            Dockerfile::object().any_required(&own(Dockerfile::KEYS)),
            Layers::object().any_required(&["layers", "base"]),
            ExistingImage::object().to_schema(),
        ])
    }
}

impl Build {
    /// The platforms that the plan names for the image; none where it leaves them to
    /// a default.
    pub fn platforms(&self) -> Vec<&Text> {
        let (one, several) = match &self.kind {
            BuildKind::Dockerfile(keys) => (&keys.platform, keys.platforms.as_slice()),
            BuildKind::Layers(keys) => (&keys.platform, keys.platforms.as_slice()),
            BuildKind::Image(keys) => (&keys.platform, &[][..]),
        };
        one.iter().chain(several).collect()
    }
}

impl BuildKind {
    fn from_entries(reader: &mut Reader<'_>, entries: &Entries<'_>) -> Option<Self> {
        if let Some(image) = entries.key("image") {
            no_others(reader, entries, image, ExistingImage::KEYS);
            return ExistingImage::from_entries(reader, entries).map(Self::Image);
        }
        if let (Some(one), Some(several)) = (entries.key("platform"), entries.key("platforms")) {
            reader.conflict(one, several, "`platforms` gives one image for each of several");
        }
        let is_of_layers = |name: &&str| ["layers", "base"].contains(name);
        let is_of_dockerfile = |name: &&str| {
            !name.starts_with("platform") && Dockerfile::KEYS.iter().any(|key| key.name == *name)
        };
        let first = |holds: &dyn Fn(&&str) -> bool| entries.keys().find(|key| holds(&&*key.value));
        if let Some(mine) = first(&is_of_layers) {
            no_others(reader, entries, mine, Layers::KEYS);
            let layers = Layers::from_entries(reader, entries)?;
            return Some(Self::Layers(Box::new(layers)));
        }
        if let Some(mine) = first(&is_of_dockerfile) {
            no_others(reader, entries, mine, Dockerfile::KEYS);
            let dockerfile = Dockerfile::from_entries(reader, entries)?;
            return Some(Self::Dockerfile(Box::new(dockerfile)));
        }
        reader.missing(entries, "context", "or `layers`, or `image`");
        None
    }
}

/// Reports the first key of another kind of build than that of `mine`.
fn no_others(reader: &mut Reader<'_>, entries: &Entries<'_>, mine: &EntryKey<'_>, keys: &[Key]) {
    const HELP: &str = "an image is built from a Dockerfile, or from `layers`, or is an `image` that is there already";
    let is_other = |name: &str| {
        KEYS.iter().any(|key| key.name == name) && keys.iter().all(|key| key.name != name)
    };
    if let Some(other) = entries.keys().find(|key| is_other(&key.value)) {
        reader.conflict(other, mine, HELP);
    }
}

/// The path of a file in a folder, both relative to the plan's folder.
pub fn in_folder(folder: &str, file: &str) -> String {
    match folder.trim_end_matches('/') {
        "." | "" => file.to_owned(),
        folder => format!("{folder}/{file}"),
    }
}

impl Dockerfile {
    /// The path of the Dockerfile, relative to the plan's folder, where no expression is in
    /// it.
    pub fn literal_path(&self) -> Option<String> {
        match &self.dockerfile {
            Some(named) => named.as_literal().map(str::to_owned),
            None => Some(in_folder(self.context.as_literal()?, "Dockerfile")),
        }
    }

    fn of_context(context: Text) -> Self {
        Self {
            context,
            dockerfile: None,
            args: Map::default(),
            secrets: Map::default(),
            ssh: Vec::new(),
            memory: None,
            labels: Map::default(),
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            target: None,
            using: Field::default_of("auto"),
            platform: None,
            platforms: Vec::new(),
        }
    }
}
