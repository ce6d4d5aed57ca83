//! Command lines that messages name, with the options that make them mean the same plan,
//! environment and cloud as the command that prints them.

use std::fmt::Write as _;

/// The commands that messages complete, and the options that each of them has.
const COMMANDS: [(&str, &[&str]); 13] = [
    ("run", &["PLAN", "env", "pr", "cloud", "state-dir"]),
    ("dry-run", &["PLAN", "env", "pr", "cloud", "state-dir"]),
    ("plan", &["PLAN", "env", "pr", "cloud", "state-dir"]),
    ("preview", &["PLAN", "env", "pr", "cloud", "state-dir"]),
    ("check", &["PLAN"]),
    ("down", &["PLAN", "env", "pr", "cloud"]),
    ("logs", &["plan", "env", "pr", "cloud"]),
    ("exec", &["plan", "env", "pr", "cloud"]),
    ("open", &["plan", "env", "pr", "cloud"]),
    ("status", &["plan", "env", "pr", "cloud"]),
    ("rollback", &["plan", "env", "pr", "cloud", "state-dir"]),
    ("resume", &["plan", "state-dir"]),
    ("report", &["plan", "state-dir"]),
];

/// The plan's file of commands that name none.
const DEFAULT_PLAN: &str = "shipway.yml";

/// What a command was called with. An absent value is the default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CommandContext {
    /// The plan's file.
    pub plan: Option<String>,
    pub env: Option<String>,
    /// The number of the pull request.
    pub pr: Option<u64>,
    /// The file that describes a local cloud.
    pub cloud: Option<String>,
    pub state_dir: Option<String>,
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
            let is_given = own.split(' ').any(|word| word.strip_prefix("--") == Some(option));
            let Some(value) = self.value(option).filter(|_| !is_given) else { continue };
            let value = quoted(&value);
            match *option {
                // Its place is after the command, also where that has arguments of its own.
                "PLAN" => line.insert_str(name.len(), &format!(" {value}")),
                option => write!(line, " --{option} {value}").unwrap_or_default(),
            }
        }
        line + rest
    }

    fn value(&self, option: &str) -> Option<String> {
        match option {
            "PLAN" | "plan" => self.plan.clone().filter(|plan| plan != DEFAULT_PLAN),
            "env" => self.env.clone(),
            "pr" => self.pr.map(|number| number.to_string()),
            "cloud" => self.cloud.clone(),
            "state-dir" => self.state_dir.clone(),
            _ => None,
        }
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
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
    fn defaults_add_nothing() {
        let context = CommandContext { plan: Some("shipway.yml".into()), ..Default::default() };
        let message = "`shipway logs web` shows more";
        assert_eq!(context.complete(message), message);
    }
}
