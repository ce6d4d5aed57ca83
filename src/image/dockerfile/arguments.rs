//! The build arguments that a Dockerfile declares.

use super::native::{ParsedDockerfile, StepKind, split};

/// The names that `ARG` declares, before the first `FROM`, in any stage, or for an image that
/// is built upon this one. `None` for a Dockerfile that cannot be parsed, or whose frontend
/// takes other arguments.
pub fn declared_arguments(dockerfile: &str) -> Option<Vec<String>> {
    if has_other_frontend(dockerfile) {
        return None;
    }
    let parsed = ParsedDockerfile::read("", dockerfile).ok()?;
    let steps = parsed.globals.iter().chain(parsed.stages.iter().flat_map(|stage| &stage.steps));
    let mut names = Vec::new();
    for step in steps {
        let text = match &step.kind {
            StepKind::Arg(text) => text.as_str(),
            StepKind::Onbuild(text) => match text.split_once(char::is_whitespace) {
                Some((keyword, rest)) if keyword.eq_ignore_ascii_case("ARG") => rest,
                _ => continue,
            },
            _ => continue,
        };
        for word in split(text, parsed.escape) {
            names.push(word.split_once('=').map_or(word.as_str(), |(name, _)| name).to_owned());
        }
    }
    Some(names)
}

/// Whether a `# syntax=` names another frontend than that of Dockerfiles.
fn has_other_frontend(dockerfile: &str) -> bool {
    let comments = dockerfile.lines().map_while(|line| line.trim().strip_prefix('#'));
    let mut directives = comments.filter_map(|line| line.split_once('='));
    let syntax = directives.find(|(key, _)| key.trim().eq_ignore_ascii_case("syntax"));
    syntax.is_some_and(|(_, value)| !value.contains("docker/dockerfile"))
}

#[cfg(test)]
mod tests {
    use super::declared_arguments;

    #[test]
    fn arguments_of_all_stages_are_declared() {
        let text = "# syntax=docker/dockerfile:1\nARG BASE=a\nFROM $BASE AS one\nARG A B=\"x y\"\n\
                    FROM one\nONBUILD ARG C\nENV D=1\n";
        assert_eq!(declared_arguments(text).expect("known"), ["BASE", "A", "B", "C"]);
        assert_eq!(declared_arguments("# syntax=example.com/own\nFROM a\n"), None);
        assert_eq!(declared_arguments("FROM\n"), None);
    }
}
