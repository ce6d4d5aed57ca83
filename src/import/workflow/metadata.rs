//! The tags of docker/metadata-action.

use super::scope::{Fact, PLAN_MARK};
use crate::import::plan::PlanBuilder;

/// What the action makes by default, without the `nightly` of a schedule, which few workflows
/// have.
const DEFAULT: [&str; 3] = ["type=ref,event=branch", "type=ref,event=tag", "type=ref,event=pr"];

/// A tag as a text of the workflow with expressions of the plan, or a note.
pub fn tags(entries: &[&str], flavor: &str, line: usize, plan: &mut PlanBuilder) -> Vec<String> {
    let entries = if entries.is_empty() { &DEFAULT[..] } else { entries };
    let mut tags: Vec<String> = Vec::new();
    let mut entries: Vec<Attributes<'_>> =
        entries.iter().map(|entry| Attributes::read(entry)).collect();
    // The first is the version, as the action has it.
    entries.sort_by_key(|attributes| std::cmp::Reverse(attributes.priority()));
    for attributes in &entries {
        let entry = attributes.entry;
        match attributes.tag() {
            Some(tag) if !tags.contains(&tag) => tags.push(tag),
            Some(_) => {}
            None => plan
                .needs_you(line, format!("the tag `{entry}` has no counterpart, and was left out")),
        }
    }
    let makes_latest =
        entries.iter().any(|it| it.entry.contains("semver") || it.entry.contains("event=tag"));
    if makes_latest && !flavor.contains("latest=false") {
        plan.changed(
            line,
            "`latest` is never implied: add it to `tags` where a version is to be it",
        );
    }
    tags
}

struct Attributes<'e> {
    entry: &'e str,
    kind: &'e str,
    pairs: Vec<(&'e str, &'e str)>,
}

fn plan_expression(expression: &str) -> String {
    Fact::Expression(expression.to_owned()).as_source()
}

impl<'e> Attributes<'e> {
    fn read(entry: &'e str) -> Self {
        let pairs = split_fields(entry).into_iter().filter_map(|field| field.split_once('='));
        let pairs: Vec<_> =
            pairs.map(|(name, value)| (name.trim(), value.trim().trim_matches('"'))).collect();
        let kind = pairs.iter().find(|(name, _)| *name == "type").map_or("raw", |(_, value)| value);
        Self { entry, kind, pairs }
    }

    fn get(&self, name: &str) -> Option<&'e str> {
        self.pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn priority(&self) -> u32 {
        let own = self.get("priority").and_then(|priority| priority.parse().ok());
        own.unwrap_or(match self.kind {
            "schedule" => 1000,
            "semver" | "pep440" => 900,
            "match" => 800,
            "edge" => 700,
            "ref" => 600,
            "sha" => 100,
            _ => 200,
        })
    }

    fn tag(&self) -> Option<String> {
        let is_version = matches!(self.kind, "semver" | "pep440");
        if is_version && (self.get("match").is_some() || self.get("value").is_some()) {
            return None;
        }
        let (default_prefix, value) = match (self.kind, self.get("event"), self.get("pattern")) {
            ("sha", ..) => (
                "sha-",
                plan_expression(match self.get("format") {
                    Some("long") => "git.sha",
                    _ => "git.short-sha",
                }),
            ),
            ("ref", Some("pr"), _) => ("", plan_expression("pr.tag")),
            ("ref", Some("tag"), _) => ("", plan_expression("git.tag")),
            ("ref", Some("branch"), _) => (
                "",
                plan_expression(
                    "github.event_name != 'pull_request' && github.ref_type == 'branch' && github.ref_name || ''",
                ),
            ),
            ("semver", _, Some(pattern)) => (
                "",
                plan_expression(match pattern.replace(' ', "").as_str() {
                    "{{version}}" => "git.version",
                    "{{major}}.{{minor}}" => "git.version-minor",
                    "{{major}}" => "git.version-major",
                    "{{raw}}" => "git.tag",
                    _ => return None,
                }),
            ),
            ("pep440", _, Some(pattern)) => (
                "",
                plan_expression(match pattern.replace(' ', "").as_str() {
                    "{{version}}" => "pep440(git.tag, 'version')",
                    "{{major}}.{{minor}}" => "pep440(git.tag, 'minor')",
                    "{{major}}" => "pep440(git.tag, 'major')",
                    "{{raw}}" => "git.tag",
                    _ => return None,
                }),
            ),
            ("match", _, Some(pattern)) => ("", self.matched(pattern)?),
            ("schedule", _, pattern) => ("", scheduled(pattern.unwrap_or("nightly"))?),
            ("raw", ..) => ("", self.raw()?),
            _ => return None,
        };
        let prefix = self.get("prefix").unwrap_or(default_prefix);
        let suffix = self.get("suffix").unwrap_or_default();
        if prefix.contains("{{") || suffix.contains("{{") {
            return None;
        }
        // An affix of an empty value would be a tag by itself.
        if (prefix.is_empty() && suffix.is_empty()) || self.kind == "sha" {
            return Some(format!("{prefix}{value}{suffix}"));
        }
        let inner = value.trim_start_matches("${{").trim_end_matches("}}").trim();
        let inner = inner.strip_prefix(PLAN_MARK)?;
        Some(plan_expression(&format!("{inner} && format('{prefix}{{0}}{suffix}', {inner}) || ''")))
    }

