//! The six actions.

use super::text::{Field, Map, Size, Text};
use crate::plan::span::Span;
use std::time::Duration;

/// What a step does. The set is closed on purpose: a new action must say how it
/// is checked, performed, resumed and shown before it compiles.
#[derive(Clone, Debug)]
pub enum Action {
    /// Makes an image.
    Build(Build),
    /// Names it.
    Tag(Tag),
    /// Sends it to its registries.
    Push(Push),
    /// Runs it in Azure.
    Deploy(Deploy),
    /// Asks whether it answers.
    Verify(Box<Verify>),
    /// Runs a program here.
    Run(Run),
}

impl Action {
    /// The key that stands for it in a plan.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Build(_) => "build",
            Self::Tag(_) => "tag",
            Self::Push(_) => "push",
            Self::Deploy(_) => "deploy",
            Self::Verify(_) => "verify",
            Self::Run(_) => "run",
        }
    }
}

/// `build`
#[derive(Clone, Debug)]
pub struct Build {
    /// From what.
    pub kind: BuildKind,
    /// The value of the key.
    pub span: Span,
}

/// From what an image is made.
#[derive(Clone, Debug)]
pub enum BuildKind {
    /// A Dockerfile.
    Dockerfile(Box<Dockerfile>),
    /// Files onto a base.
    Layers(Box<Layers>),
    /// An image that is there already.
    Image(ExistingImage),
}

/// A Dockerfile build, by a container engine where one is needed.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// The context folder, relative to the plan's folder. `.` where absent.
    pub context: Text,
    /// Relative to the plan's folder; `Dockerfile` in the context where absent.
    pub dockerfile: Option<Text>,
    /// Build arguments. A secret here is a mistake.
    pub args: Map<Text>,
    /// Build secrets, by id.
    pub secrets: Map<Text>,
    /// Ssh agents and keys: `id` or `id=path`. Empty ones are left out.
    pub ssh: Vec<Text>,
    /// Where layers of earlier builds are looked for. Empty ones are left out.
    pub cache_from: Vec<Text>,
    /// Where layers are left for later builds. Empty ones are left out.
    pub cache_to: Vec<Text>,
    /// The stage to build.
    pub target: Option<Text>,
    /// `linux/amd64` where absent.
    pub platform: Option<Text>,
    /// An image for each, in an index. Empty ones are left out.
    pub platforms: Vec<Text>,
    /// By whom.
    pub using: Field<Using>,
}

/// Who builds a Dockerfile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Using {
    /// The first of docker, podman, buildah that works; where none does, and
    /// nothing has to run, as for `Native`.
    Auto,
    /// `docker build`, by `buildx` where that is there.
    Docker,
    /// `podman build`
    Podman,
    /// `buildah build`
    Buildah,
    /// No engine: what nothing has to run for is made as layers are.
    Native,
    /// ACR Tasks; reserved.
    Acr,
}

/// An image made without a container engine.
#[derive(Clone, Debug)]
pub struct Layers {
    /// A reference, or `scratch`.
    pub base: Text,
    /// In order; each becomes one layer, or several where it is large.
    pub layers: Vec<Layer>,
    /// The program and its fixed arguments.
    pub entrypoint: Option<Vec<Text>>,
    /// The default arguments.
    pub cmd: Option<Vec<Text>>,
    /// Variables. A secret here is a mistake.
    pub env: Map<Text>,
    /// Ports: `80`, `53/udp`.
    pub expose: Vec<Text>,
    /// User, or user and group.
    pub user: Option<Text>,
    /// The working directory.
    pub workdir: Option<Text>,
    /// Labels.
    pub labels: Map<Text>,
    /// `linux/amd64` where absent.
    pub platform: Option<Text>,
    /// An image for each, in an index. Empty ones are left out.
    pub platforms: Vec<Text>,
    /// How layers are packed; `gzip` where absent.
    pub compression: Field<Compression>,
}

/// How the layers of an image are packed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// Taken by every registry and runtime, Container Instances among them.
    Gzip,
    /// Smaller and several times faster, for registries and runtimes that take it.
    Zstd,
}

/// A file or folder that becomes one layer, or several where it is large.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Relative to the plan's folder.
    pub from: Text,
    /// An absolute path in the image.
    pub to: Text,
    /// Only what matches one of these globs.
    pub include: Vec<Text>,
    /// Nothing that matches one of these.
    pub exclude: Vec<Text>,
    /// Octal; the file's own, without group and other write, where absent.
    pub mode: Option<Text>,
    /// `uid[:gid]`; `0:0` where absent.
    pub owner: Option<Text>,
    /// The one platform that it is for; for all where absent.
    pub platform: Option<Text>,
}

/// An image that is there already: `registry/repository[:tag][@digest]`,
/// `oci:DIRECTORY[:tag]` or `docker-archive:FILE`.
#[derive(Clone, Debug)]
pub struct ExistingImage {
    /// Where.
    pub image: Text,
    /// Which of several; all of them where absent.
    pub platform: Option<Text>,
}

/// `tag`
#[derive(Clone, Debug)]
pub struct Tag {
    /// At least one.
    pub targets: Vec<TagTarget>,
    /// The value of the key.
    pub span: Span,
}

