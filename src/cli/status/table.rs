//! The status as a table.

use super::commits::Titles;
use super::survey::{ServiceStatus, Survey, TargetStatus};
use crate::cli::columns::{UNKNOWN, age, columns, until};
use crate::oci::Reference;
use crate::report::short_digest;
use crate::run::perform::DeployedContainer;
use jiff::Timestamp;

const COLUMNS: usize = 8;

/// The columns that are left out of a narrow terminal where they say nothing.
const LESS_NEEDED: [&str; 2] = ["EXPIRES", "DRIFT"];

/// Cells that say nothing.
const SILENT: [&str; 3] = ["", UNKNOWN, "none"];

/// One row for each service, and one for each further container. In a terminal of fewer columns
/// than it takes, less is shown, and URLs stand below.
pub fn show(survey: &Survey, now: Timestamp, columns: Option<usize>) -> String {
    if survey.services.is_empty() {
        return "nothing is deployed".to_owned();
    }
    let table = Rows::of(survey, now);
    let wide = table.text();
    let longest = wide.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    if columns.is_none_or(|columns| longest <= columns) { wide } else { table.narrow() }
}

/// The cells under their headings.
struct Rows {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    fn text(&self) -> String {
        columns(&self.headings, &self.rows)
    }

    fn place(&self, heading: &str) -> Option<usize> {
        self.headings.iter().position(|known| *known == heading)
    }

    fn take(&mut self, place: usize) -> Vec<String> {
        self.headings.remove(place);
        self.rows.iter_mut().map(|row| row.remove(place)).collect()
    }

    /// Without columns that say nothing, titles of commits and digests, and with each URL on a
    /// line of its own.
    fn narrow(mut self) -> String {
        for heading in LESS_NEEDED {
            if let Some(place) = self.place(heading)
                && self.rows.iter().all(|row| SILENT.contains(&row[place].as_str()))
            {
                self.take(place);
            }
        }
        for heading in ["IMAGE", "COMMIT"] {
            if let Some(place) = self.place(heading) {
                let whole = |row: &&mut Vec<String>| !row[place].ends_with("with changes");
                for row in self.rows.iter_mut().filter(whole) {
                    let end = row[place].find(' ').unwrap_or(row[place].len());
                    row[place].truncate(end);
                }
            }
        }
        let urls = self.place("URL").map(|place| self.take(place)).unwrap_or_default();
        let text = self.text();
        let mut lines = text.lines();
        let mut shown: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
        for (line, urls) in lines.zip(&urls) {
            shown.push(line.to_owned());
            let urls = urls.split(", ").filter(|url| !SILENT.contains(url));
            shown.extend(urls.map(|url| format!("  {url}")));
        }
        shown.join("\n")
    }

    fn of(survey: &Survey, now: Timestamp) -> Self {
        let mut headings =
            vec!["SERVICE", "STATE", "IMAGE", "COMMIT", "AGE", "EXPIRES", "DRIFT", "URL"];
        if survey.is_of_repository {
            headings.splice(0..0, ["PLAN", "ENVIRONMENT"]);
        }
        let mut rows = Vec::new();
        for service in &survey.services {
            for mut row in rows_of(service, &survey.titles, now) {
                if survey.is_of_repository {
                    row.splice(0..0, owner(service.target.as_ref(), row[0].starts_with(' ')));
                }
                rows.push(row);
            }
        }
        Self { headings, rows }
    }
}

/// The plan and the environment of a target, with its pull request.
fn owner(target: Option<&TargetStatus>, is_further_row: bool) -> [String; 2] {
    let Some(target) = target.filter(|_| !is_further_row) else {
        return [String::new(), String::new()];
    };
    let environment =
        target.resource.tags.environment.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let environment = match &target.resource.tags.pull_request {
        Some(number) => format!("{environment} #{number}"),
        None => environment,
    };
    [target.resource.tags.plan.clone(), environment]
}

fn rows_of(service: &ServiceStatus, titles: &Titles, now: Timestamp) -> Vec<Vec<String>> {
    let none = || UNKNOWN.to_owned();
    let Some(target) = &service.target else {
        let mut row = vec![service.service.clone(), "not deployed".to_owned()];
        row.resize_with(COLUMNS, none);
        return vec![row];
    };
    let mut rows = Vec::new();
    let name = if service.is_in_plan {
        service.service.clone()
    } else {
        format!("{} (not in the plan)", service.service)
    };
    let first = target.containers.first();
    let tags = &target.resource.tags;
    rows.push(vec![
        name,
        state(target),
        first.map_or_else(none, |one| image(one, tags.image_tag.as_deref())),
        titles.cell(tags.commit.as_ref(), tags.dirty),
        age(tags.deployed_at(), now),
        expires(target, now),
        drift(target).to_owned(),
        urls(target),
    ]);
    for container in target.containers.iter().skip(1) {
        let mut row = vec![
            format!("  {}", container.name),
            container.health.describe(),
            image(container, None),
        ];
        row.resize_with(COLUMNS, String::new);
        rows.push(row);
    }
    rows
}

/// The state of the first container, and whether the version has passed its checks.
fn state(target: &TargetStatus) -> String {
    let Some(first) = target.containers.first() else { return target.state.to_lowercase() };
    let state = first.health.describe();
    let is_unverified = first.health.is_well && !target.resource.tags.verified;
    if is_unverified { format!("{state}, not verified") } else { state }
}

/// The tag and the start of the digest: the repository is the same for long.
fn image(container: &DeployedContainer, tag: Option<&str>) -> String {
    let Ok(reference) = container.image.parse::<Reference>() else {
        return container.image.clone();
    };
    let name = reference.repository.rsplit('/').next().unwrap_or_default();
    let tag = tag.map(str::to_owned).or(reference.tag);
    let name = tag.map_or_else(|| name.to_owned(), |tag| format!("{name}:{tag}"));
    match reference.digest {
        Some(digest) => format!("{name} {}", short_digest(digest.as_str())),
        None => name,
    }
}

fn expires(target: &TargetStatus, now: Timestamp) -> String {
    match target.resource.tags.expires_at() {
        None => UNKNOWN.to_owned(),
        Some(expires) if expires <= now => format!("{} ago", age(Some(expires), now)),
        Some(expires) => until(expires, now),
    }
}

/// Whether it was changed since its deploy.
fn drift(target: &TargetStatus) -> &'static str {
    match target.changed_outside {
        Some(true) => "changed",
        Some(false) => "none",
        None => UNKNOWN,
    }
}

fn urls(target: &TargetStatus) -> String {
    if target.urls.is_empty() {
        return UNKNOWN.to_owned();
    }
    let shown = target.urls.iter().map(|(url, answer)| format!("{url} ({})", answer.describe()));
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::survey::testing::{now, survey};
    use super::show;

    #[test]
    fn table_has_a_row_for_each_container() {
        insta::assert_snapshot!(show(&survey(), now(), None));
    }

    #[test]
    fn table_of_the_repository_names_plan_environment_and_pull_request() {
        let mut survey = survey();
        survey.is_of_repository = true;
        survey.services.retain(|service| service.target.is_some());
        insta::assert_snapshot!(show(&survey, now(), None));
    }

    #[test]
    fn table_of_a_narrow_terminal_has_its_urls_below() {
        insta::assert_snapshot!(show(&survey(), now(), Some(80)));
    }

    #[test]
    fn nothing_deployed_is_said() {
        let mut survey = survey();
        survey.services.clear();
        assert_eq!(show(&survey, now(), None), "nothing is deployed");
    }
}
