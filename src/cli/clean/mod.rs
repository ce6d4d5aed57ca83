//! `shipway clean`: removes old runs, local clouds and images of the state folder.
//! A run does the same at its end, with the default bounds.
//!
//! Everything here is on this machine; nothing that was deployed is touched.

mod choose;
mod due;
mod survey;

use super::columns::{age, columns};
use super::exit::Exit;
use super::plan_file::absolute_plan;
use super::say;
use crate::image::{KeptFolder, KeptKind, Store, digests_in};
use crate::journal::{RunFolder, RunId, refuse_links};
use crate::oci::Digest;
use crate::os::remove_tree;
use crate::plan::literal::{Literal as _, Size};
use crate::report::{Output, bytes};
use crate::run::perform::remove_kept;
use choose::{Bounds, Chosen, DEFAULT_BOUNDS, Kind, choose, choose_kept};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use survey::{RunState, StateSurvey};

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  shipway clean --dry-run          show what would go
  shipway clean --keep 3           keep three runs and their images

Exit codes: 0 done; 2 the command line is wrong; 3 the state cannot be read; 4 something is left that
should have been removed")]
pub struct CleanArguments {
    /// Clean the state that is kept beside this plan
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    /// Clean this folder instead of `.shipway` beside the plan
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Keep the newest N runs
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BOUNDS.runs)]
    pub keep: usize,
    /// Keep the newest N local clouds
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BOUNDS.clouds)]
    pub keep_clouds: usize,
    /// Remove what is older than this
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = duration)]
    pub older_than: Duration,
    /// Remove the oldest until runs and local clouds take no more than this
    #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = size)]
    pub max_size: u64,
    /// Remove the least used unpacked layers and caches of builds until they take no more than this
    #[arg(long, value_name = "SIZE", default_value = "10GB", value_parser = size)]
    pub max_build_size: u64,
    /// Only show what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

fn duration(text: &str) -> Result<Duration, String> {
    Duration::parse(text).map_err(|expected| expected.clone())
}

fn size(text: &str) -> Result<u64, String> {
    Size::parse(text).map(|Size(bytes)| bytes).map_err(|expected| expected.clone())
}

