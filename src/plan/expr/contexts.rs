//! What an expression may name, as data: contexts with their phases and members,
//! the outputs of each action, and what of all that is untrusted.
//!
//! `check`, the schema and the reference are made from these tables, so that
//! what is documented is what is enforced.

use super::syntax::Segment;

/// From when on a context has a value. An expression sees only contexts of earlier
/// phases.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// What the process reads when it starts.
    Start,
    /// The environment is chosen, by the `if` of each.
    Environment,
    /// The variables have their values.
    Variables,
    /// The secrets have been read.
    Secrets,
    /// Earlier steps have run.
    Steps,
}

impl Phase {
    /// In words that fit after "it is there".
    pub fn describe(self) -> &'static str {
        match self {
            Self::Start => "from the start",
            Self::Environment | Self::Variables => "once the environment is chosen",
            Self::Secrets => "once the secrets are read",
            Self::Steps => "in steps, after the step it names",
        }
    }
}

/// The names that a context has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Members {
    /// Exactly these; another is a mistake.
    Closed(&'static [&'static str]),
    /// Whatever the plan declares: variables, secrets, steps, services.
    Declared,
    /// Any; a missing one is empty.
    Open,
}

/// A name that an expression may begin with.
#[derive(Debug)]
pub struct Context {
    pub name: &'static str,
    pub phase: Phase,
    pub members: Members,
    /// Its meaning, for the reference.
    pub about: &'static str,
}

/// All contexts, by phase.
pub const CONTEXTS: [Context; 10] = [
    Context {
        name: "env",
        phase: Phase::Start,
        members: Members::Open,
        about: "the variables of the process, under the plan's `env`",
    },
    Context {
        name: "git",
        phase: Phase::Start,
        members: Members::Closed(&[
            "sha",
            "short-sha",
            "branch",
            "branch-slug",
            "tag",
            "version",
            "version-minor",
            "version-major",
            "version-latest",
            "dirty",
            "dirty-suffix",
            "commit-time",
            "remote",
        ]),
        about: "the commit that is built; in a pull request its head, not the merge commit",
    },
    Context {
        name: "github",
        phase: Phase::Start,
        members: Members::Closed(&[
            "event_name",
            "event",
            "event_path",
            "ref",
            "ref_name",
            "ref_type",
            "ref_protected",
            "head_ref",
            "base_ref",
            "sha",
            "actor",
            "actor_id",
            "triggering_actor",
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "retention_days",
            "run_id",
            "run_number",
            "run_attempt",
            "workflow",
            "workflow_ref",
            "workflow_sha",
            "job",
            "action",
            "action_path",
            "action_ref",
            "action_repository",
            "server_url",
            "api_url",
            "graphql_url",
            "workspace",
        ]),
        about: "as in GitHub Actions, without `token`; empty elsewhere",
    },
    Context {
        name: "pr",
        phase: Phase::Start,
        members: Members::Closed(&[
            "number",
            "head-sha",
            "branch",
            "base",
            "slug",
            "tag",
            "dns-label",
            "author",
            "fork",
        ]),
        about: "the pull request; empty where there is none",
    },
    Context {
        name: "run",
        phase: Phase::Start,
        members: Members::Closed(&["id", "started", "attempt", "dry-run"]),
        about: "this run of Shipway",
    },
    Context {
        name: "environment",
        phase: Phase::Variables,
        members: Members::Closed(&["name", "slug"]),
        about: "the chosen environment; empty where none was",
    },
    Context {
        name: "vars",
        phase: Phase::Variables,
        members: Members::Declared,
        about: "the plan's variables, under the environment's, under `--set`",
    },
    Context {
        name: "secrets",
        phase: Phase::Secrets,
        members: Members::Declared,
        about: "the secrets the plan declares",
    },
    Context {
        name: "steps",
        phase: Phase::Steps,
        members: Members::Declared,
        about: "earlier steps of the service: `steps.ID.outputs.NAME`, and as in GitHub Actions `steps.ID.outcome` and `steps.ID.conclusion`",
    },
    Context {
        name: "services",
        phase: Phase::Steps,
        members: Members::Declared,
        about: "services that this one needs: `services.NAME.outputs.NAME`",
    },
];

