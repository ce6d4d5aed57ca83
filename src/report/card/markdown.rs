//! The report in Markdown: the comment on the pull request and the summary of the
//! job.

use super::Card;
use super::escape::{code, link, link_as, prose, shortened};
use super::failure::{fitted, position};
use super::timeline;
use crate::event::{OutputName, ServiceResult, Status, StepId};
use crate::report::log::ends;
use crate::report::result::urls;
use crate::report::text::{one_line, span};
use crate::secret::Redactor;

/// GitHub refuses longer comments.
const MAX_COMMENT_CHARS: usize = 65_536;
/// GitHub refuses summaries of more than 1 MiB.
const MAX_SUMMARY_CHARS: usize = 1_000_000;
const MAX_TABLE_CHARS: usize = 30_000;
const MAX_ITEM_CHARS: usize = 600;
const MAX_WARNINGS: usize = 10;
const MAX_NOTES: usize = 20;

/// What a run that was refused left.
const KEPT: &str = "What an earlier run deployed is as it was.\n";

/// What a run that was refused when it was to be resumed left.
const KEPT_OF_RUN: &str = "What the run did before it stopped is as it was.\n";

const HEAD: &str = "| Service | Status | URL | Image | Time |\n| --- | --- | --- | --- | --- |\n";

impl Card {
    /// The comment, with the marker as its first line. If it would be too long for
    /// GitHub, the details of failures are shortened, never the table.
    pub fn comment(&self, marker: &str, redactor: &Redactor) -> String {
        let room = MAX_COMMENT_CHARS.saturating_sub(marker.chars().count() + 1);
        format!("{marker}\n{}", self.body(room, redactor, ""))
    }

    /// The summary of the job: the content of the comment, a table of all steps, and when each
    /// ran.
    pub fn summary(&self, redactor: &Redactor) -> String {
        let steps = self.step_table() + &timeline::draw(&self.timeline);
        self.body(MAX_SUMMARY_CHARS, redactor, &steps)
    }

    fn body(&self, room: usize, redactor: &Redactor, steps: &str) -> String {
        let top = redactor.redact(&format!("{}{}", self.heading(), self.table()));
        let foot = redactor.redact(&format!("{steps}{}", self.foot()));
        let mut room = room.saturating_sub(top.chars().count() + foot.chars().count());
        let mut middle = String::new();
        if !self.refusals.is_empty() {
            middle += if self.is_resumed { KEPT_OF_RUN } else { KEPT };
            room = room.saturating_sub(middle.chars().count());
        }
        let refusals = self.refusals.iter().map(|failure| (position(failure), failure));
        let title = |step: &StepId| format!("**{} failed**", code(&step.to_string()));
        let failures = self.failures().map(|(step, failure)| (title(step), failure));
        let rollback =
            |step: &StepId| format!("**The rollback of {} failed**", code(&step.to_string()));
        let rollbacks = self.failed_rollbacks().map(|(step, failure)| (rollback(step), failure));
        for (title, failure) in refusals.chain(failures).chain(rollbacks) {
            let Some(text) = fitted(&title, failure, room, redactor) else {
                middle += "\n_More failures are in the log of the run._\n";
                break;
            };
            room -= text.chars().count();
            middle += &text;
        }
        format!("{top}{middle}{foot}")
    }

    fn heading(&self) -> String {
        let dry = if self.dry_run { " (dry run)" } else { "" };
        let sign = sign(self.status, self.services.iter().any(lacks_something));
        format!("### {}: {sign} {}{dry}\n\n", prose(&self.plan), self.end)
    }

    fn table(&self) -> String {
        let mut table = HEAD.to_owned();
        let mut length = 0;
        for (at, service) in self.services.iter().enumerate() {
            let row = row(service);
            length += row.chars().count();
            if length > MAX_TABLE_CHARS {
                let more = self.services.len() - at;
                return format!("{table}\n_{more} more services are in the log of the run._\n");
            }
            table += &row;
        }
        if self.services.is_empty() { String::new() } else { table }
    }

    fn foot(&self) -> String {
        let mut foot = String::new();
        foot += &self
            .warnings
            .iter()
            .take(MAX_WARNINGS)
            .map(|text| item(&format!("warning: {}", short_prose(text))))
            .collect::<String>();
        let notes = self.notes.iter().take(MAX_NOTES);
        foot += &notes.map(|text| item(&short_prose(text))).collect::<String>();
        if !foot.is_empty() {
            foot.insert(0, '\n');
        }
        let mut facts = vec![];
        facts.extend(self.environment.as_deref().map(|name| format!("environment {}", code(name))));
        facts.extend(self.commit().map(|commit| {
            let url = self.origin.commit_url.as_deref().unwrap_or_default();
            format!("commit {}{}", link_as(&code(&commit), url), self.uncommitted())
        }));
        facts.extend(self.expires.as_ref().map(|when| format!("expires {when}")));
        facts.extend(self.origin.run_url.as_deref().map(|url| link_as("log of the run", url)));
        if self.dry_run {
            facts.push("dry run: nothing outside of the local cloud was changed".into());
        }
        facts.push("shipway".into());
        format!("{foot}\n<sub>{}</sub>\n", facts.join(" · "))
    }

