//! Writes the image into the file of a job, for the people or programs that send it.

mod repository;
mod write;

pub use repository::repository_holding;

use super::forecast::DeployForecast;
use super::image::{deployed_image, image_of};
use crate::bounded_file;
use crate::job_file::{self, JobCredentials, JobFileError, JobFormat, JobImage};
use crate::oci::Reference;
use crate::plan::expr::{Rendered, Scope};
use crate::plan::schema::{
    BatchAiCredentials, BatchTaskCredentials, Deploy, JobFileCredentials, JobFileKeys, Text,
};
use crate::plan::{PasswordInRepository, is_after_a_run};
use crate::run::outcome::{StepError, StepOutput};
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::names::{name, public};
use crate::run::perform::performer::{Job, Performer};
use std::error::Error as _;
use std::path::PathBuf;

/// The largest file that is read: a job is written by hand.
const MAX_JOB_BYTES: u64 = bounded_file::MAX_WRITTEN_BYTES;

/// A `deploy` step that writes a file.
#[derive(Clone, Copy)]
pub struct JobFileStep<'a> {
    pub performer: &'a Performer,
    /// Index of the service in the plan.
    pub service: usize,
    pub deploy: &'a Deploy,
    pub keys: JobFileKeys<'a>,
}

impl JobFileStep<'_> {
    fn format(&self) -> JobFormat {
        match self.keys.credentials {
            JobFileCredentials::BatchAi(_) => JobFormat::BatchAi,
            JobFileCredentials::BatchTask(_) => JobFormat::BatchTask,
        }
    }

    /// What it is going to write. No server is asked.
    pub fn forecast(&self, job: &Job) -> Result<(DeployForecast, StepOutput), StepError> {
        let name = self.name(&job.scope)?;
        let output = StepOutput { handover: job.handover.clone(), ..StepOutput::default() };
        Ok((DeployForecast { name, compared: None }, output))
    }

    /// The file that is written, as messages name it.
    pub fn name(&self, scope: &Scope) -> Result<String, StepError> {
        Ok(format!("job file `{}`", name(self.keys.to, "file", scope)?))
    }

    fn path(&self, text: &Text, scope: &Scope) -> Result<PathBuf, StepError> {
        Ok(self.performer.plan.folder_of(self.service).join(name(text, "file", scope)?))
    }

    /// Fails where a password would come into the repository. Returns the file that is
    /// written, if it is known.
    pub fn check_texts(&self) -> Result<Option<String>, StepError> {
        let scope = &self.performer.plan.scope;
        if !self.keys.to.is_known_early() {
            return Ok(None);
        }
        if self.deploy.job_password().is_some() {
            self.check_outside(scope).map_err(|error| StepError { is_usage: true, ..error })?;
        }
        self.name(scope).map(Some)
    }

    fn check_outside(&self, scope: &Scope) -> Result<(), StepError> {
        let path = self.path(self.keys.to, scope)?;
        let folder = self.performer.plan.folder_of(self.service);
        let Some(repository) = repository_holding(&folder, &path) else { return Ok(()) };
        let shown = name(self.keys.to, "file", scope)?;
        let exposed = PasswordInRepository { deploy: self.deploy, file: &shown, repository };
        let error = StepError::new(exposed.message()).help_if(exposed.help());
        Err(error.at(&self.keys.to.span))
    }

    /// Reads the job and tries to write an image of these registries into it, unless a program of
    /// the plan may make the file first.
    pub fn preflight(&self, place: usize, registries: &[String]) -> Result<(), StepError> {
        let plan = &self.performer.plan;
        if is_after_a_run(&plan.parsed, self.service, place) {
            return Ok(());
        }
        if self.keys.to.is_known_early() {
            let path = self.path(self.keys.to, &plan.scope)?;
            if let Some(why) = write::obstacle(&path) {
                return Err(self.cannot_write(&self.name(&plan.scope)?, &why));
            }
        }
        if !self.keys.from.is_known_early() {
            return Ok(());
        }
        let text = self.read(&plan.scope)?;
        let server = "registry.invalid".to_owned();
        let image = JobImage { image: format!("{server}/image"), server, credentials: None };
        self.written(&text, &image, &plan.scope)?;
        registries.iter().try_for_each(|server| self.check_login(&text, server, &plan.scope))
    }

    /// The text of the file that the image is written into.
    fn read(&self, scope: &Scope) -> Result<String, StepError> {
        let shown = name(self.keys.from, "file", scope)?;
        let path = self.path(self.keys.from, scope)?;
        let bytes = bounded_file::read(&path, MAX_JOB_BYTES).map_err(|error| {
            StepError::new(format!("cannot read the job `{shown}`"))
                .because(error.to_string())
                .help("`from` is relative to the folder of the plan")
                .at(&self.keys.from.span)
        })?;
        let text = job_file::decode(&bytes).map_err(|error| self.refused(&error, &shown))?;
        Ok(text.to_owned())
    }

    /// The text of the file with the image in it.
    fn written(&self, text: &str, image: &JobImage, scope: &Scope) -> Result<String, StepError> {
        let shown = name(self.keys.from, "file", scope)?;
        let written = job_file::write(text, self.format(), image);
        written.map_err(|error| self.refused(&error, &shown))
    }

    fn refused(&self, error: &JobFileError, shown: &str) -> StepError {
        let service = self.format().service();
        let mut refused = StepError::new(format!("`{shown}` is no job of {service}"))
            .because(error.to_string())
            .help_if(error.help().map(str::to_owned));
        if let Some(cause) = error.source() {
            refused = refused.because(cause.to_string());
        }
        refused.at(&self.keys.from.span)
    }

    /// Fails where the login that stays in the file would be given to another registry.
    fn check_login(&self, text: &str, server: &str, scope: &Scope) -> Result<(), StepError> {
        if self.keys.credentials.are_given() {
            return Ok(());
        }
        let Some(known) = job_file::login_of_another(text, self.format(), server) else {
            return Ok(());
        };
        let shown = name(self.keys.from, "file", scope)?;
        let message = format!("`{shown}` has a login of `{known}`, and the image is in `{server}`");
        Err(StepError::new(message)
            .help("give the login as `credentials`, or take it out of the file")
            .at(&self.keys.from.span))
    }

    fn cannot_write(&self, shown: &str, why: &str) -> StepError {
        StepError::new(format!("cannot write the {shown}"))
            .because(why)
            .help(
                "name a file in a folder that can be written as `to`, relative to that of the plan",
            )
            .at(&self.keys.to.span)
    }

    pub async fn perform(&self, job: &Job) -> Result<StepOutput, StepError> {
        let Self { performer, deploy, .. } = *self;
        let scope = &job.scope;
        if deploy.job_password().is_some() {
            self.check_outside(scope)?;
        }
        let named = deploy.image.as_ref();
        let mut image = image_of(named, deploy.runs_on(), job)?;
        let mut reference: Reference = image.parse()?;
        if named.is_some() && reference.digest.is_none() {
            image = deployed_image(AzureSettings { performer, scope }, &image, job).await?;
            reference = image.parse()?;
        }
        let credentials = self.credentials(scope)?;
        let is_secret = matches!(credentials, Some(JobCredentials::Password { .. }));
        let image = JobImage { server: reference.host, image, credentials };
        let text = self.read(scope)?;
        self.check_login(&text, &image.server, scope)?;
        let written = self.written(&text, &image, scope)?;
        let shown = self.name(scope)?;
        if performer.facts.dry_run {
            job.note(format!(
                "a dry run does not write the {shown}, which would name {}",
                image.image
            ));
        } else {
            let path = self.path(self.keys.to, scope)?;
            if let Err(error) = write::replace(&path, &written, is_secret) {
                return Err(self.cannot_write(&shown, &error.to_string()));
            }
            job.note(format!("wrote the {shown}: {}", image.image));
        }
        Ok(StepOutput { handover: job.handover.clone(), ..StepOutput::default() })
    }

    fn credentials(&self, scope: &Scope) -> Result<Option<JobCredentials>, StepError> {
        match self.keys.credentials {
            JobFileCredentials::BatchAi(keys) => keys.map(|keys| of_job(keys, scope)).transpose(),
            JobFileCredentials::BatchTask(keys) => {
                keys.map(|keys| of_task(keys, scope)).transpose().map(Option::flatten)
            }
        }
    }
}

