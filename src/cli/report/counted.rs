//! Which runs a report is made of: a run of another commit, of another plan or without an effect
//! says nothing of this one.

use super::about::About;
use super::job_run::JobRun;
use crate::cli::session::PlanSession;

/// The runs that a report is made of.
pub struct Counted {
    pub runs: Vec<JobRun>,
    /// Names each run that does not count, and says what it is of.
    pub notes: Vec<String>,
    /// Names each run of another text of the plan.
    pub warnings: Vec<String>,
    /// Whether the report is one of dry runs.
    pub is_dry_run: bool,
}

impl Counted {
    /// Chooses the runs of what the session's plan, commit, environment and pull request are.
    /// Dry runs count where all are dry runs. `runs` has the oldest first.
    pub fn of(session: &PlanSession, runs: Vec<JobRun>) -> Self {
        Self::by(About::of_session(session), runs, &session.file.name)
    }

    fn by(mut report: About, runs: Vec<JobRun>, file: &str) -> Self {
        let differs = |report: &About, run: &JobRun| report.differences(&run.about, file);
        if report.commit.is_none() {
            // Without a commit of their own, all runs have to be of the same: that of the newest.
            let newest = runs.iter().rev().find(|run| {
                let commit = run.about.commit.clone();
                let dry_run = run.about.dry_run;
                differs(&About { commit, dry_run, ..report.clone() }, run).is_empty()
            });
            report.commit = newest.and_then(|run| run.about.commit.clone());
        }
        let dry = About { dry_run: true, ..report.clone() };
        let mut otherwise = runs.iter().filter(|run| differs(&dry, run).is_empty()).peekable();
        report.dry_run = otherwise.peek().is_some() && otherwise.all(|run| run.about.dry_run);
        let (mut counted, mut notes, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for run in runs {
            let differences = differs(&report, &run);
            if !differences.is_empty() {
                let (id, why) = (&run.id, differences.join("; "));
                notes.push(format!("run {id} does not count: {why}"));
                continue;
            }
            let digests = run.about.plan_digest.as_ref().zip(report.plan_digest.as_ref());
            if digests.is_some_and(|(of_run, of_report)| of_run != of_report) {
                warnings.push(format!("run {} is of another text of the plan", run.id));
            }
            counted.push(run);
        }
        Self { runs: counted, notes, warnings, is_dry_run: report.dry_run }
    }
}

#[cfg(test)]
mod tests {
    use super::{About, Counted, JobRun};
    use crate::cli::report::about::OfPullRequest;
    use crate::event::{RunFinished, Status};
    use crate::report::View;

    fn report() -> About {
        About {
            plan: Some("shop".into()),
            is_refused: false,
            commit: Some("1234567890".into()),
            environment: None,
            pull_request: OfPullRequest::Number(7),
            dry_run: false,
            plan_digest: Some("sha256:a".into()),
        }
    }

    fn run(id: &str, about: About) -> JobRun {
        let finished = RunFinished {
            status: Status::Succeeded,
            exit_code: 0,
            services: Vec::new(),
            refusals: Vec::new(),
            is_resumed: false,
            notes: Vec::new(),
        };
        JobRun { id: id.into(), about, view: View::default(), finished }
    }

    #[track_caller]
    fn says(about: About, expected: &[&str]) {
        let counted = Counted::by(report(), vec![run("01a", report()), run("01b", about)], "f.yml");
        let expected: Vec<String> =
            expected.iter().map(|why| format!("run 01b does not count: {why}")).collect();
        assert_eq!(counted.notes, expected);
        assert_eq!(counted.runs.len(), 2 - expected.len());
        assert!(counted.warnings.is_empty() && !counted.is_dry_run);
    }

    #[test]
    fn run_of_something_else_does_not_count() {
        says(report(), &[]);
        says(
            About { plan: Some("docs".into()), ..report() },
            &["it is of plan `docs`, this report of plan `shop`"],
        );
        says(
            About { commit: Some("abcdefabcdef".into()), ..report() },
            &["it is of commit abcdefa, this report of commit 1234567"],
        );
        says(
            About { commit: None, ..report() },
            &["it is of no commit, this report of commit 1234567"],
        );
        says(
            About { environment: Some("test".into()), ..report() },
            &["it is of environment `test`, this report of no environment"],
        );
        says(
            About { pull_request: OfPullRequest::None, ..report() },
            &["it is of no pull request, this report of pull request 7"],
        );
        says(
            About { pull_request: OfPullRequest::Number(8), dry_run: true, ..report() },
            &["it is of pull request 8, this report of pull request 7; it is a dry run"],
        );
    }

    #[test]
    fn refused_run_counts_as_far_as_it_is_known() {
        let refused =
            About { is_refused: true, pull_request: OfPullRequest::Unknown, ..About::default() };
        says(refused.clone(), &[]);
        says(About { plan: Some("f.yml".into()), ..refused.clone() }, &[]);
        says(
            About { plan: Some("g.yml".into()), ..refused.clone() },
            &["it is of plan `g.yml`, this report of plan `shop`"],
        );
        says(
            About { commit: Some("abcdefabcdef".into()), ..refused },
            &["it is of commit abcdefa, this report of commit 1234567"],
        );
    }

    #[test]
    fn dry_runs_count_where_all_are_dry_runs() {
        let dry = About { dry_run: true, ..report() };
        let other = About { plan: Some("docs".into()), ..report() };
        let runs = vec![run("01a", dry.clone()), run("01b", dry.clone()), run("01c", other)];
        let counted = Counted::by(report(), runs, "f.yml");
        assert_eq!(counted.runs.len(), 2);
        assert!(counted.is_dry_run);
        let counted = Counted::by(report(), vec![run("01a", dry), run("01b", report())], "f.yml");
        assert_eq!(counted.notes, ["run 01a does not count: it is a dry run"]);
        assert!(!counted.is_dry_run);
        assert!(!Counted::by(report(), Vec::new(), "f.yml").is_dry_run);
    }

    #[test]
    fn without_a_commit_all_are_of_that_of_the_newest() {
        let unknown = About { commit: None, ..report() };
        let old = About { commit: Some("abcdefabcdef".into()), ..report() };
        let other = About { plan: Some("docs".into()), ..old.clone() };
        let runs = vec![run("01a", old), run("01b", report()), run("01c", other)];
        let counted = Counted::by(unknown, runs, "f.yml");
        let ids: Vec<&str> = counted.runs.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, ["01b"]);
        assert_eq!(
            counted.notes[0],
            "run 01a does not count: it is of commit abcdefa, this report of commit 1234567"
        );
    }

    #[test]
    fn another_text_of_the_plan_is_a_warning() {
        let other = About { plan_digest: Some("sha256:b".into()), ..report() };
        let counted = Counted::by(report(), vec![run("01a", other)], "f.yml");
        assert_eq!(counted.warnings, ["run 01a is of another text of the plan"]);
        assert_eq!(counted.runs.len(), 1);
    }
}
