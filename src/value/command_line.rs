//! Command lines that messages name, with the options that make them mean the same plan,
//! environment and cloud as the command that prints them.

use std::fmt::Write as _;

/// What all commands that make a run take beside their plan.
const OF_RUNS: &[&str] =
    &["PLAN", "env", "set", "event", "pr", "comment-key", "cloud", "state-dir"];
/// What commands take that look at what is deployed.
const OF_DEPLOYED: &[&str] = &["plan", "env", "set", "pr", "cloud"];

/// The commands that messages complete, and the options that each of them has.
const COMMANDS: [(&str, &[&str]); 16] = [
    ("run", OF_RUNS),
    ("dry-run", OF_RUNS),
    ("plan", OF_RUNS),
    ("preview", OF_RUNS),
    ("check", &["PLAN"]),
    ("down", &["PLAN", "env", "set", "event", "pr", "comment-key", "cloud"]),
    ("logs", OF_DEPLOYED),
    ("exec", OF_DEPLOYED),
    ("open", OF_DEPLOYED),
    ("status", OF_DEPLOYED),
    ("rollback", &["plan", "env", "set", "event", "pr", "comment-key", "cloud", "state-dir"]),
    ("restart", &["plan", "env", "set", "pr", "cloud", "state-dir"]),
    ("resume", &["plan", "state-dir"]),
    ("report", &["plan", "state-dir"]),
    ("sweep", &["plan", "comment-key", "cloud"]),
    ("images", &["plan", "env", "set", "cloud"]),
];

/// The plan's file of commands that name none.
const DEFAULT_PLAN: &str = "shipway.yml";

/// What a command was called with. An absent value is the default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CommandContext {
    /// The plan's file.
    pub plan: Option<String>,
    pub env: Option<String>,
    /// Variables of the plan, each as `NAME=VALUE`.
    pub set: Vec<String>,
    /// A simulated event, or the file of its payload.
    pub event: Option<String>,
    /// The number of the pull request.
    pub pr: Option<u64>,
    pub comment_key: Option<String>,
    /// The file that describes a local cloud.
    pub cloud: Option<String>,
    pub state_dir: Option<String>,
    /// What a dry run alone has: the name of an option, and its value unless it has none.
    pub dry_run: Vec<(&'static str, Option<String>)>,
}

impl CommandContext {
    /// A message whose commands in backticks can be pasted: `shipway logs web` gets the options
    /// that this context has and the command takes.
    pub fn complete(&self, message: &str) -> String {
        let parts = message.split('`').enumerate();
        let parts = parts.map(|(at, part)| match part.strip_prefix("shipway ") {
            Some(command) if at % 2 == 1 => format!("shipway {}", self.line(command)),
            _ => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("`")
    }

    /// A command without its program, such as `logs web`, with its options.
    fn line(&self, command: &str) -> String {
        // What follows belongs to a program in a container.
        let (own, rest) = match command.find(" -- ") {
            Some(at) => command.split_at(at),
            None => (command, ""),
        };
        let name = own.split(' ').next().unwrap_or_default();
        let Some((_, options)) = COMMANDS.iter().find(|(known, _)| *known == name) else {
            return command.to_owned();
        };
        let mut line = own.to_owned();
        for option in *options {
            for value in self.values(option) {
                let value = quoted(&value);
                match *option {
                    // Its place is after the command, also where that has arguments of its own.
                    "PLAN" => add_plan(&mut line, name, &value),
                    option => add(&mut line, own, option, Some(&value)),
                }
            }
        }
        for (option, value) in self.dry_run.iter().filter(|_| name == "dry-run") {
            add(&mut line, own, option, value.as_deref().map(quoted).as_deref());
        }
        line + rest
    }

    fn values(&self, option: &str) -> Vec<String> {
        let one = match option {
            "set" => return self.set.clone(),
            "PLAN" | "plan" => self.plan.clone().filter(|plan| plan != DEFAULT_PLAN),
            "env" => self.env.clone(),
            "event" => self.event.clone(),
            "pr" => self.pr.map(|number| number.to_string()),
            "comment-key" => self.comment_key.clone(),
            "cloud" => self.cloud.clone(),
            "state-dir" => self.state_dir.clone(),
            _ => None,
        };
        one.into_iter().collect()
    }
}

/// Adds an option to a command, unless the command as it was written has it.
fn add(line: &mut String, written: &str, option: &str, value: Option<&str>) {
    if written.split(' ').any(|word| word.strip_prefix("--") == Some(option)) {
        return;
    }
    let value = value.map(|value| format!(" {value}")).unwrap_or_default();
    write!(line, " --{option}{value}").unwrap_or_default();
}

/// Adds the plan to a command, unless it is there.
fn add_plan(line: &mut String, name: &str, plan: &str) {
    let after = line[name.len()..].trim_start();
    if after != plan && !after.starts_with(&format!("{plan} ")) {
        line.insert_str(name.len(), &format!(" {plan}"));
    }
}

/// A word as a shell reads it.
pub fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The commands of messages with their options, for a comparison with the command line.
#[cfg(test)]
pub fn completed_commands() -> &'static [(&'static str, &'static [&'static str])] {
    &COMMANDS
}

