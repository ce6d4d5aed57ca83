//! Counts what would change.

use crate::oci::Digest;
use crate::run::perform::{Comparison, Forecast, StepForecast, TagState};
use crate::value::{OutsideChanges, Verdict};

/// How many targets and tags would change, and how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub refuse: usize,
    pub start: usize,
    /// Only secure values are sent again: not counted as a change.
    pub resend: usize,
    /// Whether they change is known after the build.
    pub undecided: usize,
    pub unchanged: usize,
    pub not_compared: usize,
    pub new_tags: usize,
    pub moved_tags: usize,
    /// Properties that are known to have been changed outside Shipway.
    pub outside: usize,
    /// Targets that were changed outside Shipway in properties that are not known.
    pub outside_unlocated: usize,
}

impl Summary {
    pub fn of(steps: &[StepForecast]) -> Self {
        let mut summary = Self::default();
        for step in steps {
            match &step.forecast {
                Forecast::Push { tags, .. } => {
                    for tag in tags {
                        summary.count_tag(&tag.state, tag.next.as_ref());
                    }
                }
                Forecast::Deploy { target: deploy, .. } => match &deploy.compared {
                    None => summary.not_compared += 1,
                    Some(compared) => summary.count_target(compared),
                },
                Forecast::DependsOn { .. } | Forecast::Failed(_) if step.action == "deploy" => {
                    summary.not_compared += 1;
                }
                _ => {}
            }
        }
        summary
    }

    fn count_tag(&mut self, state: &TagState, next: Option<&Digest>) {
        match (state, next) {
            (TagState::Missing, _) => self.new_tags += 1,
            (TagState::At(now), Some(next)) if now != next => self.moved_tags += 1,
            (TagState::At(_) | TagState::NotCompared, _) => {}
        }
    }

    fn count_target(&mut self, compared: &Comparison) {
        let difference = &compared.difference;
        let count = match difference.verdict {
            Verdict::Create => &mut self.create,
            Verdict::Update => &mut self.update,
            Verdict::Replace => &mut self.replace,
            Verdict::Refuse | Verdict::Older => &mut self.refuse,
            Verdict::Start => &mut self.start,
            Verdict::Resend => &mut self.resend,
            Verdict::Undecided => &mut self.undecided,
            Verdict::Unchanged => &mut self.unchanged,
        };
        *count += 1;
        self.outside += difference.changes.iter().filter(|change| change.outside).count();
        self.outside_unlocated += usize::from(difference.outside == OutsideChanges::Unlocated);
    }

    /// Whether a target is known to be refused.
    pub fn refuses(&self) -> bool {
        self.refuse > 0
    }

    /// Whether something is known to change.
    pub fn changes(&self) -> bool {
        let targets = self.create + self.update + self.replace + self.refuse + self.start;
        targets + self.new_tags + self.moved_tags > 0
    }

    /// The last line for people: the same in every mode.
    pub fn line(&self) -> String {
        let counts = [
            (self.create, "to create"),
            (self.update, "to update"),
            (self.replace, "to replace"),
            (self.refuse, "that will be refused"),
            (self.start, "to start again"),
            (self.resend, "unchanged apart from secrets that are sent again"),
            (self.undecided, "to update if its image differs"),
            (self.unchanged, "unchanged"),
            (self.not_compared, "not compared"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        let targets =
            if counts.is_empty() { "nothing is deployed".to_owned() } else { counts.join(", ") };
        let mut sentences = vec![format!("Plan: {targets}.")];
        let tags = [(self.new_tags, "new"), (self.moved_tags, "moved")];
        let tags: Vec<String> = tags
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if !tags.is_empty() {
            sentences.push(format!("Tags: {}.", tags.join(", ")));
        }
        match self.outside {
            0 => {}
            1 => sentences.push("1 property was changed outside Shipway.".to_owned()),
            count => sentences.push(format!("{count} properties were changed outside Shipway.")),
        }
        if self.outside_unlocated > 0 {
            let count = self.outside_unlocated;
            sentences.push(format!("Changed outside Shipway: {count}."));
        }
        sentences.join(" ")
    }
}
