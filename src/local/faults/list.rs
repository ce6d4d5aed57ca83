//! The faults that are set, and which of them a request meets.

use super::fault::{Effect, Fault};
use super::record::{FaultFile, FaultMet};
use super::rule::FaultRule;
use crate::local::files::FileError;
use crate::local::news::{News, Teller};
use http::Method;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The faults of one local cloud.
#[derive(Debug)]
pub struct Faults {
    inner: Mutex<Inner>,
    teller: Teller,
}

#[derive(Debug)]
struct Inner {
    set: Vec<SetFault>,
    /// Operations that end `Failed`, by their path in lower case.
    operations: BTreeMap<String, Failure>,
    /// Resources whose last change ended `Failed`, by their path in lower case.
    resources: BTreeMap<String, Failure>,
    file: FaultFile,
}

#[derive(Debug)]
struct SetFault {
    fault: Fault,
    /// How many requests it was asked about.
    seen: u32,
    /// How many requests met it.
    met: u32,
}

/// A fault as it stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FaultState {
    pub rule: String,
    /// How many requests met it.
    pub met: u32,
    /// How many of them it is for; `None` for every one.
    pub of: Option<u32>,
}

/// What a request meets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Meeting {
    pub(super) delay: Duration,
    pub(super) effect: Effect,
    pub(super) rule: String,
}

/// Why an operation failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) message: String,
}

impl SetFault {
    fn new(fault: Fault) -> Self {
        Self { fault, seen: 0, met: 0 }
    }

    fn is_left(&self) -> bool {
        self.fault.times.is_none_or(|times| self.met < times)
    }

    /// Counts a request. Whether it meets the fault.
    fn meets(&mut self) -> bool {
        self.seen = self.seen.saturating_add(1);
        let meets = self.seen > self.fault.after;
        self.met = self.met.saturating_add(u32::from(meets));
        meets
    }
}