/// A repository and its tags, or one whole reference.
#[derive(Clone, Debug)]
pub struct TagTarget {
    /// A repository, or with no `tags` a reference with a tag.
    pub image: Text,
    /// Empty ones are left out.
    pub tags: Vec<Text>,
}

/// `push`
#[derive(Clone, Debug)]
pub struct Push {
    /// Another image than what the service built.
    pub image: Option<Text>,
    /// Whether an SBOM of each image is attached to it.
    pub sbom: Field<bool>,
    /// Whether it is attached where the image came from.
    pub provenance: Field<bool>,
    /// The value of the key.
    pub span: Span,
}

/// `deploy`
#[derive(Clone, Debug)]
pub struct Deploy {
    /// Another image than what the service pushed.
    pub image: Option<Text>,
    /// To what.
    pub kind: DeployKind,
    /// The value of the key.
    pub span: Span,
}

/// To what a service is deployed.
#[derive(Clone, Debug)]
pub enum DeployKind {
    /// Azure Container Instances.
    Aci(Box<Aci>),
}

/// A container group.
#[derive(Clone, Debug)]
pub struct Aci {
    /// Its name. The DNS label, else plan and service, where absent.
    pub name: Option<Text>,
    /// The first label of its FQDN; without it the group has an address alone.
    pub dns_label: Option<Text>,
    /// `autoGeneratedDomainNameLabelScope`: `Unsecure`, `TenantReuse`, ….
    pub dns_label_scope: Option<Text>,
    /// Ports of the first container: `80`, `53/udp`.
    pub ports: Vec<Text>,
    /// Cores. 1 where absent.
    pub cpu: Field<f64>,
    /// `1.5GB` where absent.
    pub memory: Field<Size>,
    /// Instead of the image's entrypoint.
    pub command: Option<Vec<Text>>,
    /// Whatever came from a secret is sent as a secure value.
    pub env: Map<Text>,
    /// `Always` where absent.
    pub restart_policy: Field<RestartPolicy>,
    /// Beside the first.
    pub containers: Vec<Container>,
    /// Over the plan's.
    pub resource_group: Option<Text>,
    /// Over the plan's.
    pub location: Option<Text>,
    /// Whether the group may be deleted and made anew.
    pub replace: Option<Field<Replace>>,
    /// What happens when this deploy or a later step of the service fails.
    pub on_failure: Option<Field<OnFailure>>,
}

/// A further container of the group.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name.
    pub name: Text,
    /// Its image; what the service pushed where absent.
    pub image: Option<Text>,
    /// Ports that are public too.
    pub ports: Vec<Text>,
    /// Cores. 1 where absent.
    pub cpu: Field<f64>,
    /// `1.5GB` where absent.
    pub memory: Field<Size>,
    /// Instead of the image's entrypoint.
    pub command: Option<Vec<Text>>,
    /// Whatever came from a secret is sent as a secure value.
    pub env: Map<Text>,
}

/// When a container is started again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RestartPolicy {
    /// Whenever it ends.
    Always,
    /// When it ends with an error.
    OnFailure,
    /// Never.
    Never,
}

/// Whether a container group may be deleted and made anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replace {
    /// An update that needs it is refused.
    Never,
    /// When Azure refuses the update in place.
    WhenRequired,
    /// Each time.
    Always,
}

/// What happens to a deployed group when its service fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnFailure {
    /// The previous one is put back.
    Rollback,
    /// It stays for inspection.
    Keep,
}

/// `verify`
#[derive(Clone, Debug)]
pub struct Verify {
    /// What is asked.
    pub probe: Probe,
    /// What must hold of an HTTP answer.
    pub expect: Expect,
    /// How long it may take until it holds. 3 minutes where absent.
    pub within: Field<Duration>,
    /// Between two tries. 2 seconds where absent.
    pub every: Field<Duration>,
    /// How many tries in a row must pass. 1 where absent.
    pub consecutive: Field<u32>,
    /// The value of the key.
    pub span: Span,
}

/// What a `verify` asks.
#[derive(Clone, Debug)]
pub enum Probe {
    /// A path under the deployed URL, or a whole URL.
    Http(Text),
    /// A port of the deployed group, or `host:port`.
    Tcp(Text),
}

/// What must hold of an HTTP answer. Empty: a status below 400.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// One of these.
    pub status: Vec<Field<u16>>,
    /// By name; the value is the whole header.
    pub headers: Map<Text>,
    /// What the body holds.
    pub body: Vec<Body>,
    /// By JSON path (RFC 9535); the value as text, or as the JSON it spells.
    pub json: Map<Text>,
}

/// A demand on the body of an answer.
#[derive(Clone, Debug)]
pub enum Body {
    /// It holds this text.
    Contains(Text),
    /// It matches this regular expression.
    Matches(Text),
}

/// `run`
#[derive(Clone, Debug)]
pub struct Run {
    /// What is run.
    pub script: Script,
    /// Relative to the plan's folder.
    pub working_directory: Option<Text>,
    /// The value of the key.
    pub span: Span,
}

/// What a `run` step runs.
#[derive(Clone, Debug)]
pub enum Script {
    /// By `bash -euo pipefail`, or `sh -eu` where there is no bash.
    Shell(Text),
    /// Program and arguments, without a shell.
    Exec(Vec<Text>),
}
