//! Which local cloud is meant: one rule for `status`, `stop` and `fault`.

use crate::cli::plan_file::absolute_plan;
use crate::cli::plan_search::default_plan;
use crate::local::{CloudFile, is_up};
use crate::run::outcome::{StepError, chain_of};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args, Clone, Debug)]
pub struct WhichCloud {
    /// The cloud that wrote this file [default: the newest that is up here]
    #[arg(value_name = "FILE", conflicts_with = "cloud")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub option: CloudOption,
}

#[derive(Args, Clone, Debug)]
pub struct CloudOption {
    /// The cloud that wrote this file, as an option
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// The cloud that keeps its state here
    #[arg(long, value_name = "FOLDER", conflicts_with = "cloud")]
    pub state_dir: Option<PathBuf>,
}

/// What a command line says of the cloud.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    /// The file that the cloud wrote.
    pub file: Option<&'a Path>,
    /// Its state folder.
    pub state: Option<&'a Path>,
}

impl WhichCloud {
    pub fn which(&self) -> Which<'_> {
        let which = self.option.which();
        Which { file: self.file.as_deref().or(which.file), ..which }
    }
}

impl CloudOption {
    pub fn which(&self) -> Which<'_> {
        Which { file: self.cloud.as_deref(), state: self.state_dir.as_deref() }
    }
}

/// Where clouds are looked for.
pub struct Search<'a> {
    /// The cloud that is meant where a command names none.
    otherwise: Which<'a>,
    /// The folder with a folder for each cloud.
    folder: PathBuf,
}

impl<'a> Search<'a> {
    /// Beside this plan, or beside the one that is found here.
    pub fn of(plan: Option<&Path>, otherwise: Which<'a>) -> Self {
        Self { folder: state_root(plan).join("local"), otherwise }
    }

    /// The cloud that is named, or else the newest of those that are up; where there are none,
    /// the newest that has ended without removing its file. With the path of its file.
    pub fn find(&self, which: Which<'_>, verb: &str) -> Result<(PathBuf, CloudFile), StepError> {
        let is_named = which.file.is_some() || which.state.is_some();
        let Which { file, state } = if is_named { which } else { self.otherwise };
        if let Some(path) = file {
            return read(path, verb);
        }
        let found = match state {
            Some(state) => CloudFile::read(&state.join("cloud.json")).ok(),
            None => self.clouds().into_iter().next(),
        };
        let Some(cloud) = found else {
            let looked_at = state.unwrap_or(&self.folder);
            return Err(StepError::new("no local cloud is up here")
                .because(format!("there is none in `{}`", looked_at.display()))
                .help("`shipway local --detach` starts one"));
        };
        Ok((cloud.state.join("cloud.json"), cloud))
    }

    /// The other clouds that are up.
    pub fn others_up(&self, cloud: &CloudFile) -> Vec<CloudFile> {
        let others = self.clouds().into_iter().filter(|other| other.state != cloud.state);
        others.filter(|other| is_up(&other.state)).collect()
    }

    /// All clouds with a file, those that are up first, and the newest first.
    pub fn clouds(&self) -> Vec<CloudFile> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let files = entries.filter_map(|entry| {
            let cloud = CloudFile::read(&entry.path().join("cloud.json")).ok()?;
            let order = (is_up(&cloud.state), cloud.started.clone(), entry.file_name());
            Some((order, cloud))
        });
        let mut found: Vec<_> = files.collect();
        found.sort_by(|(one, _), (other, _)| other.cmp(one));
        found.into_iter().map(|(_, cloud)| cloud).collect()
    }
}

/// The state folder beside a plan, whether or not that is there.
pub fn state_root(plan: Option<&Path>) -> PathBuf {
    let plan = plan.unwrap_or_else(|| Path::new(default_plan()));
    let plan = absolute_plan(plan).unwrap_or_else(|_| plan.to_owned());
    plan.with_file_name(".shipway")
}

fn read(path: &Path, verb: &str) -> Result<(PathBuf, CloudFile), StepError> {
    let cloud = CloudFile::read(path).map_err(|error| {
        StepError::of_usage(format!("{verb} the local cloud of `{}`", path.display()))
            .because(chain_of(&error).join(": "))
            .help("name the file that the cloud wrote; without one, the newest cloud here is meant")
    })?;
    Ok((path.to_owned(), cloud))
}