    fn step_table(&self) -> String {
        let rows = self.steps.iter().map(|(step, how, took)| {
            let took = took.map(span).unwrap_or_default();
            format!("| {} | {} | {took} |\n", code(&step.to_string()), prose(how))
        });
        let rows: String = rows.collect();
        if rows.is_empty() {
            return rows;
        }
        format!("\n| Step | Outcome | Time |\n| --- | --- | --- |\n{rows}")
    }
}

fn item(text: &str) -> String {
    format!("- {text}\n")
}

fn short_prose(text: &str) -> String {
    prose(&shortened(&one_line(text), MAX_ITEM_CHARS))
}

/// A check mark only stands for a result without reservations.
fn sign(status: Status, lacks_something: bool) -> &'static str {
    match status {
        Status::Succeeded if lacks_something => "⚠️",
        Status::Succeeded => "✅",
        Status::Failed => "❌",
        Status::Skipped => "⏭",
        Status::Cancelled => "⏹",
    }
}

fn lacks_something(service: &ServiceResult) -> bool {
    service.missing.is_some()
}

fn row(service: &ServiceResult) -> String {
    let get =
        |name| service.outputs.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let urls: Vec<String> = urls(service).iter().map(|url| link(url)).collect();
    let url = urls.join("<br>");
    let image = get(OutputName::Image).or_else(|| get(OutputName::Digest)).unwrap_or_default();
    let withdrawn =
        ends::withdrawn(service).map(|(word, image)| format!("{word}: {}", code(image)));
    let images = [Some(code(image)).filter(|image| !image.is_empty()), withdrawn];
    let images: Vec<String> = images.into_iter().flatten().collect();
    format!(
        "| {} | {} {} | {url} | {} | {} |\n",
        code(&service.name),
        sign(service.status, lacks_something(service)),
        short_prose(&ends::end_of(service)),
        images.join("<br>"),
        ends::time_of(service).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::Card;
    use crate::event::{EventKind, Outcome, OutputName, RunFinished, RunStarted, ServiceResult};
    use crate::report::View;
    use crate::report::testing::sample::{
        at, bad_end, begun, broken, failed, finished, good_end, run_started, started, web,
    };
    use crate::secret::Redactor;

    const MARKER: &str = "<!-- shipway key=storefront/preview/default -->";

    fn view() -> View {
        let mut view = View::default();
        view.apply(&started());
        view
    }

    fn comment(view: &View, ended: &RunFinished) -> String {
        Card::new(view, ended).comment(MARKER, &Redactor::default())
    }

    #[test]
    fn comment_of_a_run_that_succeeded() {
        assert_eq!(
            comment(&view(), &good_end()),
            "<!-- shipway key=storefront/preview/default -->
### storefront: ✅ succeeded

| Service | Status | URL | Image | Time |
| --- | --- | --- | --- | --- |
| `web` | ✅ succeeded | <http://storefront.westeurope.azurecontainer.io/> | `storefront.azurecr.io/web@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945` | 12.3s |

<sub>environment `preview` · commit [`4387e9f`](https://github.com/o/r/commit/4387e9f3d6e14c459867679a90fd0f7912345678) · [log of the run](https://github.com/o/r/actions/runs/77) · shipway</sub>
"
        );
    }

    #[test]
    fn comment_of_a_run_that_failed() {
        let mut view = view();
        view.apply(&at(1, EventKind::Warned { step: None, message: "no `bash`".into() }));
        assert_eq!(
            comment(&view, &bad_end()),
            "<!-- shipway key=storefront/preview/default -->
### storefront: ❌ failed

| Service | Status | URL | Image | Time |
| --- | --- | --- | --- | --- |
| `web` | ✅ succeeded | <http://storefront.westeurope.azurecontainer.io/> | `storefront.azurecr.io/web@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945` | 12.3s |
| `migrations` | ❌ failed |  |  | 1m 15s |

**`migrations.run` failed**

```text
deploy `storefront`
  the container ended with exit code 1
    no such file `/server`
    second line
```

<details><summary>Details</summary>

```text
events:
  Pulled image
::error::x ##[error]y
```

</details>

**What to do:** build the image with `/server` in it

- warning: no `bash`
- the placeholder of `acr-password` was used

<sub>environment `preview` · commit [`4387e9f`](https://github.com/o/r/commit/4387e9f3d6e14c459867679a90fd0f7912345678) · [log of the run](https://github.com/o/r/actions/runs/77) · shipway</sub>
"
        );
    }

    #[test]
    fn comment_of_a_dry_run() {
        let dry = RunStarted {
            dry_run: true,
            environment: None,
            origin: crate::event::Origin::default(),
            ..run_started()
        };
        let mut view = View::default();
        view.apply(&at(0, EventKind::RunStarted(dry)));
        let text = comment(&view, &RunFinished { services: vec![], ..good_end() });
        assert_eq!(
            text,
            "<!-- shipway key=storefront/preview/default -->
### storefront: ✅ succeeded (dry run)


<sub>dry run: nothing outside of the local cloud was changed · shipway</sub>
"
        );
    }

    #[test]
    fn comment_says_when_what_was_deployed_expires() {
        let mut view = View::default();
        view.apply(&at(
            0,
            EventKind::RunStarted(RunStarted { ttl: Some(172_800), ..run_started() }),
        ));
        let mut service = web();
        service.outputs.set(OutputName::ResourceId, "/subscriptions/x".into());
        let ended = RunFinished { services: vec![service], ..good_end() };
        let text = comment(&view, &ended);
        assert!(text.contains(" · expires 2026-11-23 10:00 UTC · "), "{text}");
        assert!(!comment(&view, &good_end()).contains("expires"));
    }

    #[test]
    fn long_details_are_cut_but_not_the_table() {
        let mut service = broken();
        if let Some((_, failure)) = &mut service.failure {
            failure.details =
                (0..20_000).map(|number| format!("line {number} of the log ü")).collect();
        }
        let ended = RunFinished { services: vec![web(), service.clone(), service], ..bad_end() };
        let text = comment(&view(), &ended);
        assert!(text.chars().count() <= 65_536, "{}", text.chars().count());
        assert!(text.starts_with(MARKER));
        assert!(text.contains("| `migrations` | ❌ failed |"));
        assert!(text.contains("line 19999 of the log ü\n"));
        assert!(text.contains("earlier lines are in the log of the run"));
        assert!(text.ends_with("shipway</sub>\n"));
        assert_eq!(text.matches("failed**").count(), 2);
    }

    #[test]
    fn a_thousand_services_fit() {
        let services: Vec<ServiceResult> = (0..1_000)
            .map(|number| ServiceResult { name: format!("service-{number}"), ..web() })
            .collect();
        let text = comment(&view(), &RunFinished { services, ..good_end() });
        assert!(text.chars().count() <= 65_536);
        assert!(text.contains("more services are in the log of the run."));
    }

    #[test]
    fn hostile_text_is_escaped() {
        let mut start = run_started();
        start.plan = "x | @octocat <!-- y -->\n# z".into();
        start.environment = Some("a`b|c\n@all".into());
        let mut view = View::default();
        view.apply(&at(0, EventKind::RunStarted(start)));
        let mut service = broken();
        service.name = "a|b`c".into();
        service.outputs.set(OutputName::Url, "javascript:alert('|')".into());
        if let Some((_, failure)) = &mut service.failure {
            failure.chain = vec!["```\n</details> @octocat".into()];
            failure.details = vec!["````\u{1b}[31m".into()];
            failure.help = Some("see <img src=x> #1".into());
        }
        let text =
            comment(&view, &RunFinished { services: vec![service], notes: vec![], ..bad_end() });
        let (_, body) = text.split_once('\n').expect("the marker's line");
        let (body, _) = body.split_once(" · commit").expect("the foot");
        assert_eq!(
            body,
            "### x \\| @\u{200b}octocat &lt;!-- y --&gt; #\u{200b} z: ❌ failed

| Service | Status | URL | Image | Time |
| --- | --- | --- | --- | --- |
| ``a\\|b`c`` | ❌ failed | `javascript:alert('\\|')` |  | 1m 15s |

**`migrations.run` failed**

````text
```
</details> @octocat
````

<details><summary>Details</summary>

`````text
````
`````

</details>

**What to do:** see &lt;img src=x&gt; #\u{200b}1

<sub>environment ``a`b\\|c @all``"
        );
    }

    #[test]
    fn the_summary_lists_the_steps() {
        let mut view = view();
        view.apply(&begun("web", "build"));
        view.apply(&finished("web", "push", Outcome::Succeeded, &[]));
        view.apply(&finished("web", "live", failed(false), &[]));
        let summary = Card::new(&view, &good_end()).summary(&Redactor::default());
        assert!(summary.starts_with("### storefront: ✅ succeeded\n"));
        assert!(
            summary.contains(
                "\n| Step | Outcome | Time |
| --- | --- | --- |
| `web.build` | not finished |  |
| `web.push` | ok | 0.8s |
| `web.live` | failed | 0.8s |
| `migrations.run` | not started |  |

<details><summary>Timeline</summary>

```mermaid
gantt
"
            ),
            "{summary}"
        );
    }

    #[test]
    fn a_secret_is_not_in_the_comment() {
        let redactor = Redactor::default();
        redactor.register("env:NAME", "westeurope".into()).expect("long enough");
        let text = Card::new(&view(), &good_end()).comment(MARKER, &redactor);
        assert!(text.contains("<http://storefront.***.azurecontainer.io/>"), "{text}");
    }
}
