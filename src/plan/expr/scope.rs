//! What an expression sees: contexts, the state of the run, files to hash.

use super::syntax::{ContextRef, Segment};
use super::value::{Object, Value};
use crate::secret::Redactor;
use std::fmt;
use std::sync::Arc;

/// Hashes the files that match patterns. Returns the digest in hexadecimal, empty
/// if no file matches; the error says why the files cannot be read.
pub type HashFiles = dyn Fn(&[String]) -> Result<String, String> + Send + Sync;

/// The state of a run that `success()`, `failure()` and `cancelled()` ask for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Status {
    /// All earlier steps succeeded.
    #[default]
    Success,
    /// An earlier step failed.
    Failure,
    /// The run is being cancelled.
    Cancelled,
}

/// The values that an expression sees. Cheap to clone, so that each step can have
/// its own.
#[derive(Clone, Default)]
pub struct Scope {
    contexts: Object,
    status: Status,
    hash_files: Option<Arc<HashFiles>>,
    redactor: Redactor,
    empty_because: Vec<(String, String)>,
}

impl Scope {
    /// A scope without contexts. Values derived from secrets are registered with
    /// the redactor.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, ..Self::default() }
    }

    /// Adds a context, or replaces it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.contexts.set(name, value);
        self
    }

    /// Sets the state of the run.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Sets how `hashFiles` hashes files.
    #[must_use]
    pub fn with_hash_files(mut self, hash_files: Arc<HashFiles>) -> Self {
        self.hash_files = Some(hash_files);
        self
    }

    /// Explains, for error messages, why the members of a context may be empty, or
    /// one of them: `git.tag`.
    #[must_use]
    pub fn with_reason(mut self, context: &str, reason: &str) -> Self {
        self.empty_because.push((context.to_owned(), reason.to_owned()));
        self
    }

    /// A context by its name.
    pub fn context(&self, name: &str) -> Option<&Value> {
        self.contexts.get(name)
    }

    /// The state of the run.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The redactor that derived secrets are registered with.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    pub(super) fn hash_files(&self) -> Option<&HashFiles> {
        self.hash_files.as_deref()
    }

    pub(super) fn reason(&self, found: &ContextRef) -> Option<&str> {
        let context = found.context();
        let member = match found.path.get(1) {
            Some(Segment::Name(name)) => format!("{context}.{name}"),
            Some(Segment::Index(_) | Segment::Any | Segment::Computed) | None => String::new(),
        };
        let fits =
            |name: &str| name.eq_ignore_ascii_case(context) || name.eq_ignore_ascii_case(&member);
        let found = self.empty_because.iter().find(|(name, _)| fits(name));
        found.map(|(_, reason)| reason.as_str())
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("contexts", &self.contexts)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
