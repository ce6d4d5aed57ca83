//! Decides which previews go. What is not known stays.

use super::states::{BranchState, PullState, States};
use crate::cli::columns::age;
use crate::cli::removal::resource::{ListedResource, TaggedResource};
use jiff::Timestamp;

/// What a sweep is about.
#[derive(Clone, Debug, Default)]
pub struct SweepFilter {
    /// Only what this plan deployed.
    pub plan: Option<String>,
    /// The environments of that plan that are protected, which are never swept.
    pub protected: Vec<String>,
    /// How many resources may be removed.
    pub max: usize,
}

/// Whether a resource is a preview: it belongs to a pull request, or may live for a
/// time only.
pub fn is_preview(resource: &TaggedResource) -> bool {
    resource.tags.pull_request.is_some() || resource.tags.expires.is_some()
}

/// The previews, and why each goes or stays; those that go first, the oldest of them
/// first.
pub fn decide_all(
    resources: &[TaggedResource],
    filter: &SweepFilter,
    states: &States,
    now: Timestamp,
) -> Vec<ListedResource> {
    let own = |resource: &&TaggedResource| {
        is_preview(resource) && filter.plan.as_ref().is_none_or(|plan| resource.tags.plan == *plan)
    };
    let mut listed: Vec<ListedResource> = resources
        .iter()
        .filter(own)
        .map(|resource| {
            let (goes, why) = decide(resource, filter, states, now);
            ListedResource { resource: resource.clone(), goes, why }
        })
        .collect();
    listed.sort_by(|one, other| {
        let key = |it: &ListedResource| {
            (!it.goes, it.resource.tags.deployed_at(), it.resource.id.clone())
        };
        key(one).cmp(&key(other))
    });
    for one in listed.iter_mut().filter(|one| one.goes).skip(filter.max) {
        one.goes = false;
        one.why = format!("{}, and `--max {}` others go first", one.why, filter.max);
    }
    listed
}

/// Whether a resource goes, and why.
fn decide(
    resource: &TaggedResource,
    filter: &SweepFilter,
    states: &States,
    now: Timestamp,
) -> (bool, String) {
    let tags = &resource.tags;
    let keep = |why: String| (false, why);
    if let Some(name) = tags.environment.as_ref().filter(|name| filter.protected.contains(*name)) {
        return keep(format!("`{name}` is protected"));
    }
    let expires = match tags.expires.as_deref().map(str::parse::<Timestamp>) {
        None => None,
        Some(Ok(time)) => Some(time),
        Some(Err(_)) => {
            let text = tags.expires.as_deref().unwrap_or_default();
            return keep(format!("the tag `shipway-expires` is no time: `{text}`"));
        }
    };
    if let Some(text) = tags.pull_request.as_ref().filter(|_| resource.pull_request().is_none()) {
        return keep(format!("the tag `shipway-pull-request` is no number: `{text}`"));
    }
    if let Some(change) = &resource.changing {
        return keep(format!("it is being changed: {change}"));
    }
    let source = source(resource, states, now);
    match (expires, &source) {
        (_, Source::Gone(why)) => (true, why.clone()),
        (Some(time), source) if time <= now => {
            let and = source.told().map(|told| format!(", {told}")).unwrap_or_default();
            (true, format!("expired {} ago{and}", age(Some(time), now)))
        }
        (_, Source::Unknown(why)) => keep(why.clone()),
        (Some(time), source) => {
            let told = source.told().map(|told| format!("{told}, ")).unwrap_or_default();
            keep(format!("{told}expires in {}", age(Some(now), time)))
        }
        (None, source) => keep(source.told().unwrap_or("nothing ends it").to_owned()),
    }
}

/// What a preview was deployed from.
enum Source {
    /// It is there.
    There(String),
    Gone(String),
    Unknown(String),
    /// It has neither pull request nor branch.
    Nothing,
}

impl Source {
    fn told(&self) -> Option<&str> {
        match self {
            Self::There(text) | Self::Gone(text) | Self::Unknown(text) => Some(text),
            Self::Nothing => None,
        }
    }
}

