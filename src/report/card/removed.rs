//! The comment on a pull request whose preview was removed, and the same for the
//! summary of the job.

use super::escape::{code, link_as, prose};
use crate::secret::Redactor;

/// What became of the targets of one plan in one environment.
#[derive(Clone, Debug, Default)]
pub struct RemovalCard {
    pub plan: String,
    pub environment: Option<String>,
    /// What the targets are, such as `container group`.
    pub kind: String,
    pub rows: Vec<RemovalRow>,
    /// Why they were removed, as a sentence without its full stop.
    pub why: Option<String>,
    /// The log of the run that removed them.
    pub run_url: Option<String>,
}

/// A target that was removed, or that is still there.
#[derive(Clone, Debug)]
pub struct RemovalRow {
    pub service: String,
    pub target: String,
    /// Why it is still there, if it is.
    pub left: Option<String>,
}

impl RemovalCard {
    /// The comment, with the marker as its first line.
    pub fn comment(&self, marker: &str, redactor: &Redactor) -> String {
        format!("{marker}\n{}", self.markdown(redactor))
    }

    pub fn markdown(&self, redactor: &Redactor) -> String {
        let is_left = self.rows.iter().any(|row| row.left.is_some());
        let word = if is_left { "❌ not all of it was removed" } else { "🧹 removed" };
        let mut text = format!("### {}: {word}\n\n", prose(&self.plan));
        let why = self.why.as_ref().map(|why| format!("{}.", prose(why)));
        let gone = (!is_left).then(|| "Nothing of it runs any more.".to_owned());
        let sentences: Vec<String> = why.into_iter().chain(gone).collect();
        if !sentences.is_empty() {
            text.extend([sentences.join(" ").as_str(), "\n\n"]);
        }
        if !self.rows.is_empty() {
            let heading = prose(&capitalized(&self.kind));
            text.extend(["| Service | ", &heading, " | Status |\n| --- | --- | --- |\n"]);
            text += &self.rows.iter().map(row).collect::<String>();
            text.push('\n');
        }
        let mut facts = Vec::new();
        facts.extend(self.environment.as_deref().map(|name| format!("environment {}", code(name))));
        facts.extend(self.run_url.as_deref().map(|url| link_as("log of the run", url)));
        facts.push("shipway".to_owned());
        text.extend(["<sub>", facts.join(" · ").as_str(), "</sub>\n"]);
        redactor.redact(&text)
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn row(row: &RemovalRow) -> String {
    let status = match &row.left {
        None => "removed".to_owned(),
        Some(why) => format!("❌ still there: {}", prose(why)),
    };
    format!("| {} | {} | {status} |\n", code(&row.service), code(&row.target))
}

#[cfg(test)]
mod tests {
    use super::{RemovalCard, RemovalRow};
    use crate::secret::Redactor;

    fn card() -> RemovalCard {
        let row = |service: &str, left: Option<&str>| RemovalRow {
            service: service.into(),
            target: format!("shop-pr-7-{service}"),
            left: left.map(str::to_owned),
        };
        RemovalCard {
            plan: "shop".into(),
            environment: Some("preview".into()),
            kind: "container group".into(),
            rows: vec![row("web", None), row("api", None)],
            why: None,
            run_url: Some("https://github.com/o/r/actions/runs/77".into()),
        }
    }

    #[test]
    fn comment_of_a_preview_that_was_removed() {
        assert_eq!(
            card().comment("<!-- marker -->", &Redactor::default()),
            "<!-- marker -->
### shop: 🧹 removed

Nothing of it runs any more.

| Service | Container group | Status |
| --- | --- | --- |
| `web` | `shop-pr-7-web` | removed |
| `api` | `shop-pr-7-api` | removed |

<sub>environment `preview` · [log of the run](https://github.com/o/r/actions/runs/77) · shipway</sub>
"
        );
    }

    #[test]
    fn comment_of_a_preview_of_which_a_part_is_left() {
        let mut card = card();
        card.rows[1].left = Some("cannot delete it: 409".into());
        assert_eq!(
            RemovalCard { run_url: None, environment: None, ..card }.markdown(&Redactor::default()),
            "### shop: ❌ not all of it was removed

| Service | Container group | Status |
| --- | --- | --- |
| `web` | `shop-pr-7-web` | removed |
| `api` | `shop-pr-7-api` | ❌ still there: cannot delete it: 409 |

<sub>shipway</sub>
"
        );
    }

    #[test]
    fn comment_says_why_a_preview_expired() {
        let why = Some("It had outlived its `ttl`".into());
        let card = RemovalCard { rows: Vec::new(), why, run_url: None, ..card() };
        assert_eq!(
            card.markdown(&Redactor::default()),
            "### shop: 🧹 removed

It had outlived its `ttl`. Nothing of it runs any more.

<sub>environment `preview` · shipway</sub>
"
        );
    }
}
