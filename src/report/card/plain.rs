//! The report as plain text, as the log of a dry run shows the comment.

use super::Card;
use crate::event::{OutputName, ServiceResult};
use crate::report::log::{ends, words};
use crate::report::result::urls;
use crate::report::text::{columns, one_line, padded, short_digest};

impl Card {
    /// The content of the comment as plain text.
    pub fn text(&self) -> String {
        let dry = if self.dry_run { " (dry run)" } else { "" };
        let mut lines = vec![format!("{}: {}{dry}", self.plan, self.end)];
        let wide = self.services.iter().map(|service| columns(&service.name)).max();
        for service in &self.services {
            lines.push(format!("  {}", row(service, wide.unwrap_or(0))));
        }
        for refusal in &self.refusals {
            lines.extend(words::failed(refusal).into_iter().map(|line| format!("  {line}")));
        }
        for (step, failure) in self.failures() {
            lines.push(format!("  {step} failed"));
            lines.extend(words::failed(failure).into_iter().map(|line| format!("    {line}")));
        }
        for (step, failure) in self.failed_rollbacks() {
            lines.push(format!("  the rollback of {step} failed"));
            lines.extend(words::failed(failure).into_iter().map(|line| format!("    {line}")));
        }
        lines.extend(self.warnings.iter().map(|text| format!("  warning: {}", one_line(text))));
        lines.extend(self.notes.iter().map(|text| format!("  note: {}", one_line(text))));
        let mut facts = vec![];
        facts.extend(
            self.environment.as_deref().map(|name| format!("environment {}", one_line(name))),
        );
        facts.extend(self.commit().map(|commit| format!("commit {commit}{}", self.uncommitted())));
        facts.extend(self.origin.run_url.as_deref().map(one_line));
        if !facts.is_empty() {
            lines.push(format!("  {}", facts.join(", ")));
        }
        lines.join("\n")
    }
}

fn row(service: &ServiceResult, wide: usize) -> String {
    let get = |name: OutputName| service.outputs.get(name).map(|value| one_line(value));
    let mut parts = vec![padded(&service.name, wide), format!("{:9}", ends::end_of(service))];
    parts.extend(urls(service).iter().map(|url| one_line(url)));
    parts.extend(get(OutputName::Digest).map(|digest| short_digest(&digest)));
    parts.extend(ends::withdrawn(service).map(|(word, image)| {
        let digest = image.rsplit_once('@').map_or(image, |(_, digest)| digest);
        format!("{word}: {}", short_digest(&one_line(digest)))
    }));
    parts.extend(ends::time_of(service));
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use crate::report::testing::sample::{bad_end, started};
    use crate::report::{Card, View};

    #[test]
    fn the_comment_without_markdown() {
        let mut view = View::default();
        view.apply(&started());
        assert_eq!(
            Card::new(&view, &bad_end()).text(),
            "storefront: failed
  web         succeeded  http://storefront.westeurope.azurecontainer.io/  sha256:4f53cda18c2b…  12.3s
  migrations  failed     1m 15s
  migrations.run failed
    deploy `storefront`
      the container ended with exit code 1
        no such file `/server`
        second line
    | events:
    |   Pulled image
    | ::error::x ##[error]y
    help: build the image with `/server` in it
  note: the placeholder of `acr-password` was used
  environment preview, commit 4387e9f, https://github.com/o/r/actions/runs/77"
        );
    }
}