/// Members of closed contexts below which any name is accepted, as at GitHub.
const OPEN_MEMBERS: [(&str, &str); 1] = [("github", "event")];

/// Finds a context by its name, ignoring case.
pub fn context(name: &str) -> Option<&'static Context> {
    CONTEXTS.iter().find(|context| context.name.eq_ignore_ascii_case(name))
}

/// Whether any name is accepted below `context.member`.
pub fn is_open_member(context: &str, member: &str) -> bool {
    OPEN_MEMBERS
        .iter()
        .any(|(c, m)| c.eq_ignore_ascii_case(context) && m.eq_ignore_ascii_case(member))
}

/// Where an expression stands in a plan, which decides what contexts it sees.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Site {
    /// The `if` of an environment.
    EnvironmentCondition,
    /// Another setting of an environment, such as `ttl`.
    EnvironmentSetting,
    /// A value under `vars`, of the plan or of an environment.
    Variable,
    /// A value under the plan's own `env`.
    PlanEnv,
    /// A source of a secret.
    SecretSource,
    Azure,
    Registry,
    /// The host of a registry.
    RegistryName,
    /// The `if` of a step.
    StepCondition,
    /// Anything else in a step.
    Step,
}

impl Site {
    /// The latest phase whose contexts it sees.
    pub fn sees_until(self) -> Phase {
        match self {
            Self::EnvironmentCondition | Self::Variable => Phase::Start,
            Self::EnvironmentSetting | Self::SecretSource | Self::RegistryName => Phase::Variables,
            Self::PlanEnv | Self::Azure | Self::Registry => Phase::Secrets,
            Self::StepCondition | Self::Step => Phase::Steps,
        }
    }

    /// Whether a context is known here.
    pub fn sees(self, context: &Context) -> bool {
        context.phase <= self.sees_until()
    }

    /// The contexts that are known here.
    pub fn contexts(self) -> impl Iterator<Item = &'static Context> {
        CONTEXTS.iter().filter(move |context| self.sees(context))
    }

    /// Whether `success()`, `failure()`, `cancelled()` and `always()` may be called.
    pub fn has_status(self) -> bool {
        self == Self::StepCondition
    }
}

/// The outputs of an action.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outputs {
    pub action: &'static str,
    /// Open where a program chooses the names.
    pub names: Members,
}

/// The outputs of every action.
pub const OUTPUTS: [Outputs; 6] = [
    Outputs { action: "build", names: Members::Closed(&["image-id", "platform"]) },
    Outputs { action: "tag", names: Members::Closed(&["references"]) },
    Outputs {
        action: "push",
        names: Members::Closed(&[
            "digest",
            "image",
            "tags",
            "bytes-sent",
            "bytes-reused",
            "sbom",
            "provenance",
            "signature",
        ]),
    },
    Outputs {
        action: "deploy",
        names: Members::Closed(&["fqdn", "ip", "url", "urls", "resource-id", "image", "changed"]),
    },
    Outputs { action: "verify", names: Members::Closed(&["url", "status", "latency-ms"]) },
    Outputs { action: "run", names: Members::Open },
];

/// The actions whose last step gives a service its outputs, each over the one
/// before: `url` is the deployed one unless a verify followed.
pub const SERVICE_ACTIONS: [&str; 3] = ["push", "deploy", "verify"];

/// The outputs of an action, by its keyword.
pub fn outputs_of(action: &str) -> Option<Members> {
    OUTPUTS.iter().find(|outputs| outputs.action == action).map(|outputs| outputs.names)
}

/// The outputs of a service with actions of these keywords, in the order of the
/// table.
pub fn outputs_of_service<'a>(actions: impl IntoIterator<Item = &'a str>) -> Vec<&'static str> {
    let present: Vec<_> = actions.into_iter().collect();
    let mut names = Vec::new();
    for action in SERVICE_ACTIONS.iter().filter(|action| present.contains(action)) {
        if let Some(Members::Closed(outputs)) = outputs_of(action) {
            names.extend(outputs.iter().filter(|name| !names.contains(*name)).collect::<Vec<_>>());
        }
    }
    names
}

