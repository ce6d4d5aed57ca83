//! Finds an instruction in a Dockerfile by its text.

use crate::image::dockerfile::native::{DockerfileLine, ParsedDockerfile};

/// The instructions of a Dockerfile in order.
#[derive(Clone, Debug)]
pub struct Instructions {
    file: String,
    all: Vec<(String, DockerfileLine)>,
}

impl Instructions {
    /// Reads a Dockerfile. One that cannot be parsed has no instructions: its engine says
    /// what is wrong with it.
    pub fn read(file: &str, text: &str) -> Self {
        let mut all = Vec::new();
        if let Ok(parsed) = ParsedDockerfile::read(file, text) {
            for stage in parsed.stages {
                all.push((format!("FROM {}", stage.from), stage.place));
                for step in stage.steps {
                    all.push((normal(&step.text), step.place));
                }
            }
        }
        Self { file: file.to_owned(), all }
    }

    /// The name of the Dockerfile.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line of an instruction, the `occurrence`-th of equal ones, counted from 1.
    /// `None` where the engine shows it in other words, such as with variables expanded.
    pub fn find(&self, instruction: &str, occurrence: usize) -> Option<&DockerfileLine> {
        let wanted = normal(instruction);
        let same = |text: &str| match wanted.strip_prefix("FROM ") {
            // Engines add the platform and the name of the stage, or complete the name.
            Some(image) => {
                let image = image.split(" AS ").next().unwrap_or(image);
                text.strip_prefix("FROM ")
                    .is_some_and(|from| image == from || image.ends_with(&format!("/{from}")))
            }
            None => text == wanted,
        };
        let mut found = self.all.iter().filter(|(text, _)| same(text)).map(|(_, place)| place);
        let first = found.next();
        found.nth(occurrence.saturating_sub(2)).filter(|_| occurrence > 1).or(first)
    }
}

/// The text with single spaces, and the keyword in upper case.
fn normal(text: &str) -> String {
    let text = text.lines().next().unwrap_or_default();
    let mut words = text.split_whitespace();
    let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
    std::iter::once(keyword.as_str()).chain(words).collect::<Vec<_>>().join(" ")
}
