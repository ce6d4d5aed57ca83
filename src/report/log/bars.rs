//! The lines of one step that change: its own, and those of its layers.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::time::Duration;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// How many layers have a line of their own. More are under way where the
/// network is fast, and then nobody can read them.
const MOST_LAYERS: usize = 6;

/// The lines of one step.
pub(super) struct Bars {
    step: ProgressBar,
    /// In the order in which they stand below it.
    layers: Vec<ProgressBar>,
}

impl Bars {
    /// Adds the step's line below all that are there.
    pub(super) fn begin(screen: &MultiProgress, id: &str) -> Self {
        let step = screen.add(styled("{spinner} {prefix} {wide_msg} {elapsed}"));
        step.set_prefix(id.to_owned());
        Self { step, layers: Vec::new() }
    }

    /// Turns the spinner from now on.
    pub(super) fn turn(&self) {
        self.step.enable_steady_tick(TICK);
    }

    /// What stands beside the spinner.
    pub(super) fn say(&self, text: String) {
        self.step.set_message(text);
        self.step.tick();
    }

    /// Shows a line for each of these, name and text, and for no other.
    pub(super) fn layers(&mut self, screen: &MultiProgress, layers: &[(String, String)]) {
        let mut lines: Vec<String> =
            layers.iter().take(MOST_LAYERS).map(|(name, text)| format!("{name}  {text}")).collect();
        if let Some(more) = layers.len().checked_sub(MOST_LAYERS).filter(|more| *more > 0) {
            lines.push(format!("and {more} more"));
        }
        for bar in self.layers.drain(lines.len().min(self.layers.len())..) {
            remove(screen, &bar);
        }
        for (place, line) in lines.into_iter().enumerate() {
            if place == self.layers.len() {
                let above = self.layers.last().unwrap_or(&self.step);
                self.layers.push(screen.insert_after(above, styled("  {wide_msg}")));
            }
            self.layers[place].set_message(line);
            self.layers[place].tick();
        }
    }

    /// Takes all lines away.
    pub(super) fn end(self, screen: &MultiProgress) {
        for bar in self.layers.iter().chain([&self.step]) {
            remove(screen, bar);
        }
    }
}

/// The templates are constants, so there is no mistake to fall back for.
fn styled(template: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn remove(screen: &MultiProgress, bar: &ProgressBar) {
    bar.finish_and_clear();
    screen.remove(bar);
}