fn source(resource: &TaggedResource, states: &States, now: Timestamp) -> Source {
    if let Some(number) = resource.pull_request() {
        return match states.pulls.get(&number) {
            Some(PullState::Open) => Source::There(format!("pull request {number} is open")),
            Some(PullState::Closed { at, merged }) => {
                let how = if *merged { "merged" } else { "closed" };
                let since = at.map(|at| format!(" {} ago", age(Some(at), now)));
                let since = since.unwrap_or_default();
                Source::Gone(format!("pull request {number} was {how}{since}"))
            }
            Some(PullState::Unknown(why)) => {
                Source::Unknown(format!("the state of pull request {number} is not known: {why}"))
            }
            None => Source::Unknown(format!("the state of pull request {number} is not known")),
        };
    }
    let Some(branch) = &resource.tags.branch else { return Source::Nothing };
    match states.branches.get(branch) {
        Some(BranchState::Exists) => Source::There(format!("branch `{branch}` exists")),
        Some(BranchState::Gone) => Source::Gone(format!("branch `{branch}` is gone")),
        Some(BranchState::Unknown(why)) => {
            Source::Unknown(format!("the state of branch `{branch}` is not known: {why}"))
        }
        None => Source::Unknown(format!("the state of branch `{branch}` is not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::{BranchState, PullState, States, SweepFilter, decide_all};
    use crate::cli::removal::resource::TaggedResource;
    use crate::cli::removal::resource::testing::resource;
    use crate::run::perform::ResourceTags;
    use jiff::Timestamp;

    fn now() -> Timestamp {
        "2026-01-03T12:00:00Z".parse().expect("a time")
    }

    const PAST: &str = "2026-01-03T08:30:00Z";
    const FUTURE: &str = "2026-01-03T17:30:00Z";

    fn states() -> States {
        let closed = |at: &str, merged| PullState::Closed { at: at.parse().ok(), merged };
        States {
            pulls: [
                (7, closed("2026-01-01T10:00:00Z", false)),
                (8, closed("2026-01-03T11:00:00Z", true)),
                (9, PullState::Open),
                (11, PullState::Unknown("GitHub answered 404".into())),
            ]
            .into(),
            branches: [
                ("gone".to_owned(), BranchState::Gone),
                ("topic".to_owned(), BranchState::Exists),
                ("dark".to_owned(), BranchState::Unknown("GitHub answered 403".into())),
            ]
            .into(),
        }
    }

    fn tagged(change: impl FnOnce(&mut ResourceTags)) -> TaggedResource {
        let mut resource = resource("g");
        change(&mut resource.tags);
        resource
    }

    fn pull(number: u64, expires: Option<&str>) -> TaggedResource {
        tagged(|tags| {
            tags.pull_request = Some(number.to_string());
            tags.expires = expires.map(str::to_owned);
        })
    }

    fn branch(name: &str, expires: &str) -> TaggedResource {
        tagged(|tags| {
            tags.branch = Some(name.to_owned());
            tags.expires = Some(expires.to_owned());
        })
    }

    fn decided(resource: TaggedResource) -> String {
        let filter = SweepFilter { max: 20, ..SweepFilter::default() };
        let listed = decide_all(&[resource], &filter, &states(), now());
        let line = listed
            .iter()
            .map(|one| format!("{} {}", if one.goes { "remove:" } else { "keep:" }, one.why));
        line.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_closed_pull_request_goes() {
        assert_eq!(decided(pull(7, Some(FUTURE))), "remove: pull request 7 was closed 2d ago");
        assert_eq!(decided(pull(8, None)), "remove: pull request 8 was merged 1h ago");
    }

    #[test]
    fn an_expired_preview_goes_whatever_its_pull_request_is() {
        assert_eq!(decided(pull(9, Some(PAST))), "remove: expired 3h ago, pull request 9 is open");
        assert_eq!(
            decided(pull(11, Some(PAST))),
            "remove: expired 3h ago, the state of pull request 11 is not known: GitHub answered 404"
        );
        assert_eq!(
            decided(tagged(|tags| tags.expires = Some(PAST.into()))),
            "remove: expired 3h ago"
        );
    }

    #[test]
    fn a_preview_goes_with_its_branch() {
        assert_eq!(decided(branch("gone", FUTURE)), "remove: branch `gone` is gone");
        assert_eq!(decided(branch("topic", FUTURE)), "keep: branch `topic` exists, expires in 5h");
    }

    #[test]
    fn what_is_unknown_stays() {
        assert_eq!(
            decided(pull(11, Some(FUTURE))),
            "keep: the state of pull request 11 is not known: GitHub answered 404"
        );
        assert_eq!(decided(pull(12, None)), "keep: the state of pull request 12 is not known");
        assert_eq!(
            decided(branch("dark", FUTURE)),
            "keep: the state of branch `dark` is not known: GitHub answered 403"
        );
        assert_eq!(
            decided(pull(7, Some("soon"))),
            "keep: the tag `shipway-expires` is no time: `soon`"
        );
        assert_eq!(
            decided(tagged(|tags| tags.pull_request = Some("seven".into()))),
            "keep: the tag `shipway-pull-request` is no number: `seven`"
        );
    }

    #[test]
    fn a_resource_that_is_being_changed_stays() {
        let mut changing = pull(7, None);
        changing.changing = Some("Creating".into());
        assert_eq!(decided(changing), "keep: it is being changed: Creating");
    }

    #[test]
    fn what_is_no_preview_is_not_listed() {
        // A branch alone does not make a preview: production is deployed from one too.
        assert_eq!(decided(tagged(|tags| tags.branch = Some("gone".into()))), "");
        assert_eq!(decided(pull(9, None)), "keep: pull request 9 is open");
    }

    #[test]
    fn a_plan_limits_the_sweep_and_protects_its_environments() {
        let filter =
            SweepFilter { plan: Some("shop".into()), protected: vec!["preview".into()], max: 20 };
        let mut other = pull(7, None);
        other.tags.plan = "other".into();
        let listed = decide_all(&[pull(7, None), other], &filter, &states(), now());
        let listed: Vec<_> = listed.iter().map(|one| (one.goes, one.why.as_str())).collect();
        assert_eq!(listed, [(false, "`preview` is protected")]);
    }

    #[test]
    fn the_oldest_go_first_up_to_a_limit() {
        let aged = |name: &str, run: &str| {
            let mut resource = pull(7, None);
            resource.id.name = name.into();
            resource.tags.run = run.into();
            resource
        };
        let resources = [
            aged("new", "01kdt4eyg2000000000000000a"),
            aged("old", "01kdt4eyg0000000000000000a"),
            aged("middle", "01kdt4eyg1000000000000000a"),
        ];
        let filter = SweepFilter { max: 2, ..SweepFilter::default() };
        let listed = decide_all(&resources, &filter, &states(), now());
        let listed: Vec<_> =
            listed.iter().map(|one| (one.resource.id.name.as_str(), one.goes)).collect();
        assert_eq!(listed, [("old", true), ("middle", true), ("new", false)]);
    }
}
