//! Signatures: whether the keys can be used, and whether images that are there before the
//! run have what is required of them.

use super::Preflight;
use crate::plan::is_after_a_run;
use crate::plan::schema::{Action, Require, Sign, SignWith, Text};
use crate::run::outcome::StepError;
use crate::run::perform::deploy::{self, DeployStep};
use crate::run::perform::performer::Performer;
use crate::run::perform::require::Requirement;
use crate::run::perform::sign::{KeylessClients, signing_key};

impl Preflight<'_> {
    /// Opens the keys that sign, and reads those that verify.
    pub(super) async fn check_keys(&self) -> Result<(), StepError> {
        for (service, place, step) in self.may_run() {
            let checked = match &step.action {
                Action::Push(push) => match &push.sign {
                    Some(sign) if sign.texts().into_iter().all(Text::is_known_early) => {
                        self.check_signing(sign).await
                    }
                    _ => Ok(()),
                },
                Action::Deploy(deploy) => {
                    self.required(deploy.require.as_ref(), service, place).map(drop)
                }
                Action::Verify(verify) => {
                    self.required(verify.require.as_ref(), service, place).map(drop)
                }
                Action::Build(_) | Action::Tag(_) | Action::Run(_) => Ok(()),
            };
            checked.map_err(|error| error.at(&step.span))?;
        }
        Ok(())
    }

    /// Opens the key, or gets a token for a keyless signature.
    async fn check_signing(&self, sign: &Sign) -> Result<(), StepError> {
        let Performer { services, plan, .. } = self.performer;
        match &sign.with {
            SignWith::Key(key) => {
                signing_key(self.performer, key, sign.password.as_ref(), &plan.scope)
                    .await
                    .map(drop)
            }
            SignWith::Keyless(keyless) => {
                let keyless = KeylessClients::new(services, keyless, &plan.scope)?;
                self.retries.run(|| keyless.token()).await.map(drop)
            }
        }
    }

    /// What a step requires, if that is known: a `run` step before it may write a key.
    fn required(
        &self,
        require: Option<&Require>,
        service: usize,
        place: usize,
    ) -> Result<Option<Requirement>, StepError> {
        let plan = &self.performer.plan;
        let is_known = |require: &&Require| {
            let may_be_made = is_after_a_run(&plan.parsed, service, place);
            require.is_known_early() && !(may_be_made && require.reads_files())
        };
        let Some(require) = require.filter(is_known) else { return Ok(None) };
        Requirement::new(require, &plan.key_files(service), &plan.scope).map(Some)
    }

    /// Checks the images that a deploy names and that are there already. What this run
    /// pushes is left to the step.
    pub(super) async fn check_required(&self, step: DeployStep<'_>) -> Result<(), StepError> {
        let DeployStep { service, place, deploy, .. } = step;
        let required = self.required(deploy.require.as_ref(), service, place)?;
        let Some(requirement) = required else { return Ok(()) };
        for text in deploy.images().into_iter().flatten() {
            let Some(reference) = self.existing(text) else { continue };
            let pins = &self.performer.services.pinned_images;
            let Some(pin) = pins.get(&reference) else { continue };
            let image = deploy::pinned(&reference, pin).map_err(|error| error.at(&text.span))?;
            let check = || requirement.check(self.performer, &image);
            self.retries.run(check).await.map_err(|error| error.at(&text.span))?;
        }
        Ok(())
    }
}
