//! Which images a dry run may fetch from real registries: those that the plan
//! builds on.

use super::initial_state::Blueprint;
use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use crate::image::existing::ImageSource;
use crate::oci::Reference;
use crate::plan::schema::{Action, BuildKind, Dockerfile, Text};
use std::collections::BTreeSet;
use std::path::Path;

impl Blueprint<'_> {
    /// The hosts and repositories that the command line allows, and the
    /// repositories of the images that the plan builds on.
    ///
    /// A base image in a repository that the plan also tags is left out: the push asks
    /// which blobs that repository has, and a real registry that refuses the anonymous
    /// question would fail the push. The source of a copy is allowed even then, as
    /// there is no other place for its content to come from, unless the image is
    /// preloaded, or is one that the plan itself pushes.
    pub fn outside(&self) -> Vec<String> {
        let pushed = self.pushed();
        let copied: Vec<String> =
            self.copied().into_iter().filter(|image| !pushed.contains(image)).collect();
        let names = |texts: Vec<String>| -> BTreeSet<String> {
            let read = texts.iter().filter_map(|text| text.parse::<Reference>().ok());
            read.map(|reference| reference.name()).collect()
        };
        let tagged = names(self.tagged());
        let preloaded = names(self.seeds.iter().map(|(name, _)| name.clone()).collect());
        let (bases, copied) = (names(self.bases()), names(copied));
        let bases = bases.into_iter().filter(|name| !tagged.contains(name));
        let copied =
            copied.into_iter().filter(|name| !(tagged.contains(name) && preloaded.contains(name)));
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
        for (folder, action) in self.placed_actions() {
            match action {
                Action::Build(build) => match &build.kind {
                    BuildKind::Layers(layers) => names.extend(self.text(&layers.base)),
                    BuildKind::Dockerfile(dockerfile) => {
                        names
                            .extend(self.dockerfile_bases(dockerfile, &folder).unwrap_or_default());
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

    /// The images that the plan copies from a registry, not from a local layout or archive.
    pub fn copied(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (folder, action) in self.placed_actions() {
            if let Action::Build(build) = action
                && let BuildKind::Image(existing) = &build.kind
            {
                // `oci:layout` would also parse as a reference.
                let name = self.text(&existing.image);
                names.extend(name.filter(|name| ImageSource::parse(name, &folder).is_none()));
            }
        }
        names
    }

    /// The references that the plan tags, if they are known before the run.
    fn pushed(&self) -> BTreeSet<String> {
        let mut references = BTreeSet::new();
        for action in self.actions() {
            let Action::Tag(tag) = action else { continue };
            for target in &tag.targets {
                let Some(image) = self.text(&target.image) else { continue };
                let tags = target.tags.iter().filter_map(|tag| self.text(tag));
                references.extend(tags.map(|tag| format!("{image}:{tag}")));
                references.insert(image);
            }
        }
        references
    }

    /// The repositories that the plan tags.
    fn tagged(&self) -> Vec<String> {
        let targets = self.actions().flat_map(|action| match action {
            Action::Tag(tag) => tag.targets.as_slice(),
            _ => &[],
        });
        targets.filter_map(|target| self.text(&target.image)).collect()
    }

    /// `None` if the text is not known before the run.
    fn text(&self, text: &Text) -> Option<String> {
        Some(text.render(&self.scope).ok()?.expose().to_owned())
    }

    /// `None` if its path is not known before the run, or it cannot be read: the build
    /// reports that.
    fn dockerfile_bases(&self, dockerfile: &Dockerfile, folder: &Path) -> Option<Vec<String>> {
        let file = match &dockerfile.dockerfile {
            Some(file) => folder.join(self.text(file)?),
            None => folder.join(self.text(&dockerfile.context)?).join("Dockerfile"),
        };
        Some(images_named_in(&bounded_file::read_text(&file, MAX_WRITTEN_BYTES).ok()?))
    }
}

/// The images that the `FROM` and `COPY --from` of a Dockerfile name literally. An image
/// that a build argument names needs `--allow-host`.
fn images_named_in(text: &str) -> Vec<String> {
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
        // `COPY --from=0` names a stage by its index.
        let is_index = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let is_image = |name: &&str| {
            !name.contains('$') && !is_index(name) && !stages.contains(&name.to_ascii_lowercase())
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
    use super::images_named_in;

    #[test]
    fn stages_and_build_arguments_are_no_base_images() {
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
        assert_eq!(
            images_named_in(text),
            ["docker.io/library/golang:1", "scratch", "ghcr.io/octo/tools"]
        );
    }
}
