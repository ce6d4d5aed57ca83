//! The redrawn lines of one step: its own and those of its layers.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::time::Duration;

const SPINNER_INTERVAL: Duration = Duration::from_millis(120);

/// The number of layers with a line of their own. On a fast network more are in
/// progress, but change too fast to be read.
const MAX_LAYER_LINES: usize = 6;

pub(super) struct Bars {
    step: ProgressBar,
    /// In the order in which they are shown below the step.
    layers: Vec<ProgressBar>,
}

impl Bars {
    /// Adds the line of a step below all others.
    pub(super) fn begin(screen: &MultiProgress, id: &str) -> Self {
        let step = screen.add(styled("{spinner} {prefix} {wide_msg} {elapsed}"));
        step.set_prefix(id.to_owned());
        Self { step, layers: Vec::new() }
    }

    pub(super) fn turn(&self) {
        self.step.enable_steady_tick(SPINNER_INTERVAL);
    }

    /// Sets the text beside the spinner.
    pub(super) fn say(&self, text: String) {
        self.step.set_message(text);
        self.step.tick();
    }

    /// Sets the lines of the layers, given as name and text.
    pub(super) fn layers(&mut self, screen: &MultiProgress, layers: &[(String, String)]) {
        let mut lines: Vec<String> = layers
            .iter()
            .take(MAX_LAYER_LINES)
            .map(|(name, text)| format!("{name}  {text}"))
            .collect();
        if let Some(more) = layers.len().checked_sub(MAX_LAYER_LINES).filter(|more| *more > 0) {
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

    /// Removes all lines.
    pub(super) fn end(self, screen: &MultiProgress) {
        for bar in self.layers.iter().chain([&self.step]) {
            remove(screen, bar);
        }
    }
}

/// A spinner with a template. The templates are constants, so they are valid.
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
