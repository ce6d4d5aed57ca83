//! The options of a run: what `shipway run` and `shipway dry-run` are told
//! beside the plan.
//!
//! They are defined here alone. clap fills them from the command line, the
//! first entry of the journal holds them, and `shipway resume` continues the run
//! with them; an option that is added here is on the command line, in the
//! journal, and kept by `resume`. Their doc comments are their help texts.

use super::handover::TargetId;
use crate::event::Outputs;
use crate::local::{FaultRule, RuntimeChoice};
use crate::oci::Reference;
use crate::value::CommandContext;
use clap::{Args, ValueEnum as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// The options of a run.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct RunOptions {
    /// Use this environment instead of the first whose `if` holds
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Set a variable of the plan; not for secrets
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Begin with this step
    #[arg(long, value_name = "STEP")]
    pub from: Option<String>,
    /// End after this step
    #[arg(long, value_name = "STEP")]
    pub until: Option<String>,
    /// Run only this service; of those it needs, earlier runs left the outputs
    #[arg(long, value_name = "SERVICE")]
    pub only: Vec<String>,
    /// Keep running the other services after a failure
    #[arg(long)]
    pub keep_going: bool,
    /// Simulate an event: `push`, `pull_request`, or a file with a payload
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// Set the number of the pull request
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub pr: Option<u64>,
    /// Deploy a fork's pull request, by the base branch's plan, if its head is still this commit
    #[arg(long, value_name = "SHA")]
    pub allow_fork_deploy: Option<String>,
    /// Let an older commit replace a newer one that is deployed
    #[arg(long)]
    pub allow_older: bool,
    /// Tell this comment apart from others of Shipway on the same pull request
    #[arg(long, value_name = "KEY")]
    pub comment_key: Option<String>,
    /// Report nothing at GitHub; `shipway report --merge` reports several runs as one
    #[arg(long)]
    pub no_report: bool,
    /// Save each image that is built as an OCI layout, FOLDER/SERVICE
    #[arg(long, value_name = "FOLDER", value_parser = absolute)]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub save_images: Option<PathBuf>,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// The options of a dry run; `None` in a run for real.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<DryRunOptions>,
    /// The version that `shipway rollback` puts back, or that `shipway restart` starts again;
    /// `None` in any other run.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_back: Option<PutBack>,
}

/// A version of a service that ran before, and that a run puts back.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PutBack {
    pub service: String,
    /// Its image, by digest.
    pub image: String,
    /// Tags of the target that say what the version was made from.
    pub tags: BTreeMap<String, String>,
    /// Whether the version that runs now is not to be gone back to by default.
    pub takes_back: bool,
    /// The outputs of the services that it needs, by service: as they are deployed now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Outputs>,
    /// What runs the version already, and is only started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<TargetId>,
}

/// The options that only a dry run has.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct DryRunOptions {
    /// Skip the plan's `run` steps
    #[arg(long)]
    pub skip_run: bool,
    #[command(flatten)]
    pub cloud: LocalCloudOptions,
}

/// What a local cloud is given beside the plan.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LocalCloudOptions {
    /// Give a secret the value of a variable, by default of the same name
    #[arg(long, value_name = "NAME[=VARIABLE]")]
    pub secret_env: Vec<String>,
    /// Give secrets their values from a file of `NAME=VALUE` lines
    #[arg(long, value_name = "FILE")]
    pub secrets_file: Option<PathBuf>,
    /// Choose what runs the containers [default: auto]
    #[arg(long, value_enum)]
    pub runtime: Option<RuntimeChoice>,
    /// Put an image into the local registries before the run
    #[arg(long, value_name = "REFERENCE=oci:FOLDER")]
    pub seed_image: Vec<String>,
    /// Allow images from this outside registry, or from one repository of it
    #[arg(long, value_name = "HOST[/REPOSITORY]", value_parser = host_or_repository)]
    pub allow_host: Vec<String>,
    /// Refuse to fetch base images
    #[arg(long)]
    pub offline: bool,
    /// Let requests meet a fault, such as 'PUT containerGroups: 503 x2'
    #[arg(long, value_name = "RULE")]
    pub fault: Vec<FaultRule>,
}

