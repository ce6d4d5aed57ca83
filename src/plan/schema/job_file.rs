//! `batch-ai-job` and `batch-task`: a file into which an image is written.

use super::text::Text;
use crate::plan::describe::{Exposure, key, mapping};
use crate::plan::literal::{NotEmpty, VaultId, VaultSecretUrl};

mapping! {
    /// A job of Batch AI, whose file gets the image and the login that pulls it. The service ended on 2019-03-31.
    pub struct BatchAiJob = "`batch-ai-job`" {
        /// File of the job, as JSON; relative to the plan's folder.
        pub from: Text = key("from").is::<NotEmpty>(),
        /// File that is written; its folder is made.
        pub to: Text = key("to").is::<NotEmpty>(),
        /// How the service pulls: `{ username, password }`, or `{ username, vault-id, secret-url }` for a password that it reads from Key Vault.
        pub credentials: Option<BatchAiCredentials> = key("credentials").absent("what the file has"),
    }
}

mapping! {
    /// The login with which Batch AI pulls.
    pub struct BatchAiCredentials = "`credentials`" {
        /// Name of the user.
        pub username: Text = key("username").is::<NotEmpty>().exposed(Exposure::USER),
        /// Password of the user; the file is then outside of the repository.
        pub password: Option<Text> = key("password").is::<NotEmpty>().absent("in Key Vault"),
        /// Resource id of the vault that has the password.
        pub vault_id: Option<Text> = key("vault-id").is::<VaultId>().absent("`password`"),
        /// URL of the secret in that vault.
        pub secret_url: Option<Text> = key("secret-url").is::<VaultSecretUrl>().absent("`password`"),
    }
}

mapping! {
    /// A task of Azure Batch, whose file gets the image and the login that pulls it.
    pub struct BatchTask = "`batch-task`" {
        /// File of the task, as JSON; relative to the plan's folder.
        pub from: Text = key("from").is::<NotEmpty>(),
        /// File that is written; its folder is made.
        pub to: Text = key("to").is::<NotEmpty>(),
        /// How the service pulls: `{ identity }`, or `{ username, password }`.
        pub credentials: Option<BatchTaskCredentials> = key("credentials").absent("what the file has"),
    }
}

mapping! {
    /// The login with which Azure Batch pulls.
    pub struct BatchTaskCredentials = "`credentials`" {
        /// Resource id of a user-assigned identity, which the pool has.
        pub identity: Option<Text> = key("identity")
            .is::<NotEmpty>()
            .names_resource()
            .absent("`username` and `password`"),
        /// Name of the user.
        pub username: Option<Text> = key("username")
            .is::<NotEmpty>()
            .exposed(Exposure::USER)
            .absent("`identity`"),
        /// Password of the user; the file is then outside of the repository.
        pub password: Option<Text> = key("password").is::<NotEmpty>().absent("`identity`"),
    }
}

/// The keys of a file that is written, for either service.
#[derive(Clone, Copy, Debug)]
pub struct JobFileKeys<'p> {
    /// The file that is read.
    pub from: &'p Text,
    /// The file that is written.
    pub to: &'p Text,
    pub credentials: JobFileCredentials<'p>,
}

#[derive(Clone, Copy, Debug)]
pub enum JobFileCredentials<'p> {
    BatchAi(Option<&'p BatchAiCredentials>),
    BatchTask(Option<&'p BatchTaskCredentials>),
}

impl JobFileCredentials<'_> {
    pub fn are_given(self) -> bool {
        match self {
            Self::BatchAi(keys) => keys.is_some(),
            Self::BatchTask(keys) => keys.is_some(),
        }
    }
}

impl BatchAiJob {
    pub fn keys(&self) -> JobFileKeys<'_> {
        let credentials = JobFileCredentials::BatchAi(self.credentials.as_ref());
        JobFileKeys { from: &self.from, to: &self.to, credentials }
    }
}

impl BatchTask {
    pub fn keys(&self) -> JobFileKeys<'_> {
        let credentials = JobFileCredentials::BatchTask(self.credentials.as_ref());
        JobFileKeys { from: &self.from, to: &self.to, credentials }
    }
}
