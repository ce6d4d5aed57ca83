//! Which deploys of a service its `verify` steps ask.

use super::expr::{Segment, references};
use super::schema::{Action, Service, Text, Verify};

/// What a `verify` asks, as far as the plan alone says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum AskedDeploy {
    /// What was deployed last before it: it names a path or a port.
    Last,
    /// What these deploys of its service deployed: its address has their outputs.
    Named(Vec<String>),
    /// An address that may be that of any deploy, such as a domain of the user's own.
    #[default]
    Unknown,
}

impl AskedDeploy {
    pub fn of(service: &Service, verify: &Verify) -> Self {
        if verify.asks_deployed() {
            return Self::Last;
        }
        let mut asked = verify.probe.addresses().iter().map(|text| Self::of_address(service, text));
        let Some(first) = asked.next() else { return Self::Last };
        // Any address of a list may be the one that answers.
        if asked.all(|other| other == first) { first } else { Self::Unknown }
    }

    /// What an address asks that is not a path or a port alone.
    fn of_address(service: &Service, text: &Text) -> Self {
        let mut deploys = Vec::new();
        for expression in text.expressions() {
            for found in references(&expression.value, 0).unwrap_or_default() {
                let step = match found.path.get(1) {
                    _ if !found.context().eq_ignore_ascii_case("steps") => continue,
                    Some(Segment::Name(step)) => step,
                    _ => return Self::Unknown,
                };
                let is_named = |id: &str| id.eq_ignore_ascii_case(step);
                deploys.extend(service.deploys().filter(|(_, id)| is_named(id)).map(|(_, id)| id));
            }
        }
        match deploys.as_slice() {
            [] => Self::Unknown,
            named => Self::Named(named.iter().map(|&id| id.to_owned()).collect()),
        }
    }

    /// Whether it asks what the deploy of this id deployed. `is_last` says that no later
    /// deploy stands before the `verify`.
    pub fn is_of(&self, deploy: &str, is_last: bool) -> bool {
        match self {
            Self::Last | Self::Unknown => is_last,
            Self::Named(named) => named.iter().any(|id| id == deploy),
        }
    }

    /// The same, if an address of which it is not known whose it is may be that of any
    /// earlier deploy.
    pub fn may_be_of(&self, deploy: &str, is_last: bool) -> bool {
        *self == Self::Unknown || self.is_of(deploy, is_last)
    }
}

impl Service {
    /// The place and the id of each deploy.
    pub fn deploys(&self) -> impl Iterator<Item = (usize, &str)> {
        let steps = self.steps.iter().enumerate();
        let deploys = steps.filter(|(_, step)| matches!(step.action, Action::Deploy(_)));
        deploys.map(|(place, step)| (place, step.id.value.as_str()))
    }

    /// The place of each `verify`, and what it asks.
    pub fn checks(&self) -> impl DoubleEndedIterator<Item = (usize, AskedDeploy)> {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(|(place, step)| match &step.action {
            Action::Verify(verify) => Some((place, AskedDeploy::of(self, verify))),
            Action::Build(_)
            | Action::Tag(_)
            | Action::Push(_)
            | Action::Deploy(_)
            | Action::Run(_) => None,
        })
    }
}