fn absolute(text: &str) -> io::Result<PathBuf> {
    std::path::absolute(text)
}

fn host_or_repository(text: &str) -> Result<String, &'static str> {
    let remedy = "write HOST or HOST/REPOSITORY, such as `ghcr.io/org/app`";
    if Reference::is_place(text) { Ok(text.to_owned()) } else { Err(remedy) }
}

impl RunOptions {
    /// The same options with absolute paths, so that they mean the same when the
    /// run is resumed from another folder.
    pub fn with_absolute_paths(mut self) -> io::Result<Self> {
        self.cloud = self.cloud.map(std::path::absolute).transpose()?;
        if let Some(dry_run) = &mut self.dry_run {
            let cloud = &mut dry_run.cloud;
            cloud.secrets_file = cloud.secrets_file.take().map(std::path::absolute).transpose()?;
            for seed in &mut cloud.seed_image {
                if let Some((reference, folder)) = seed.split_once("=oci:") {
                    let folder = std::path::absolute(folder)?;
                    *seed = format!("{reference}=oci:{}", folder.display());
                }
            }
        }
        Ok(self)
    }
}

impl RunOptions {
    /// What the run starts again, in place of deploying it.
    pub fn restarted(&self) -> Option<&TargetId> {
        self.put_back.as_ref()?.restart.as_ref()
    }

    /// Whether the run puts an earlier version back.
    pub fn rolls_back(&self) -> bool {
        self.put_back.is_some() && self.restarted().is_none()
    }

    /// The options that a command needs to mean the same, apart from its plan and state.
    pub fn command_context(&self) -> CommandContext {
        let dry_run = self.dry_run.as_ref();
        CommandContext {
            env: self.env.clone(),
            set: self.set.clone(),
            event: self.event.clone(),
            pr: self.pr,
            comment_key: self.comment_key.clone(),
            cloud: self.cloud.as_ref().map(|file| file.display().to_string()),
            dry_run: dry_run.map(DryRunOptions::words).unwrap_or_default(),
            ..CommandContext::default()
        }
    }
}

impl DryRunOptions {
    /// The options that are given, with their values.
    fn words(&self) -> Vec<(&'static str, Option<String>)> {
        let LocalCloudOptions {
            secret_env,
            secrets_file,
            runtime,
            seed_image,
            allow_host,
            offline,
            // A remedy is not meant to meet the fault that it is for.
            fault: _,
        } = &self.cloud;
        let flag = |name, is_given: bool| is_given.then_some((name, None));
        let runtime = runtime.and_then(|it| Some(it.to_possible_value()?.get_name().to_owned()));
        let file = secrets_file.as_ref().map(|file| file.display().to_string());
        let each = |name, values: &[String]| -> Vec<_> {
            values.iter().map(|value| (name, Some(value.clone()))).collect()
        };
        let mut words = Vec::new();
        words.extend(flag("skip-run", self.skip_run));
        words.extend(each("secret-env", secret_env));
        words.extend(file.map(|file| ("secrets-file", Some(file))));
        words.extend(runtime.map(|runtime| ("runtime", Some(runtime))));
        words.extend(each("seed-image", seed_image));
        words.extend(each("allow-host", allow_host));
        words.extend(flag("offline", *offline));
        words
    }
}

