//! The command line.

use crate::local::RuntimeChoice;
use crate::oci::Reference;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Takes a container from source to a verified public URL on the pull request.
#[derive(Debug, Parser)]
#[command(name = "shipway", version, disable_help_subcommand = true)]
pub(super) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs the plan: build, tag, push, deploy, verify, report.
    Run(RunArguments),
    /// Runs the plan for real against a cloud on this machine.
    DryRun(DryRunArguments),
    /// Finds every mistake in the plan.
    Check(CheckArguments),
    /// Goes on where the newest unfinished run stopped.
    Resume(ResumeArguments),
    /// Lists what a registry holds.
    Images(ImagesArguments),
    /// Keeps the local cloud up for other tools: az, skopeo, curl, a browser.
    Local(LocalArguments),
    /// What the GitHub action calls: reads its inputs from their variables.
    Action,
}

/// What every run is given.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct RunArguments {
    /// The plan's file.
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub(super) plan: PathBuf,
    /// The environment, instead of the first whose `if` holds.
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,
    /// Sets a variable of the plan. Not for secrets.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(super) set: Vec<String>,
    /// Begins at this step.
    #[arg(long, value_name = "STEP")]
    pub(super) from: Option<String>,
    /// Ends after this step.
    #[arg(long, value_name = "STEP")]
    pub(super) until: Option<String>,
    /// Runs this service alone; what it needs is taken to be there.
    #[arg(long, value_name = "SERVICE")]
    pub(super) only: Vec<String>,
    /// Lets other services go on after a failure.
    #[arg(long)]
    pub(super) keep_going: bool,
    /// The event: `push`, `pull_request`, or a file with a payload.
    #[arg(long, value_name = "EVENT")]
    pub(super) event: Option<String>,
    /// The number of the pull request.
    #[arg(long, value_name = "N")]
    pub(super) pr: Option<u64>,
    /// Lets a fork's pull request deploy: its head, as it was reviewed.
    #[arg(long, value_name = "SHA")]
    pub(super) allow_fork_deploy: Option<String>,
    /// The key of the comment, where one pull request has several.
    #[arg(long, value_name = "KEY")]
    pub(super) comment_key: Option<String>,
    /// Where runs keep their state, instead of `.shipway` beside the plan.
    #[arg(long, value_name = "FOLDER")]
    pub(super) state_dir: Option<PathBuf>,
    /// How a local cloud is reached, as `shipway local` wrote it.
    #[arg(long, value_name = "FILE")]
    pub(super) cloud: Option<PathBuf>,
    /// For people, or one event a line.
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
    /// Shows what the libraries have to say.
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// For whom standard output is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum Output {
    /// People: the URLs, one a line.
    #[default]
    Human,
    /// Programs: one event a line.
    Json,
}

/// What a dry run is given.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct DryRunArguments {
    /// As for `run`.
    #[command(flatten)]
    pub(super) run: RunArguments,
    /// Keeps everything up when the run is done, until Ctrl-C.
    #[arg(long)]
    pub(super) keep: bool,
    /// Keeps everything up in the background, until `shipway local stop`.
    #[arg(long, conflicts_with = "keep")]
    pub(super) detach: bool,
    /// What the local cloud is given of the world.
    #[command(flatten)]
    pub(super) world: WorldArguments,
    /// Leaves the plan's `run` steps out.
    #[arg(long)]
    pub(super) skip_run: bool,
}

/// What a local cloud is given of the world.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct WorldArguments {
    /// Gives a secret the value of a variable, of its own name if none is named.
    #[arg(long = "secret-env", value_name = "NAME[=VARIABLE]")]
    pub(super) secret_env: Vec<String>,
    /// Gives secrets their values: a file of `NAME=VALUE` lines.
    #[arg(long, value_name = "FILE")]
    pub(super) secrets_file: Option<PathBuf>,
    /// Who runs the containers.
    #[arg(long, value_enum, default_value_t)]
    pub(super) runtime: RuntimeChoice,
    /// Puts an image into the local registries: `REFERENCE=oci:FOLDER`.
    #[arg(long = "seed-image", value_name = "REFERENCE=oci:FOLDER")]
    pub(super) seed_image: Vec<String>,
    /// Lets images come from this registry outside, or this repository of it.
    #[arg(long = "allow-host", value_name = "HOST[/REPOSITORY]", value_parser = place)]
    pub(super) allow_host: Vec<String>,
    /// Refuses to fetch base images.
    #[arg(long)]
    pub(super) offline: bool,
}

/// A registry, or a repository of it.
fn place(text: &str) -> Result<String, &'static str> {
    let remedy = "write HOST or HOST/REPOSITORY, such as `ghcr.io/org/app`";
    if Reference::is_place(text) { Ok(text.to_owned()) } else { Err(remedy) }
}

/// What `check` is given.
#[derive(Args, Clone, Debug)]
pub(super) struct CheckArguments {
    /// The plan's file.
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub(super) plan: PathBuf,
    /// How mistakes are shown.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

/// How mistakes are shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// With the line underlined.
    #[default]
    Human,
    /// As JSON.
    Json,
    /// As annotations of GitHub Actions.
    Github,
}