/// Removes old state.
pub fn clean(arguments: &CleanArguments) -> Result<Exit, Exit> {
    let state = state(arguments);
    if !state.is_dir() {
        say::tell(&format!("there is no state in `{}`", state.display()));
        return Ok(Exit::Done);
    }
    refuse_links(&state).map_err(|error| {
        let what = format!("cannot clean the state folder `{}`", state.display());
        say::error(&[what, error.to_string()], Some("remove the link"));
        Exit::Precondition
    })?;
    let bounds = Bounds {
        runs: arguments.keep,
        clouds: arguments.keep_clouds,
        age: arguments.older_than,
        bytes: arguments.max_size,
        build_bytes: arguments.max_build_size,
    };
    let garbage = Garbage::of(&state, bounds, None);
    let failed = if arguments.dry_run { Vec::new() } else { garbage.remove(&state) };
    let now = Timestamp::now();
    match arguments.output {
        Output::Json => {
            let shown = garbage.json(!arguments.dry_run);
            say::result(&serde_json::to_string_pretty(&shown).unwrap_or_default());
        }
        Output::Human if garbage.is_empty() => {}
        Output::Human => say::result(&garbage.table(now)),
    }
    let verb = if arguments.dry_run { "would free" } else { "freed" };
    let left = bytes(survey::size(&state));
    say::tell(&format!("{verb} {}; `{}` holds {left}", bytes(garbage.bytes()), state.display()));
    for error in &failed {
        say::error(std::slice::from_ref(error), None);
    }
    Ok(if failed.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Removes what is beyond the default bounds, at the end of a run that may have gone beyond them.
/// That something cannot be removed is left to `shipway clean` to say.
pub fn after_run(folder: &RunFolder) {
    if !due::is_due(&folder.state) {
        return;
    }
    due::note(&folder.state);
    let garbage = Garbage::of(&folder.state, DEFAULT_BOUNDS, Some(folder.run.as_str()));
    for error in garbage.remove(&folder.state) {
        tracing::debug!(%error, "old state stays");
    }
}

fn state(arguments: &CleanArguments) -> PathBuf {
    let beside = || {
        let plan = absolute_plan(&arguments.plan).unwrap_or(arguments.plan.clone());
        plan.parent().unwrap_or(Path::new("/")).join(".shipway")
    };
    arguments.state_dir.clone().unwrap_or_else(beside)
}

/// What goes.
#[derive(Debug, Default)]
struct Garbage {
    chosen: Vec<(Chosen, Option<Timestamp>)>,
    blobs: Vec<crate::image::UnusedBlob>,
    kept: Vec<(KeptFolder, &'static str)>,
}

impl Garbage {
    fn of(state: &Path, bounds: Bounds, own: Option<&str>) -> Self {
        let survey = StateSurvey::of(state, own);
        let chosen = choose(&survey, bounds, Timestamp::now());
        let goes = |id: &str| chosen.iter().any(|one| one.kind == Kind::Run && one.id == id);
        // A run of another process may use any blob, before its journal says so.
        let is_alone = survey
            .runs
            .iter()
            .all(|run| run.state != RunState::InProgress || own == Some(run.id.as_str()));
        let kept = survey.runs.iter().filter(|run| !goes(&run.id)).map(|run| run.id.as_str());
        let blobs = if is_alone { unused(state, kept) } else { Vec::new() };
        let time = |one: &Chosen| {
            let run = survey.runs.iter().find(|run| run.id == one.id).and_then(|run| run.time);
            run.or_else(|| survey.clouds.iter().find(|cloud| cloud.id == one.id)?.time)
        };
        let chosen = chosen.iter().map(|one| (one.clone(), time(one))).collect();
        let kept = choose_kept(kept_folders(state), bounds, SystemTime::now());
        Self { chosen, blobs, kept }
    }

    fn is_empty(&self) -> bool {
        self.chosen.is_empty() && self.blobs.is_empty() && self.kept.is_empty()
    }

    fn bytes(&self) -> u64 {
        let chosen: u64 = self.chosen.iter().map(|(one, _)| one.bytes).sum();
        let kept: u64 = self.kept.iter().map(|(folder, _)| folder.bytes).sum();
        chosen + self.blob_bytes() + kept
    }

    fn blob_bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.bytes).sum()
    }

    /// Removes everything. Returns an error for each that stays.
    fn remove(&self, state: &Path) -> Vec<String> {
        let mut failed = Vec::new();
        let mut note = |path: &Path, removed: std::io::Result<()>| match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                failed.push(format!("cannot remove `{}`: {error}", path.display()));
            }
            Ok(()) | Err(_) => {}
        };
        for (one, _) in &self.chosen {
            let path = state.join(folder(one.kind)).join(&one.id);
            note(&path, remove_tree(&path));
        }
        for blob in &self.blobs {
            note(&blob.path, fs::remove_file(&blob.path));
        }
        let kept: Vec<PathBuf> = self.kept.iter().map(|(folder, _)| folder.path.clone()).collect();
        note(&state.join("images"), remove_kept(&kept));
        failed
    }

    fn table(&self, now: Timestamp) -> String {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (one, time) in &self.chosen {
            let kind = kind(one.kind).to_owned();
            rows.push(vec![
                kind,
                one.id.clone(),
                age(*time, now),
                bytes(one.bytes),
                one.why.to_owned(),
            ]);
        }
        for (folder, why) in &self.kept {
            let used = Timestamp::try_from(folder.last_used).ok();
            let (age, size) = (age(used, now), bytes(folder.bytes));
            let kind = kept_kind(folder.kind).to_owned();
            rows.push(vec![kind, kept_name(folder), age, size, (*why).to_owned()]);
        }
        if !self.blobs.is_empty() {
            let name = format!("{} blobs", self.blobs.len());
            let size = bytes(self.blob_bytes());
            rows.push(vec![
                "images".to_owned(),
                name,
                "-".to_owned(),
                size,
                "no kept run needs them".to_owned(),
            ]);
        }
        columns(&["KIND", "NAME", "AGE", "SIZE", "WHY"], &rows)
    }

    fn json(&self, removed: bool) -> Value {
        let entries = self.chosen.iter().map(|(one, time)| {
            json!({
                "kind": kind(one.kind), "name": one.id, "bytes": one.bytes, "reason": one.why,
                "time": time.map(|time| time.to_string()),
            })
        });
        let kept = self.kept.iter().map(|(folder, why)| {
            let used = Timestamp::try_from(folder.last_used).ok();
            json!({
                "kind": kept_kind(folder.kind), "name": kept_name(folder),
                "bytes": folder.bytes, "reason": why, "time": used.map(|time| time.to_string()),
            })
        });
        json!({
            "entries": entries.chain(kept).collect::<Vec<_>>(),
            "images": { "blobs": self.blobs.len(), "bytes": self.blob_bytes() },
            "bytes": self.bytes(),
            "removed": removed,
        })
    }
}

fn folder(kind: Kind) -> &'static str {
    match kind {
        Kind::Run => "runs",
        Kind::Cloud => "local",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Run => "run",
        Kind::Cloud => "local cloud",
    }
}

fn kept_kind(kind: KeptKind) -> &'static str {
    match kind {
        KeptKind::UnpackedLayers => "unpacked layers",
        KeptKind::CacheMount => "cache mount",
    }
}

/// The last parts of its path: of a cache the digits of its id, and its number.
fn kept_name(folder: &KeptFolder) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let own = name(&folder.path);
    match folder.kind {
        KeptKind::UnpackedLayers => own,
        KeptKind::CacheMount => {
            let id = folder.path.parent().map(name).unwrap_or_default();
            format!("{id}/{own}")
        }
    }
}

/// What builds have kept.
fn kept_folders(state: &Path) -> Vec<KeptFolder> {
    let images = state.join("images");
    if !images.is_dir() {
        return Vec::new();
    }
    Store::open(&images).map(|store| store.kept_folders()).unwrap_or_default()
}

/// The blobs of the image store that no kept run names in its journal.
fn unused<'a>(state: &Path, kept: impl Iterator<Item = &'a str>) -> Vec<crate::image::UnusedBlob> {
    let mut roots: BTreeSet<Digest> = BTreeSet::new();
    for id in kept {
        let run = RunId::existing(id);
        let journal = RunFolder { state: state.to_owned(), run }.journal();
        match fs::read(&journal) {
            Ok(text) => roots.extend(digests_in(&String::from_utf8_lossy(&text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // It may name any blob.
            Err(_) => return Vec::new(),
        }
    }
    let images = state.join("images");
    if !images.is_dir() {
        return Vec::new();
    }
    Store::open(&images).map(|store| store.unused(roots, SystemTime::now())).unwrap_or_default()
}