fn of_job(keys: &BatchAiCredentials, scope: &Scope) -> Result<JobCredentials, StepError> {
    let username = user(&keys.username, scope)?;
    match (&keys.password, &keys.vault_id, &keys.secret_url) {
        (None, Some(id), Some(url)) => Ok(JobCredentials::Reference {
            username,
            vault_id: name(id, "vault's id", scope)?,
            secret_url: name(url, "secret's URL", scope)?,
        }),
        (Some(text), ..) => password(username, text, scope),
        // `check` refuses such a plan.
        (None, ..) => Err(StepError::new("the user of the registry has no password")),
    }
}

fn of_task(
    keys: &BatchTaskCredentials,
    scope: &Scope,
) -> Result<Option<JobCredentials>, StepError> {
    if let Some(identity) = &keys.identity {
        let id = name(identity, "identity", scope)?;
        return Ok(Some(JobCredentials::Identity(id)));
    }
    let Some((username, text)) = keys.username.as_ref().zip(keys.password.as_ref()) else {
        return Ok(None);
    };
    password(user(username, scope)?, text, scope).map(Some)
}

fn user(text: &Text, scope: &Scope) -> Result<String, StepError> {
    public(text, text.render_filled(scope, "a user's name"), "user's name")
}

fn password(username: String, text: &Text, scope: &Scope) -> Result<JobCredentials, StepError> {
    let password = match text.render_filled(scope, "a password")? {
        Rendered::Secret(secret) => secret,
        Rendered::Plain(text) => scope.redactor().adopt("the registry's password", text),
    };
    Ok(JobCredentials::Password { username, password })
}
