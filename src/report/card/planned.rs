//! The comment on a pull request about what a run would do.

use super::escape::{block, code, link_as, prose, safe_lines};
use super::failure::{fitted, position};
use crate::event::Failure;
use crate::report::text::one_line;
use crate::secret::Redactor;

/// How many lines are shown without being folded.
const MAX_OPEN_LINES: usize = 25;

/// Room for the lines, in characters. GitHub takes 65,536 for all of a comment.
const MAX_LINES_CHARS: usize = 50_000;

/// Room for why nothing could be planned, in characters.
const MAX_REFUSALS_CHARS: usize = 50_000;

/// What `shipway plan` has shown.
#[derive(Clone, Debug, Default)]
pub struct PlanCard {
    pub plan: String,
    /// What of the plan was planned, such as `, only web`. Empty for all of it.
    pub part: String,
    pub environment: Option<String>,
    /// Why nothing could be planned.
    pub refusals: Vec<Failure>,
    /// What would change, in one line.
    pub summary: String,
    /// The steps, as the command prints them.
    pub steps: String,
    /// The full hash of the commit that was planned.
    pub commit: Option<String>,
    /// The log of the workflow run.
    pub run_url: Option<String>,
}

impl PlanCard {
    /// The comment, with the marker as its first line.
    pub fn comment(&self, marker: &str, redactor: &Redactor) -> String {
        let mut text = match self.refusals.as_slice() {
            [] => self.shown(),
            refusals => self.refused(refusals, redactor),
        };
        let mut facts = Vec::new();
        let environment = self.environment.as_deref();
        facts.extend(environment.map(|name| format!("environment {}", code(name))));
        let commit = self.commit.as_deref();
        facts.extend(commit.map(|commit| format!("commit {}", code(&short(commit)))));
        facts.extend(self.run_url.as_deref().map(|url| link_as("log of the run", url)));
        facts.extend(["nothing was changed".to_owned(), "shipway".to_owned()]);
        text.extend(["<sub>", facts.join(" · ").as_str(), "</sub>\n"]);
        format!("{marker}\n{}", redactor.redact(&text))
    }

    fn heading(&self, sign: &str, how: &str) -> String {
        let part = prose(&one_line(&self.part));
        format!("### {}: {sign} plan{how}{part}\n\n", prose(&self.plan))
    }

    /// Why nothing could be planned.
    fn refused(&self, refusals: &[Failure], redactor: &Redactor) -> String {
        let mut text = self.heading("❌", " failed");
        let mut room = MAX_REFUSALS_CHARS;
        for failure in refusals {
            let Some(part) = fitted(&position(failure), failure, room, redactor) else { break };
            room -= part.chars().count();
            text.extend([part.trim_start(), "\n"]);
        }
        text
    }

    fn shown(&self) -> String {
        let mut text = self.heading("📋", "");
        text.extend([prose(&self.summary).as_str(), "\n\n"]);
        let (lines, left_out) = self.lines();
        let steps = block(&lines);
        if lines.len() > MAX_OPEN_LINES {
            text += "<details><summary>Every step</summary>\n\n";
            text.extend([steps.as_str(), "\n</details>\n\n"]);
        } else {
            text.extend([steps.as_str(), "\n"]);
        }
        if left_out > 0 {
            let left_out = left_out.to_string();
            text.extend(["_", &left_out, " more lines are shown by `shipway plan`._\n\n"]);
        }
        text
    }

    /// The lines that fit, and how many do not.
    fn lines(&self) -> (Vec<String>, usize) {
        let all = safe_lines(&self.steps);
        let mut room = MAX_LINES_CHARS;
        let fits = |line: &&String| {
            let chars = line.chars().count() + 1;
            room = room.saturating_sub(chars);
            room > 0
        };
        let lines: Vec<String> = all.iter().take_while(fits).cloned().collect();
        let left_out = all.len() - lines.len();
        (lines, left_out)
    }
}

fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::PlanCard;
    use crate::event::{Failure, PlanPosition};
    use crate::secret::Redactor;

    fn card() -> PlanCard {
        PlanCard {
            plan: "shop".into(),
            part: String::new(),
            environment: Some("preview".into()),
            refusals: Vec::new(),
            summary: "Plan: 1 to update.".into(),
            steps: "web\n  live  shop-web  ~ update, restarts in place\n    ~ image  a`b -> c"
                .into(),
            commit: Some("4387e9f3d6e14c459867679a90fd0f7912345678".into()),
            run_url: Some("https://github.com/o/r/actions/runs/77".into()),
        }
    }

    #[test]
    fn comment_has_the_summary_and_every_step() {
        assert_eq!(
            card().comment("<!-- marker -->", &Redactor::default()),
            "\
<!-- marker -->
### shop: 📋 plan

Plan: 1 to update.

```text
web
  live  shop-web  ~ update, restarts in place
    ~ image  a`b -> c
```

<sub>environment `preview` · commit `4387e9f` · [log of the run](https://github.com/o/r/actions/runs/77) · nothing was changed · shipway</sub>
"
        );
    }

    #[test]
    fn heading_names_the_part_that_was_planned() {
        let part = PlanCard { part: ", only web, until web.push".into(), ..card() };
        let comment = part.comment("", &Redactor::default());
        let heading = "\n### shop: 📋 plan, only web, until web.push\n\nPlan: 1 to update.\n";
        assert!(comment.starts_with(heading), "{comment}");
    }

    #[test]
    fn what_could_not_be_planned_is_explained() {
        let failure = Failure {
            chain: vec!["a step has no key `rum`".into()],
            help: Some("did you mean `run`?".into()),
            place: Some(PlanPosition { file: "shipway.yml".into(), line: 5, column: 5 }),
            ..Failure::default()
        };
        let card = PlanCard { refusals: vec![failure], ..card() };
        assert_eq!(
            card.comment("<!-- marker -->", &Redactor::default()),
            "\
<!-- marker -->
### shop: ❌ plan failed

**`shipway.yml:5:5`**

```text
a step has no key `rum`
```

**What to do:** did you mean `run`?

<sub>environment `preview` · commit `4387e9f` · [log of the run](https://github.com/o/r/actions/runs/77) · nothing was changed · shipway</sub>
"
        );
    }

    #[test]
    fn many_steps_are_folded_and_too_many_are_cut() {
        let lines = |count: usize| PlanCard { steps: "step\n".repeat(count), ..card() };
        let comment = |card: PlanCard| card.comment("", &Redactor::default());
        assert!(!comment(lines(25)).contains("<details>"));
        assert!(comment(lines(26)).contains("<details><summary>Every step</summary>\n\n```text\n"));
        let cut = comment(lines(20_000));
        assert!(
            cut.contains("\n_10001 more lines are shown by `shipway plan`._\n"),
            "{}",
            &cut[49_000..]
        );
        assert!(cut.chars().count() < 65_536);
    }

    #[test]
    fn text_of_others_cannot_leave_its_block() {
        let hostile = PlanCard { steps: "```\n<b>@all".into(), ..card() };
        let comment = hostile.comment("", &Redactor::default());
        assert!(comment.contains("````text\n```\n<b>@all\n````\n"), "{comment}");
    }
}
