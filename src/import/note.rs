//! What an import tells beside the plan.

use std::fmt;

/// A remark about a line of what was imported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// Counted from 1; 0 where a note belongs to no line.
    pub line: usize,
    pub kind: NoteKind,
    pub text: String,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum NoteKind {
    /// It is done in another way, or is not needed.
    Changed,
    /// It became a `run` step.
    KeptAsRun,
    /// A person has to do something.
    NeedsYou,
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed",
            Self::KeptAsRun => "kept as `run`",
            Self::NeedsYou => "needs you",
        })
    }
}

/// Stored credentials of Azure are answered with a federated identity.
pub const OIDC: &str = "a stored credential of Azure is not needed: create an identity that trusts \
                        the repository by a federated credential, and pass `AZURE_CLIENT_ID`, \
                        `AZURE_TENANT_ID` and `AZURE_SUBSCRIPTION_ID` in the workflow's `env`";

pub const NAME_THE_REGISTRY: &str = "write the registry's host under `registries`, with \
                                     `pull: { identity: NAME }`: its name is known only to the \
                                     workflow";

/// What a deploy says whose image is not known.
pub const PLACEHOLDER_IMAGE: &str = "registry.azurecr.io/image:tag";

pub const NAME_THE_IMAGE: &str = "the image of the deploy is not known: \
                                  `registry.azurecr.io/image:tag` is a placeholder";

pub const NAME_THE_SUBNET: &str = "a private address needs a subnet: write it as `subnet`";