#[cfg(test)]
mod tests {
    use super::CommandContext;

    #[test]
    fn commands_in_a_message_get_the_options_that_they_take() {
        let context = CommandContext {
            plan: Some("web/my plan.yml".into()),
            env: Some("staging".into()),
            pr: Some(7),
            cloud: Some("/tmp/cloud.json".into()),
            state_dir: Some("state".into()),
            ..CommandContext::default()
        };
        let case = |message: &str, expected: &str| assert_eq!(context.complete(message), expected);
        case(
            "`shipway logs web` shows what it wrote",
            "`shipway logs web --plan 'web/my plan.yml' --env staging --pr 7 --cloud /tmp/cloud.json` \
             shows what it wrote",
        );
        case(
            "`shipway run --env production` deploys it",
            "`shipway run 'web/my plan.yml' --env production --pr 7 --cloud /tmp/cloud.json \
             --state-dir state` deploys it",
        );
        case(
            "give `--env`, or `shipway resume 01jd`",
            "give `--env`, or `shipway resume 01jd --plan 'web/my plan.yml' --state-dir state`",
        );
        case(
            "`shipway exec web -- ls --env x`",
            "`shipway exec web --plan 'web/my plan.yml' --env staging --pr 7 --cloud \
             /tmp/cloud.json -- ls --env x`",
        );
        case("`shipway local stop FILE` ends it", "`shipway local stop FILE` ends it");
    }

    #[test]
    fn commands_get_what_only_some_of_them_take() {
        let context = CommandContext {
            set: vec!["cpu=2".into(), "label=my shop".into()],
            event: Some("push".into()),
            comment_key: Some("nightly".into()),
            dry_run: vec![("runtime", Some("built-in".into())), ("offline", None)],
            ..CommandContext::default()
        };
        let case = |message: &str, expected: &str| assert_eq!(context.complete(message), expected);
        case("`shipway status`", "`shipway status --set cpu=2 --set 'label=my shop'`");
        case("`shipway sweep --yes`", "`shipway sweep --yes --comment-key nightly`");
        case(
            "`shipway dry-run --keep`",
            "`shipway dry-run --keep --set cpu=2 --set 'label=my shop' --event push --comment-key \
             nightly --runtime built-in --offline`",
        );
    }

    #[test]
    fn a_completed_command_stays_as_it_is() {
        let context = CommandContext {
            plan: Some("web.yml".into()),
            env: Some("staging".into()),
            set: vec!["cpu=2".into()],
            dry_run: vec![("offline", None)],
            ..CommandContext::default()
        };
        let once = context.complete("`shipway dry-run --keep` and `shipway logs web`");
        assert_eq!(context.complete(&once), once);
    }

    #[test]
    fn defaults_add_nothing() {
        let context = CommandContext { plan: Some("shipway.yml".into()), ..Default::default() };
        let message = "`shipway logs web` shows more";
        assert_eq!(context.complete(message), message);
    }
}