    /// Of several groups only the first can be named.
    fn matched(&self, pattern: &str) -> Option<String> {
        let (pattern, flags) = match pattern.strip_prefix('/') {
            Some(rest) => rest.rsplit_once('/')?,
            None => (pattern, ""),
        };
        let flags = match flags {
            "" => "",
            "i" => "(?i)",
            _ => return None,
        };
        // `match` gives the first group if there is one, and the action the whole match
        // unless a group is named.
        let has_group = pattern.contains('(');
        let pattern = match self.get("group") {
            None | Some("0") if has_group => format!("({pattern})"),
            None | Some("0" | "1") => pattern.to_owned(),
            Some(_) => return None,
        };
        let pattern = pattern.replace('\'', "''");
        Some(plan_expression(&format!("match(git.tag, '{flags}{pattern}')")))
    }

    fn raw(&self) -> Option<String> {
        let value = self.get("value").or_else(|| self.pairs.is_empty().then_some(""))?;
        if let (Some(date), None | Some("true")) = (dated(value), self.get("enable")) {
            return Some(plan_expression(&date));
        }
        if value.contains("{{") && !value.contains("${{") {
            return None;
        }
        match self.get("enable") {
            None | Some("true") => Some(value.to_owned()),
            Some("{{is_default_branch}}") => Some(plan_expression(&format!(
                "github.ref == format('refs/heads/{{0}}', github.event.repository.default_branch) && '{value}' || ''"
            ))),
            Some(condition) => {
                let inner = condition.strip_prefix("${{").and_then(|it| it.strip_suffix("}}"))?;
                Some(format!("${{{{ {} && '{value}' || '' }}}}", inner.trim()))
            }
        }
    }
}

/// The tag of a schedule, which is empty on other events.
fn scheduled(pattern: &str) -> Option<String> {
    let tag = match dated(pattern) {
        Some(date) => date,
        None if pattern.contains("{{") => return None,
        None => format!("'{}'", pattern.replace('\'', "''")),
    };
    Some(plan_expression(&format!("github.event_name == 'schedule' && {tag} || ''")))
}

/// The call that gives what `{{date 'YYYYMMDD'}}` or `{{commit_date 'YYYYMMDD'}}` does, in UTC.
fn dated(template: &str) -> Option<String> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let (time, rest) = match inner.split_once(' ')? {
        ("date", rest) => ("run.started", rest),
        ("commit_date", rest) => ("git.commit-time", rest),
        _ => return None,
    };
    let (format, zone) = rest.trim().strip_prefix('\'')?.split_once('\'')?;
    if !["", "tz='UTC'"].contains(&zone.trim()) {
        return None;
    }
    Some(format!("date({time}, '{}')", strftime_of(format)?))
}

/// The tokens of moment.js that names of tags have, and those of `strftime`.
const MOMENT: [(&str, &str); 8] = [
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH", "%H"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("X", "%s"),
];

/// A format of moment.js as one of `strftime`; `None` where a letter is another token.
fn strftime_of(format: &str) -> Option<String> {
    let mut made = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if let Some((token, ours)) = MOMENT.iter().find(|(token, _)| rest.starts_with(token)) {
            made.push_str(ours);
            rest = &rest[token.len()..];
        } else if first.is_ascii_alphabetic() || "[]%'".contains(first) {
            return None;
        } else {
            made.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    Some(made)
}

/// The fields between commas outside of quotes and expressions.
fn split_fields(entry: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let (mut start, mut depth, mut quoted) = (0, 0_u32, false);
    for (at, letter) in entry.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '"' => quoted = !quoted,
            ',' if depth == 0 && !quoted => {
                fields.push(&entry[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(&entry[start..]);
    fields
}

/// The items of a list, one a line or between commas outside of expressions.
pub fn list(text: &str) -> Vec<&str> {
    let items = text.lines().flat_map(split_fields).map(str::trim);
    items.filter(|item| !item.is_empty() && !item.starts_with('#')).collect()
}

/// The lines of a list whose items may hold commas.
pub fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[cfg(test)]
mod tests {
    use super::dated;

    #[test]
    fn dates_are_those_of_the_run_and_of_the_commit() {
        #[track_caller]
        fn case(template: &str, expected: Option<&str>) {
            assert_eq!(dated(template).as_deref(), expected, "{template}");
        }
        case("{{date 'YYYYMMDD'}}", Some("date(run.started, '%Y%m%d')"));
        case("{{ date 'YY.MM.DD-HHmmss' tz='UTC' }}", Some("date(run.started, '%y.%m.%d-%H%M%S')"));
        case("{{commit_date 'X'}}", Some("date(git.commit-time, '%s')"));
        // Another zone, and tokens for which there is no name.
        case("{{date 'YYYYMMDD' tz='Asia/Tokyo'}}", None);
        case("{{date 'dddd'}}", None);
        case("{{date '[v]YYYY'}}", None);
        case("{{branch}}", None);
        case("nightly", None);
    }
}
