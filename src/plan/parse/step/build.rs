//! Reads `build`.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::parse::literal;
use crate::plan::parse::mapping::Mapping;
use crate::plan::parse::reader::Reader;
use crate::plan::schema::{
    Build, BuildKind, Compression, Dockerfile, ExistingImage, Field, Layer, Layers, Map, Text,
    Using,
};
use crate::plan::tree::{Kind, Node};

const DOCKERFILE: [&str; 9] = [
    "context",
    "dockerfile",
    "args",
    "secrets",
    "ssh",
    "cache-from",
    "cache-to",
    "target",
    "using",
];

const LAYERS: [&str; 10] = [
    "base",
    "layers",
    "entrypoint",
    "cmd",
    "env",
    "expose",
    "user",
    "workdir",
    "labels",
    "compression",
];

const IMAGE: [&str; 1] = ["image"];

/// What is built here may be built for several platforms.
const PLATFORMS: [&str; 1] = ["platforms"];

impl Reader<'_> {
    pub(super) fn build(&mut self, node: &Node) -> Option<Build> {
        let kind = match &node.kind {
            Kind::Scalar(_) => {
                let context = self.checked("build", node, literal::not_empty)?;
                BuildKind::Dockerfile(Box::new(Dockerfile { context, ..default_dockerfile() }))
            }
            Kind::Mapping(_) => self.build_kind(node)?,
            Kind::Null | Kind::Sequence(_) => {
                let message =
                    format!("`build` takes a folder or a mapping, not {}", node.kind.name());
                let diagnostic = Diagnostic::error("wrong-type", message, &node.span);
                self.report(diagnostic.help("a folder with a Dockerfile is built by `build: .`"));
                return None;
            }
        };
        Some(Build { kind, span: node.span.clone() })
    }

    fn build_kind(&mut self, node: &Node) -> Option<BuildKind> {
        let all = [IMAGE.as_slice(), &LAYERS, &DOCKERFILE, &["platform"], &PLATFORMS].concat();
        let keys = self.mapping("`build`", node, &all)?;
        let (mine, others): (_, &[&[&str]]) = if keys.get("image").is_some() {
            (keys.key("image"), &[&LAYERS, &DOCKERFILE, &PLATFORMS])
        } else if let Some(first) = keys.first_of(&["layers", "base"]) {
            (Some(first), &[&IMAGE, &DOCKERFILE])
        } else if let Some(first) = keys.first_of(&DOCKERFILE) {
            (Some(first), &[&IMAGE, &LAYERS])
        } else {
            self.missing(&keys, "context", "or `layers`, or `image`");
            return None;
        };
        if let (Some(mine), Some(other)) = (mine, keys.first_of(&others.concat())) {
            let help = "an image is built from a Dockerfile, or from `layers`, or is an `image` that is there already";
            self.conflict(other, mine, help);
        }
        let platform =
            keys.get("platform").and_then(|node| self.checked("platform", node, literal::platform));
        match mine.map(|key| key.value.as_str()) {
            Some("image") => {
                let image = self.required(&keys, "image", literal::image)?;
                Some(BuildKind::Image(ExistingImage { image, platform }))
            }
            Some("layers" | "base") => {
                let platforms = self.platforms(&keys);
                let layers = self.layers(&keys);
                Some(BuildKind::Layers(Box::new(Layers { platform, platforms, ..layers })))
            }
            _ => {
                let platforms = self.platforms(&keys);
                let file = self.dockerfile(&keys);
                Some(BuildKind::Dockerfile(Box::new(Dockerfile { platform, platforms, ..file })))
            }
        }
    }

    fn platforms(&mut self, keys: &Mapping<'_>) -> Vec<Text> {
        if let (Some(one), Some(several)) = (keys.key("platform"), keys.key("platforms")) {
            self.conflict(one, several, "`platforms` gives one image for each of several");
        }
        let platforms = keys.get("platforms");
        platforms.map(|node| self.strings("platforms", node, literal::platform)).unwrap_or_default()
    }

    fn dockerfile(&mut self, keys: &Mapping<'_>) -> Dockerfile {
        let default = default_dockerfile();
        let mut string =
            |key| keys.get(key).and_then(|node| self.checked(key, node, literal::not_empty));
        let (context, dockerfile, target) =
            (string("context"), string("dockerfile"), string("target"));
        let using = keys.get("using").and_then(|node| self.field::<Using>("using", node));
        if let Some(word) = using.as_ref().filter(|using| using.text.as_literal() == Some("acr")) {
            self.report(
                not_yet("using: acr", &word.text.span)
                    .help("leave `using` out, or name docker, podman, buildah or native"),
            );
        }
        let mut list = |key| {
            let node = keys.get(key);
            node.map(|node| self.strings(key, node, literal::not_empty)).unwrap_or_default()
        };
        let (ssh, cache_from, cache_to) = (list("ssh"), list("cache-from"), list("cache-to"));
        let mut strings = |key, check| {
            keys.get(key).map(|node| self.strings_by_name(key, node, check)).unwrap_or_default()
        };
        Dockerfile {
            context: context.unwrap_or(default.context),
            dockerfile,
            args: strings("args", literal::variable),
            secrets: strings("secrets", literal::not_empty),
            ssh,
            cache_from,
            cache_to,
            target,
            platform: None,
            platforms: Vec::new(),
            using: using.unwrap_or(default.using),
        }
    }

    fn layers(&mut self, keys: &Mapping<'_>) -> Layers {
        let base = keys.get("base").and_then(|node| self.checked("base", node, literal::base));
        let layers = keys.get("layers").map(|node| self.layer_list(node)).unwrap_or_default();
        let compression =
            keys.get("compression").and_then(|node| self.field::<Compression>("compression", node));
        let mut list = |key| keys.get(key).and_then(|node| self.list(key, node));
        let (entrypoint, cmd) = (list("entrypoint"), list("cmd"));
        let expose = keys.get("expose").map(|node| self.strings("expose", node, literal::port));
        let mut string = |key, check| keys.get(key).and_then(|node| self.checked(key, node, check));
        let (user, workdir) =
            (string("user", literal::not_empty), string("workdir", literal::absolute_path));
        let mut strings = |key, check| {
            keys.get(key).map(|node| self.strings_by_name(key, node, check)).unwrap_or_default()
        };
        Layers {
            base: base.unwrap_or_else(|| Text::default_of("scratch")),
            layers,
            entrypoint,
            cmd,
            env: strings("env", literal::variable),
            expose: expose.unwrap_or_default(),
            user,
            workdir,
            labels: strings("labels", literal::not_empty),
            platform: None,
            compression: compression.unwrap_or_else(|| Field::default_of("gzip")),
            platforms: Vec::new(),
        }
    }

    fn layer_list(&mut self, node: &Node) -> Vec<Layer> {
        let Kind::Sequence(items) = &node.kind else {
            self.wrong_type("layers", node, "a list");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.layer(item)).collect()
    }

    fn layer(&mut self, node: &Node) -> Option<Layer> {
        let keys = ["from", "to", "include", "exclude", "mode", "owner", "platform"];
        let keys = self.mapping("a layer", node, &keys)?;
        let from = self.required(&keys, "from", literal::not_empty);
        let to = self.required(&keys, "to", literal::absolute_path);
        let mut globs = |key| {
            keys.get(key).map(|node| self.strings(key, node, literal::glob)).unwrap_or_default()
        };
        let (include, exclude) = (globs("include"), globs("exclude"));
        let mode = keys.get("mode").and_then(|node| self.checked("mode", node, literal::mode));
        let owner = keys.get("owner").and_then(|node| self.checked("owner", node, literal::owner));
        let platform =
            keys.get("platform").and_then(|node| self.checked("platform", node, literal::platform));
        let (from, to) = from.zip(to)?;
        Some(Layer { from, to, include, exclude, mode, owner, platform })
    }
}

/// A word that is kept for what is still to come.
pub(super) fn not_yet(word: &str, span: &crate::plan::span::Span) -> Diagnostic {
    Diagnostic::error("not-yet-supported", format!("`{word}` is not supported yet"), span)
}

fn default_dockerfile() -> Dockerfile {
    Dockerfile {
        context: Text::default_of("."),
        dockerfile: None,
        args: Map::default(),
        secrets: Map::default(),
        ssh: Vec::new(),
        cache_from: Vec::new(),
        cache_to: Vec::new(),
        target: None,
        platform: None,
        platforms: Vec::new(),
        using: Field::default_of("auto"),
    }
}
