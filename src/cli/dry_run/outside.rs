//! Which images a dry run may fetch from real registries: those that the plan
//! builds on.

use super::initial_state::Blueprint;
use crate::oci::Reference;
use crate::plan::schema::{Action, BuildKind, Dockerfile, Text};
use std::collections::BTreeSet;

impl Blueprint<'_> {
    /// The hosts and repositories that the command line allows, and the
    /// repositories of the images that the plan builds on.
    ///
    /// A repository that the plan tags is local: if the real registry were asked
    /// for it, its refusal of an anonymous request would fail the push. The source
    /// of a copy within one repository is outside all the same, unless it is
    /// preloaded.
    pub fn outside(&self) -> Vec<String> {
        let names = |texts: Vec<String>| -> BTreeSet<String> {
            let read = texts.iter().filter_map(|text| text.parse::<Reference>().ok());
            read.map(|reference| reference.name()).collect()
        };
        let tagged = names(self.tagged());
        let seeded = names(self.seeds.iter().map(|(name, _)| name.clone()).collect());
        let (bases, copied) = (names(self.bases()), names(self.copied()));
        let bases = bases.into_iter().filter(|name| !tagged.contains(name));
        let copied =
            copied.into_iter().filter(|name| !(tagged.contains(name) && seeded.contains(name)));
        let mut outside: Vec<String> = self.options.allow_host.clone();
        outside.extend(bases.chain(copied));
        outside.sort_unstable();
        outside.dedup();
        outside
    }

    /// The images that the plan builds on or deploys beside its own, if they are
    /// known before the run.
    pub fn bases(&self) -> Vec<String> {
        let mut names = Vec::new();
        for action in self.actions() {
            match action {
                Action::Build(build) => match &build.kind {
                    BuildKind::Layers(layers) => names.extend(self.text(&layers.base)),
                    BuildKind::Dockerfile(dockerfile) => {
                        names.extend(self.dockerfile(dockerfile).unwrap_or_default());
                    }
                    BuildKind::Image(_) => {}
                },
                Action::Deploy(deploy) => {
                    let images = deploy.images().into_iter().flatten();
                    names.extend(images.filter_map(|it| self.text(it)));
                }
                _ => {}
            }
        }
        names.retain(|name| name != "scratch" && !name.is_empty());
        names
    }

    /// The images that the plan copies from a registry.
    pub fn copied(&self) -> Vec<String> {
        let mut names = Vec::new();
        for action in self.actions() {
            if let Action::Build(build) = action
                && let BuildKind::Image(existing) = &build.kind
                && !existing.image.source.contains(":/")
            {
                names.extend(self.text(&existing.image));
            }
        }
        names
    }

    fn tagged(&self) -> Vec<String> {
        let targets = self.actions().flat_map(|action| match action {
            Action::Tag(tag) => tag.targets.as_slice(),
            _ => &[],
        });
        targets.filter_map(|target| self.text(&target.image)).collect()
    }

    fn text(&self, text: &Text) -> Option<String> {
        Some(text.render(&self.scope).ok()?.expose().to_owned())
    }

    fn dockerfile(&self, dockerfile: &Dockerfile) -> Option<Vec<String>> {
        let file = match &dockerfile.dockerfile {
            Some(file) => self.folder.join(self.text(file)?),
            None => self.folder.join(self.text(&dockerfile.context)?).join("Dockerfile"),
        };
        Some(bases(&std::fs::read_to_string(file).ok()?))
    }
}

/// The images that a Dockerfile names literally. An image that a build argument
/// names takes `--allow-host`.
fn bases(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut stages = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        let (flags, words): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("--"));
        let name = match keyword.as_str() {
            "FROM" => words.first().copied(),
            "COPY" => flags.iter().find_map(|flag| flag.strip_prefix("--from=")),
            _ => None,
        };
        let number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let is_image = |name: &&str| {
            !name.contains('$') && !number(name) && !stages.contains(&name.to_ascii_lowercase())
        };
        names.extend(name.filter(is_image).map(str::to_owned));
        if let ("FROM", [_, marker, stage]) = (keyword.as_str(), words.as_slice())
            && marker.eq_ignore_ascii_case("as")
        {
            stages.push(stage.to_ascii_lowercase());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::bases;

    #[test]
    fn bases_are_the_images_that_a_dockerfile_names() {
        let text = "
# syntax=docker/dockerfile:1
ARG TAG=1
FROM --platform=linux/amd64 docker.io/library/golang:1 AS Build
from build as test
FROM alpine:$TAG
FROM scratch
COPY --from=build /a /a
COPY --from=0 /b /b
COPY --chown=1 --from=ghcr.io/octo/tools /c /c
RUN echo FROM nothing
";
        assert_eq!(bases(text), ["docker.io/library/golang:1", "scratch", "ghcr.io/octo/tools"]);
    }
}
