//! Entry points for the fuzz targets: the folders of runs, as artifacts of jobs bring them.

use super::counted::Counted;
use super::job_run::read_runs;
use super::merge::Merged;
use crate::cli::matrix::chosen;
use crate::cli::plan_file::PlanFile;
use crate::cli::session::PlanSession;
use crate::journal::{RunId, RunOptions};
use crate::report::{Card, result};
use crate::secret::Redactor;
use std::path::Path;

/// Merges runs of one plan.
pub struct Merger {
    session: PlanSession,
}

impl Merger {
    /// Reads the plan. `None` for one that cannot be run.
    pub fn new(plan: &Path) -> Option<Self> {
        let file = PlanFile::open(plan).ok()?;
        let (options, id) = (RunOptions::default(), RunId::new());
        let session =
            PlanSession::of_run(file.without_warnings().into(), &options, Redactor::default(), &id)
                .ok()?;
        Some(Self { session })
    }

    /// The comment and the result of all runs below a folder. `None` where they are refused.
    pub fn merge(&self, folder: &Path) -> Option<[String; 2]> {
        let counted = Counted::of(&self.session, read_runs(folder).ok()?);
        let chosen = chosen(&self.session, None).ok()?;
        let merged = Merged { session: &self.session, counted: &counted, chosen: &chosen };
        let (view, finished, _) = merged.whole(&RunId::existing("merged"));
        let comment = Card::new(&view, &finished).comment("", &self.session.redactor);
        Some([comment, result(&view, &finished).to_string()])
    }
}
