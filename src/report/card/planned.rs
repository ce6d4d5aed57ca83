//! The comment on a pull request about what a run would do.

use super::escape::{block, code, link_as, prose, safe_lines};
use crate::secret::Redactor;

/// How many lines are shown without being folded.
const MAX_OPEN_LINES: usize = 25;

/// Room for the lines, in characters. GitHub takes 65,536 for all of a comment.
const MAX_LINES_CHARS: usize = 50_000;

/// What `shipway plan` has shown.
#[derive(Clone, Debug, Default)]
pub struct PlanCard {
    pub plan: String,
    pub environment: Option<String>,
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
        let mut text = format!("### {}: 📋 plan\n\n", prose(&self.plan));
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
    use crate::secret::Redactor;

    fn card() -> PlanCard {
        PlanCard {
            plan: "shop".into(),
            environment: Some("preview".into()),
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
