//! Writes the image into the file of a job, for the people or programs that send it.

use super::forecast::DeployForecast;
use super::image::{deployed_image, image_of};
use crate::bounded_file;
use crate::job_file::{self, JobCredentials, JobFormat, JobImage};
use crate::oci::Reference;
use crate::plan::expr::{Rendered, Scope};
use crate::plan::is_after_a_run;
use crate::plan::schema::{
    BatchAiCredentials, BatchTaskCredentials, Deploy, JobFileCredentials, JobFileKeys, Text,
};
use crate::run::outcome::{StepError, StepOutput};
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::names::{name, public};
use crate::run::perform::performer::{Job, Performer};
use std::error::Error as _;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

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
        let folder = path.parent().unwrap_or(Path::new("."));
        let within = |root: &Path| real(folder).starts_with(real(root));
        let root = repository_of(&self.performer.plan.folder_of(self.service));
        if !within(&root) {
            return Ok(());
        }
        let shown = name(self.keys.to, "file", scope)?;
        Err(StepError::new(format!(
            "cannot write a password into `{shown}`: it is in the repository `{}`",
            root.display()
        ))
        .help(match self.format() {
            JobFormat::BatchAi => {
                "name a file outside of it with `to`, or let the service read the password from \
                 Key Vault: `vault-id` and `secret-url` in place of `password`"
            }
            JobFormat::BatchTask => {
                "name a file outside of it with `to`, or let the pool's identity pull: `identity` \
                 in place of `password`"
            }
        })
        .at(&self.keys.to.span))
    }

    /// Reads the job and tries to write an image into it, unless a program of the plan may
    /// make the file first.
    pub fn preflight(&self, place: usize) -> Result<(), StepError> {
        let plan = &self.performer.plan;
        let is_early = self.keys.from.is_known_early();
        if !is_early || is_after_a_run(&plan.parsed, self.service, place) {
            return Ok(());
        }
        let server = "registry.invalid".to_owned();
        let image = JobImage { image: format!("{server}/image"), server, credentials: None };
        self.written(&plan.scope, &image).map(drop)
    }

    /// The text of the file with the image in it.
    fn written(&self, scope: &Scope, image: &JobImage) -> Result<String, StepError> {
        let shown = name(self.keys.from, "file", scope)?;
        let path = self.path(self.keys.from, scope)?;
        let text = bounded_file::read_text(&path, MAX_JOB_BYTES).map_err(|error| {
            StepError::new(format!("cannot read the job `{shown}`"))
                .because(error.to_string())
                .help("`from` is relative to the folder of the plan")
                .at(&self.keys.from.span)
        })?;
        job_file::write(&text, self.format(), image).map_err(|error| {
            let service = self.format().service();
            let mut refused = StepError::new(format!("`{shown}` is no job of {service}"))
                .because(error.to_string());
            if let Some(cause) = error.source() {
                refused = refused.because(cause.to_string());
            }
            refused.at(&self.keys.from.span)
        })
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
        let written = self.written(scope, &image)?;
        let shown = self.name(scope)?;
        if performer.facts.dry_run {
            job.note(format!(
                "a dry run does not write the {shown}, which would name {}",
                image.image
            ));
        } else {
            let path = self.path(self.keys.to, scope)?;
            replace(&path, &written, is_secret).map_err(|error| {
                StepError::new(format!("cannot write the {shown}"))
                    .because(error.to_string())
                    .at(&self.keys.to.span)
            })?;
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

/// Replaces a file at once. One that holds a password is its owner's alone.
fn replace(path: &Path, text: &str, is_secret: bool) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    let mode = if is_secret { 0o600 } else { 0o644 };
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The folder of the repository that a folder is in, or that folder where it is in none.
fn repository_of(folder: &Path) -> PathBuf {
    let folder = real(folder);
    let root = folder.ancestors().find(|folder| folder.join(".git").exists());
    root.unwrap_or(&folder).to_owned()
}

/// A folder without links in its path; of one that does not exist, the part that does.
fn real(folder: &Path) -> PathBuf {
    let existing = folder.ancestors().find_map(|part| {
        let part = if part.as_os_str().is_empty() { Path::new(".") } else { part };
        part.canonicalize().ok()
    });
    existing.unwrap_or_else(|| folder.to_owned())
}