impl Faults {
    /// Of those that a request could meet, the first counts.
    pub fn open(
        state: &Path,
        faults: impl IntoIterator<Item = Fault>,
        teller: Teller,
    ) -> Result<Self, FileError> {
        let inner = Inner {
            set: faults.into_iter().map(SetFault::new).collect(),
            operations: BTreeMap::new(),
            resources: BTreeMap::new(),
            file: FaultFile::open(state)?,
        };
        Ok(Self { inner: Mutex::new(inner), teller })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets more faults.
    pub fn add(&self, rules: &[FaultRule]) {
        let faults = rules.iter().map(|rule| SetFault::new(rule.fault().clone()));
        self.inner().set.extend(faults);
    }

    /// Removes all faults. Returns those that had not been met to their end.
    pub fn clear(&self) -> Vec<FaultState> {
        let left = self.left();
        self.inner().set.clear();
        left
    }

    /// Those that requests may still meet.
    pub fn left(&self) -> Vec<FaultState> {
        let inner = self.inner();
        let left = inner.set.iter().filter(|set| set.is_left());
        left.map(|set| FaultState {
            rule: set.fault.rule.clone(),
            met: set.met,
            of: set.fault.times,
        })
        .collect()
    }

    /// What a request meets, if anything. It is told and recorded before it is felt.
    pub(super) fn take(&self, method: &Method, host: &str, path: &str) -> Option<Meeting> {
        let (lower_host, lower_path) = (host.to_ascii_lowercase(), path.to_ascii_lowercase());
        let mut inner = self.inner();
        let set = inner.set.iter_mut().find(|set| {
            set.is_left() && set.fault.requests.have(method.as_str(), &lower_host, &lower_path)
        })?;
        if !set.meets() {
            return None;
        }
        let fault = &set.fault;
        let met = FaultMet {
            method: method.to_string(),
            host: host.to_owned(),
            path: path.to_owned(),
            rule: fault.rule.clone(),
            nth: set.met,
            of: fault.times,
        };
        let meeting =
            Meeting { delay: fault.delay, effect: fault.effect.clone(), rule: fault.rule.clone() };
        inner.file.add(&met);
        drop(inner);
        self.teller.tell(News::FaultMet(met));
        Some(meeting)
    }

    /// From now on an operation has failed, and with it the change of a resource.
    pub(super) fn fail(&self, operation: Option<&str>, resource: &str, failure: &Failure) {
        let mut inner = self.inner();
        inner.resources.insert(resource.to_ascii_lowercase(), failure.clone());
        if let Some(operation) = operation {
            inner.operations.insert(operation.to_ascii_lowercase(), failure.clone());
        }
    }

    /// Why the operation with this path failed.
    pub(super) fn failed_operation(&self, path: &str) -> Option<Failure> {
        self.inner().operations.get(&path.to_ascii_lowercase()).cloned()
    }

    /// Whether the last change of the resource with this path failed.
    pub(super) fn has_failed(&self, path: &str) -> bool {
        self.inner().resources.contains_key(&path.to_ascii_lowercase())
    }

    /// A resource is changed anew.
    pub(super) fn changed(&self, path: &str) {
        self.inner().resources.remove(&path.to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Effect;
    use super::super::record::FaultRecord;
    use super::super::{FaultRule, InjectedFault};
    use super::{FaultState, Faults};
    use crate::local::news::Teller;
    use http::Method;
    use tempfile::TempDir;

    fn folder() -> TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn injected(state: &TempDir, text: &str) -> Faults {
        let fault: InjectedFault = serde_json::from_str(text).expect("a fault");
        Faults::open(state.path(), [(&fault).into()], Teller::default()).expect("opened")
    }

    fn rules(state: &TempDir, rules: &[&str]) -> Faults {
        let faults = Faults::open(state.path(), [], Teller::default()).expect("opened");
        let rules = rules.iter().map(|rule| rule.parse().expect("a rule"));
        faults.add(&rules.collect::<Vec<FaultRule>>());
        faults
    }

    #[test]
    fn a_fault_is_used_the_given_number_of_times() {
        let state = folder();
        let text = r#"{"method": "put", "path-contains": "/containerGroups/", "status": 409,
                       "code": "ContainerGroupTransitioning", "times": 2, "retry-after": 1}"#;
        let faults = injected(&state, text);
        let take = |method, path: &str| faults.take(&method, "management.azure.com", path);

        assert!(take(Method::GET, "/containergroups/x").is_none());
        let meeting = take(Method::PUT, "/containergroups/x").expect("the first");
        let Effect::Answer(answer) = meeting.effect else { panic!("{meeting:?}") };
        assert_eq!((answer.status.as_u16(), answer.retry_after), (409, Some(1)));
        assert!(take(Method::PUT, "/containerGroups/y").is_some(), "the second");
        assert!(take(Method::PUT, "/containerGroups/y").is_none(), "no third");
    }

    #[test]
    fn path_that_goes_on_is_another() {
        let state = folder();
        let faults = injected(&state, r#"{"path-ends": "/registries", "status": 503}"#);
        let take = |path: &str| faults.take(&Method::GET, "demo.azurecr.io", path);

        assert!(take("/Registries/demo").is_none());
        assert!(take("/Registries").is_some());
    }

    #[test]
    fn requests_before_the_fault_are_answered() {
        let state = folder();
        let faults = injected(&state, r#"{"reset": true, "skip": 1}"#);
        let take = || faults.take(&Method::GET, "demo.azurecr.io", "/v2/");

        assert!(take().is_none(), "the first");
        assert_eq!(take().expect("the second").effect, Effect::Reset);
        assert!(take().is_none(), "the third");
    }

    #[test]
    fn every_request_meets_a_rule_without_an_end() {
        let state = folder();
        let faults = rules(&state, &["GET /v2/: 503"]);
        for _ in 0..3 {
            assert!(faults.take(&Method::GET, "demo.azurecr.io", "/v2/").is_some());
        }
        let left = FaultState { rule: "GET /v2/: 503".into(), met: 3, of: None };
        assert_eq!(faults.left(), [left]);
    }

    #[test]
    fn what_is_met_is_recorded_and_what_is_left_can_be_cleared() {
        let state = folder();
        let faults = rules(&state, &["/v2/: 503 x1", "/v2/: reset x2"]);
        let record = FaultRecord::of(state.path());
        for _ in 0..2 {
            assert!(faults.take(&Method::GET, "demo.azurecr.io", "/v2/").is_some());
        }

        let told: Vec<String> = record.unread().iter().map(ToString::to_string).collect();
        let expected = [
            "GET demo.azurecr.io/v2/ met `/v2/: 503 x1` (1 of 1)",
            "GET demo.azurecr.io/v2/ met `/v2/: reset x2` (1 of 2)",
        ];
        assert_eq!(told, expected);
        let left = FaultState { rule: "/v2/: reset x2".into(), met: 1, of: Some(2) };
        assert_eq!(faults.clear(), [left]);
        assert_eq!(faults.left(), []);
        assert!(faults.take(&Method::GET, "demo.azurecr.io", "/v2/").is_none());
    }
}
