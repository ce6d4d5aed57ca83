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
            ("edge", ..) => ("", self.edge()),
            ("schedule", _, pattern) => ("", scheduled(pattern.unwrap_or("nightly"))?),
            ("raw", ..) => ("", self.raw()?),
            _ => return None,
        };
        let prefix = self.get("prefix").unwrap_or(default_prefix);
        let suffix = self.get("suffix").unwrap_or_default();
        if prefix.contains("{{") || suffix.contains("{{") {
            let mut whole = Template::default();
            whole.push(prefix)?;
            whole.argument(
                value.strip_prefix("${{")?.strip_suffix("}}")?.trim().strip_prefix(PLAN_MARK)?,
            );
            whole.push(suffix)?;
            return Some(plan_expression(&whole.expression()));
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

    fn edge(&self) -> String {
        let branch = match self.get("branch") {
            Some(branch) => format!("'refs/heads/{}'", branch.replace('\'', "''")),
            None => "format('refs/heads/{0}', github.event.repository.default_branch)".to_owned(),
        };
        plan_expression(&format!("github.ref == {branch} && 'edge' || ''"))
    }

    fn raw(&self) -> Option<String> {
        let value = self.get("value").or_else(|| self.pairs.is_empty().then_some(""))?;
        if value.contains("{{") && !value.contains("${{") {
            let mut whole = Template::default();
            whole.push(value)?;
            let is_always = matches!(self.get("enable"), None | Some("true"));
            return is_always.then(|| plan_expression(&whole.expression()));
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
    let mut tag = Template::default();
    tag.push(pattern)?;
    tag.conditions.insert(0, "github.event_name == 'schedule'".to_owned());
    Some(plan_expression(&tag.expression()))
}

/// A text with expressions of handlebars, such as `{{branch}}-{{sha}}`, as the action has them.
#[derive(Default)]
struct Template {
    /// The template of `format`.
    text: String,
    arguments: Vec<String>,
    /// What has to hold, and not to be empty, for the tag to be there.
    conditions: Vec<String>,
}

impl Template {
    /// Appends a text. `None` if an expression has no counterpart.
    fn push(&mut self, text: &str) -> Option<()> {
        let mut rest = text;
        while let Some((literal, found)) = rest.split_once("{{") {
            let (inner, after) = found.split_once("}}")?;
            self.text.push_str(&literal.replace('\'', "''"));
            match inner.trim() {
                "sha" => self.argument("git.short-sha"),
                "branch" => self.optional("git.branch-slug"),
                "tag" => self.optional("git.tag"),
                "base_ref" => self.optional("github.base_ref"),
                date => self.argument(&dated(date)?),
            }
            rest = after;
        }
        self.text.push_str(&rest.replace('\'', "''"));
        Some(())
    }

    fn argument(&mut self, expression: &str) {
        let place = self.arguments.len();
        self.text.extend(["{", &place.to_string(), "}"]);
        self.arguments.push(expression.to_owned());
    }

    /// An argument that may be empty. The action makes a tag such as `-0a1b2c3` then.
    fn optional(&mut self, expression: &str) {
        self.conditions.push(expression.to_owned());
        self.argument(expression);
    }

    fn expression(&self) -> String {
        let value = match self.arguments.as_slice() {
            [] => format!("'{}'", self.text),
            [one] if self.text == "{0}" => one.clone(),
            all => format!("format('{}', {})", self.text, all.join(", ")),
        };
        // What stands alone is empty by itself.
        let conditions: Vec<&String> = self.conditions.iter().filter(|it| **it != value).collect();
        if conditions.is_empty() {
            return value;
        }
        let all: Vec<&str> = conditions.into_iter().map(String::as_str).collect();
        format!("{} && {value} || ''", all.join(" && "))
    }
}

/// The call that gives what `date 'YYYYMMDD'` or `commit_date 'YYYYMMDD'` does, in UTC.
fn dated(inner: &str) -> Option<String> {
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
    use super::{Attributes, PLAN_MARK};

    #[track_caller]
    fn case(entry: &str, expected: Option<&str>) {
        let tag = Attributes::read(entry).tag().map(|tag| tag.replacen(PLAN_MARK, "", 1));
        assert_eq!(tag.as_deref(), expected, "{entry}");
    }

    #[test]
    fn dates_are_those_of_the_run_and_of_the_commit() {
        let date = |template: &str, expected: Option<&str>| {
            let expected = expected.map(|it| format!("${{{{ {it} }}}}"));
            case(&format!("type=raw,value={template}"), expected.as_deref());
        };
        date("{{date 'YYYYMMDD'}}", Some("date(run.started, '%Y%m%d')"));
        let precise = "date(run.started, '%y.%m.%d-%H%M%S')";
        date("{{ date 'YY.MM.DD-HHmmss' tz='UTC' }}", Some(precise));
        date("{{commit_date 'X'}}", Some("date(git.commit-time, '%s')"));
        // Another zone, and tokens for which there is no name.
        date("{{date 'YYYYMMDD' tz='Asia/Tokyo'}}", None);
        date("{{date 'dddd'}}", None);
        date("{{date '[v]YYYY'}}", None);
        date("{{unknown}}", None);
        date("{{branch", None);
    }

    #[test]
    fn templates_are_calls_of_format() {
        let raw = "type=raw,value={{branch}}-{{sha}}-{{date 'YYYY'}}";
        let expected = "${{ git.branch-slug && format('{0}-{1}-{2}', git.branch-slug, \
                        git.short-sha, date(run.started, '%Y')) || '' }}";
        case(raw, Some(expected));
        case("type=raw,value={{tag}}", Some("${{ git.tag }}"));
        let branch =
            "${{ git.branch-slug && format('{0}-{1}', git.branch-slug, git.short-sha) || '' }}";
        case("type=sha,prefix={{branch}}-", Some(branch));
        let own = "${{ github.event_name == 'schedule' && format('own-{0}', date(run.started, '%d')) || '' }}";
        case("type=schedule,pattern=own-{{date 'DD'}}", Some(own));
        case("type=schedule", Some("${{ github.event_name == 'schedule' && 'nightly' || '' }}"));
    }

    #[test]
    fn edge_is_the_default_branch_or_another() {
        let default = "${{ github.ref == format('refs/heads/{0}', github.event.repository.default_branch) && 'edge' || '' }}";
        case("type=edge", Some(default));
        let dev = "${{ github.ref == 'refs/heads/dev' && 'edge' || '' }}";
        case("type=edge,branch=dev", Some(dev));
    }
}