/// What people without write access can write: by opening a pull request, pushing
/// a branch or answering a request of a step. It must not reach a shell as text.
/// `*` is any one member; what lies below a path is included.
pub const UNTRUSTED: [&[&str]; 21] = [
    &["github", "event"],
    &["github", "head_ref"],
    &["github", "base_ref"],
    &["github", "ref"],
    &["github", "ref_name"],
    &["github", "actor"],
    &["github", "triggering_actor"],
    &["pr", "branch"],
    &["pr", "base"],
    &["pr", "author"],
    &["git", "branch"],
    &["git", "tag"],
    &["git", "remote"],
    &["steps", "*", "outputs"],
    &["services", "*", "outputs"],
    &["env", "GITHUB_HEAD_REF"],
    &["env", "GITHUB_BASE_REF"],
    &["env", "GITHUB_REF"],
    &["env", "GITHUB_REF_NAME"],
    &["env", "GITHUB_ACTOR"],
    &["env", "GITHUB_TRIGGERING_ACTOR"],
];

/// Whether a reference can bring text that others wrote: it lies below one of the
/// paths in [`UNTRUSTED`], or is a whole context that holds one.
pub fn is_untrusted(path: &[Segment]) -> bool {
    UNTRUSTED.iter().any(|untrusted| {
        path.iter().zip(*untrusted).all(|(segment, name)| match segment {
            Segment::Name(given) => *name == "*" || given.eq_ignore_ascii_case(name),
            Segment::Index(_) | Segment::Any | Segment::Computed => true,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{
        CONTEXTS, Members, Phase, Site, context, is_open_member, is_untrusted, outputs_of,
    };
    use crate::plan::expr::references;

    #[test]
    fn what_each_place_sees() {
        let seen =
            |site: Site| site.contexts().map(|context| context.name).collect::<Vec<_>>().join(" ");
        assert_eq!(seen(Site::EnvironmentCondition), "env git github pr run");
        assert_eq!(seen(Site::Variable), "env git github pr run");
        assert_eq!(seen(Site::SecretSource), "env git github pr run environment vars");
        assert_eq!(seen(Site::EnvironmentSetting), "env git github pr run environment vars");
        for site in [Site::PlanEnv, Site::Azure, Site::Registry] {
            assert_eq!(seen(site), "env git github pr run environment vars secrets");
        }
        for site in [Site::Step, Site::StepCondition] {
            assert_eq!(seen(site), "env git github pr run environment vars secrets steps services");
        }
    }

    #[test]
    fn contexts_stand_in_the_order_of_their_phases() {
        assert!(CONTEXTS.is_sorted_by_key(|context| context.phase));
        assert_eq!(context("GitHub").map(|context| context.phase), Some(Phase::Start));
        assert!(context("runner").is_none());
        assert!(is_open_member("github", "EVENT"));
        assert!(!is_open_member("github", "sha"));
    }

    #[test]
    fn every_action_has_outputs() {
        assert_eq!(outputs_of("run"), Some(Members::Open));
        assert_eq!(outputs_of("verify"), Some(Members::Closed(&["url", "status", "latency-ms"])));
        assert_eq!(outputs_of("sweep"), None);
    }

    #[test]
    fn what_others_can_write() {
        #[track_caller]
        fn case(source: &str, expected: bool) {
            let found = references(source, 0).expect("is an expression");
            assert_eq!(is_untrusted(&found[0].path), expected, "{source}");
        }
        for source in [
            "github",
            "github.event",
            "github.event.pull_request.title",
            "GITHUB['Head_Ref']",
            "github[vars.x]",
            "pr.*",
            "pr.branch",
            "git.tag",
            "steps.push.outputs.digest",
            "steps[vars.x]",
            "services.web.outputs.url",
            "env.GITHUB_HEAD_REF",
        ] {
            case(source, true);
        }
        for source in
            ["github.sha", "pr.number", "pr.slug", "git.sha", "env.HOME", "vars.x", "run.id"]
        {
            case(source, false);
        }
    }
}