/// What `resume` is given.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are just that")]
pub(super) struct ResumeArguments {
    /// The run's id, instead of the newest unfinished one.
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    /// The plan's file, beside which the state lies.
    #[arg(long, default_value = "shipway.yml", value_name = "PLAN")]
    pub(super) plan: PathBuf,
    /// Goes on with a dry run, against its own local cloud.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Goes on though the plan has changed since.
    #[arg(long)]
    pub(super) changed_plan: bool,
    /// Repeats a step of which it is not known whether it was done.
    #[arg(long = "rerun", value_name = "STEP")]
    pub(super) rerun: Vec<String>,
    /// Keeps everything up when the dry run is done, until Ctrl-C.
    #[arg(long)]
    pub(super) keep: bool,
    /// What the local cloud of a dry run is given of the world.
    #[command(flatten)]
    pub(super) world: WorldArguments,
    /// Where runs keep their state, instead of `.shipway` beside the plan.
    #[arg(long, value_name = "FOLDER")]
    pub(super) state_dir: Option<PathBuf>,
    /// For people, or one event a line.
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
    /// Shows what the libraries have to say.
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// What `images` is given.
#[derive(Args, Clone, Debug)]
pub(super) struct ImagesArguments {
    /// `REGISTRY` or `REGISTRY/REPOSITORY`; the plan's registries if absent.
    #[arg(value_name = "REGISTRY[/REPOSITORY]")]
    pub(super) name: Option<String>,
    /// The plan, for its registries and logins: `shipway.yml` if there is one.
    #[arg(long, value_name = "PLAN")]
    pub(super) plan: Option<PathBuf>,
    /// How a local cloud is reached, as `shipway local` wrote it.
    #[arg(long, value_name = "FILE")]
    pub(super) cloud: Option<PathBuf>,
    /// For people, or as JSON.
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
    /// Lists what is attached to an image: SBOM, provenance, signatures.
    #[arg(long, requires = "name", conflicts_with = "prune")]
    pub(super) referrers: bool,
    /// Of `--referrers`: those of one type, such as `application/spdx+json`.
    #[arg(long, value_name = "TYPE", requires = "referrers")]
    pub(super) artifact_type: Option<String>,
    /// What is to be removed.
    #[command(flatten)]
    pub(super) removal: PruneArguments,
}

/// What `images` is to remove.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are just that")]
pub(super) struct PruneArguments {
    /// Shows what would be removed: tags for which all of the following holds.
    #[arg(long)]
    pub(super) prune: bool,
    /// It was made or moved longer ago than this, such as `30d`.
    #[arg(long, value_name = "AGE", requires = "prune")]
    pub(super) older_than: Option<String>,
    /// It is not among the newest N of its repository.
    #[arg(long, value_name = "N", requires = "prune")]
    pub(super) keep: Option<usize>,
    /// It belongs to this pull request: `pr-N`, or `pr-N-` and more.
    #[arg(long, visible_alias = "pull-request", value_name = "N", requires = "prune")]
    pub(super) pr: Vec<u64>,
    /// It belongs to a pull request that is closed.
    #[arg(long, requires = "prune")]
    pub(super) closed: bool,
    /// Removes it.
    #[arg(long, requires = "prune")]
    pub(super) yes: bool,
    /// Goes by the registry alone, though it is not known what runs.
    #[arg(long, requires = "prune")]
    pub(super) registry_only: bool,
}

/// What `local` is given.
#[derive(Args, Clone, Debug)]
pub(super) struct LocalArguments {
    /// What to do with it; it is kept up until Ctrl-C if nothing is said.
    #[command(subcommand)]
    pub(super) action: Option<LocalAction>,
    /// The plan whose world it simulates.
    #[arg(long, default_value = "shipway.yml", value_name = "PLAN")]
    pub(super) plan: PathBuf,
    /// What it is given of the world.
    #[command(flatten)]
    pub(super) world: WorldArguments,
    /// Where it keeps its state.
    #[arg(long, value_name = "FOLDER")]
    pub(super) state: Option<PathBuf>,
    /// Where it writes how it is reached.
    #[arg(long, value_name = "FILE")]
    pub(super) cloud: Option<PathBuf>,
    /// The world as a file, instead of from a plan.
    #[arg(long = "world", value_name = "FILE", hide = true)]
    pub(super) world_file: Option<PathBuf>,
    /// Ends when standard input does, which it does with the parent.
    #[arg(long, hide = true)]
    pub(super) until_stdin_ends: bool,
}

/// What to do with a local cloud.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum LocalAction {
    /// Ends one that was left up in the background.
    Stop {
        /// Where it wrote how it is reached; the newest if absent.
        #[arg(value_name = "FILE")]
        cloud: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::Parser as _;

    #[test]
    fn a_host_that_is_none_is_told_how_one_is_written() {
        let read =
            |value: &str| Arguments::try_parse_from(["shipway", "dry-run", "--allow-host", value]);
        for wrong in ["", "http://x", "a b", "ghcr.io/"] {
            assert_eq!(
                read(wrong).expect_err("no host").to_string(),
                format!(
                    "error: invalid value '{wrong}' for '--allow-host <HOST[/REPOSITORY]>': \
                     write HOST or HOST/REPOSITORY, such as `ghcr.io/org/app`\n\n\
                     For more information, try '--help'.\n"
                )
            );
        }
        assert!(read("ghcr.io").is_ok() && read("ghcr.io/org/app").is_ok());
    }
}