impl LocalCloudOptions {
    /// These options with those that are given when the run is resumed: lists
    /// are added to, and of single values the later one counts. Faults are not met
    /// again unless they are given again.
    pub fn extended_by(mut self, later: &Self) -> Self {
        self.secret_env.extend(later.secret_env.iter().cloned());
        self.seed_image.extend(later.seed_image.iter().cloned());
        self.allow_host.extend(later.allow_host.iter().cloned());
        Self {
            secrets_file: later.secrets_file.clone().or(self.secrets_file),
            runtime: later.runtime.or(self.runtime),
            offline: later.offline || self.offline,
            fault: later.fault.clone(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DryRunOptions, LocalCloudOptions, RunOptions};
    use crate::local::RuntimeChoice;
    use clap::{Args as _, FromArgMatches as _};
    use std::path::Path;

    #[derive(clap::Args)]
    struct All {
        #[command(flatten)]
        run: RunOptions,
        #[command(flatten)]
        dry_run: DryRunOptions,
    }

    /// The options of a dry run that has all of them.
    fn all() -> RunOptions {
        let command = All::augment_args(clap::Command::new("shipway"));
        let line = "shipway --env e --set a=b --from f --until u --only o --keep-going \
            --event push --pr 7 --allow-fork-deploy 4f53cda --allow-older --comment-key k --no-report --cloud cloud.json \
            --skip-run --secret-env A=B --secrets-file secrets --runtime built-in \
            --seed-image web:v1=oci:layout --allow-host ghcr.io --offline";
        let words = line.split_whitespace().chain(["--fault", "GET /v2/: 503 x2"]);
        let matches = command.try_get_matches_from(words).expect("good options");
        let all = All::from_arg_matches(&matches).expect("good options");
        RunOptions { dry_run: Some(all.dry_run), ..all.run }
    }

    /// Fails when an option is added that the journal loses.
    #[test]
    fn every_option_survives_the_journal() {
        let all = all();
        let json = serde_json::to_value(&all).expect("JSON");
        let empty = ["null", "[]", "false", "\"\""];
        let given = [&json, &json["dry-run"], &json["dry-run"]["cloud"]];
        for (name, value) in given.iter().flat_map(|object| object.as_object().expect("an object"))
        {
            assert!(!empty.contains(&value.to_string().as_str()), "`{name}` is not set: {json}");
        }
        assert_eq!(serde_json::from_value::<RunOptions>(json).expect("options"), all);
    }

    #[test]
    fn commands_in_messages_repeat_the_options() {
        let shown = all().command_context().complete("`shipway dry-run`");
        assert_eq!(
            shown,
            "`shipway dry-run --env e --set a=b --event push --pr 7 --comment-key k --cloud \
             cloud.json --skip-run --secret-env A=B --secrets-file secrets --runtime built-in \
             --seed-image web:v1=oci:layout --allow-host ghcr.io --offline`"
        );
    }

    #[test]
    fn paths_do_not_depend_on_the_folder() {
        let all = all().with_absolute_paths().expect("a current folder");
        let here = std::env::current_dir().expect("a current folder");
        let cloud = all.dry_run.expect("a dry run").cloud;
        assert_eq!(all.cloud.as_deref(), Some(here.join("cloud.json").as_path()));
        assert_eq!(cloud.secrets_file.as_deref(), Some(here.join("secrets").as_path()));
        assert_eq!(cloud.seed_image, [format!("web:v1=oci:{}", here.join("layout").display())]);
    }

    #[test]
    fn later_options_are_added_or_win() {
        let first = all().dry_run.expect("a dry run").cloud;
        let later = LocalCloudOptions {
            secret_env: vec!["C".into()],
            secrets_file: Some("other".into()),
            runtime: Some(RuntimeChoice::Docker),
            ..LocalCloudOptions::default()
        };
        let both = first.clone().extended_by(&later);
        assert_eq!(both.secret_env, ["A=B", "C"]);
        assert_eq!(both.secrets_file.as_deref(), Some(Path::new("other")));
        assert_eq!(both.runtime, Some(RuntimeChoice::Docker));
        assert!(both.offline);
        let same = LocalCloudOptions { fault: first.fault.clone(), ..LocalCloudOptions::default() };
        assert_eq!(first.clone().extended_by(&same), first);
        assert_eq!(both.fault, [], "the bad day is over");
    }
}
