//! The images that are deployed: their platform, and their digests.

use super::Preflight;
use crate::oci::{Platform, Reference};
use crate::plan::schema::{Action, Build, Deploy, Text};
use crate::run::outcome::StepError;
use crate::run::perform::deploy;
use crate::run::perform::names::optional_name;
use crate::run::perform::references::references;

impl Preflight<'_> {
    /// Refuses to build an image that is deployed to where it cannot run.
    pub(super) fn check_platforms(&self) -> Result<(), StepError> {
        let mut built: Option<(usize, &Build)> = None;
        for (service, _, step) in self.will_run() {
            match &step.action {
                Action::Build(build) => built = Some((service, build)),
                Action::Deploy(deploy) if deploy.images().contains(&None) => {
                    if let Some((_, build)) = built.filter(|(of, _)| *of == service) {
                        self.check_platform(build, deploy)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn check_platform(&self, build: &Build, deploy: &Deploy) -> Result<(), StepError> {
        let texts = build.platforms();
        let Some(first) = texts.first().filter(|_| texts.iter().all(|text| text.is_known_early()))
        else {
            return Ok(());
        };
        let mut platforms = Vec::new();
        for text in &texts {
            if let Some(name) = optional_name(text, "platform", &self.performer.plan.scope)? {
                platforms.push(name.parse::<Platform>().map_err(StepError::new)?);
            }
        }
        deploy::check_platforms(deploy, &platforms).map_err(|error| error.at(&first.span))
    }

    /// Finds the digest of each image that a deploy names, so that what runs is what
    /// was there when the run began. Left to the step: one that this run pushes.
    pub(super) async fn check_images(&self, deploy: &Deploy) -> Result<(), StepError> {
        for text in deploy.images().into_iter().flatten() {
            let Some(reference) = self.existing(text) else { continue };
            // What is written into a file is not run here, so that its name is enough.
            if !deploy.is_to_azure() && reference.digest.is_some() {
                continue;
            }
            let pin = || deploy::pin_image(self.performer, &reference);
            let pin = self.retries.run(pin).await.map_err(|error| error.at(&text.span))?;
            self.performer.services.pinned_images.insert(&reference, pin);
        }
        Ok(())
    }

    /// The reference of an image that is there before the run.
    pub(super) fn existing(&self, text: &Text) -> Option<Reference> {
        let reference = self.reference(text).filter(|_| text.is_known_early())?;
        let made_here = self.performer.plan.creates_registry(&reference.host)
            || self.may_run().any(|(_, _, step)| match &step.action {
                Action::Tag(tag) => match references(tag, &self.performer.plan.scope) {
                    Ok(tagged) => tagged.contains(&reference),
                    // It may become this one.
                    Err(_) => true,
                },
                _ => false,
            });
        (!made_here).then_some(reference)
    }
}
