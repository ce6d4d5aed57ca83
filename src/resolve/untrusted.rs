//! Entry points for the fuzz targets: the payload of an event.

use super::event::{Event, EventOrigin, PullRequest, PullRequestQuery, github};
use super::git::Git;
use super::inputs::{HostEnvironment, ResolveInputs, ResolveRequest};
use super::resolved::Resolved;
use super::trigger::Trigger;
use crate::plan::read_bytes;
use crate::secret::Redactor;
use serde_json::Value;

/// Chooses environments by what GitHub sends, and makes names of it.
const PLAN: &str = "\
name: shop
azure: { resource-group: shop, location: westeurope }
vars: { label: 'shop-${{ pr.slug || git.branch-slug }}' }
environments:
  production:
    if: github.event_name == 'push' && github.ref == 'refs/heads/main'
    protected: true
  preview:
    if: github.event_name == 'pull_request'
    vars: { label: 'shop-${{ pr.slug }}', author: '${{ pr.author }}' }
  other: {}
steps:
  - build: .
  - tag: demo.azurecr.io/shop:${{ git.short-sha }}
  - push:
  - deploy: { aci: { name: shop, dns-label: '${{ vars.label }}', ports: [80] } }
  - verify: /
";

/// What becomes of an event.
#[derive(Debug)]
pub struct ResolvedEvent {
    /// The name of the chosen environment; the error says why there is none.
    pub environment: Result<Option<String>, String>,
    /// Whether the code is trusted, and whether steps may push and deploy.
    pub decision: String,
    /// What is asked of GitHub.
    pub query: String,
    /// Whether the state is read from the journal as it was written to it.
    pub is_read_back: bool,
}

/// Resolves an event with this payload. `ours` is one that started the workflow. `None` for
/// a payload that is of no event.
pub fn event(bytes: &[u8], ours: bool) -> Option<ResolvedEvent> {
    let payload: Value = serde_json::from_slice(bytes).ok().filter(Value::is_object)?;
    let name = super::event::guess_name(&payload)?.to_owned();
    let origin = if ours { EventOrigin::Workflow } else { EventOrigin::File };
    let event = Event { name: name.clone(), payload, origin };
    let env = [("GITHUB_EVENT_NAME", name.as_str()), ("GITHUB_REF", "refs/pull/7/merge")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let host = HostEnvironment { env: env.into(), ..HostEnvironment::default() };
    let github = github::context(Some(&event), &host);
    let reference = github.get("ref").and_then(Value::as_str);
    let pull_request = PullRequest::find(&event, None, reference);
    let query = PullRequestQuery::of(Some(&event), pull_request.as_ref(), &github);
    let (unknown, notices) = (None, Vec::new());
    let git = Git { sha: Some("1".repeat(40)), head: Some("1".repeat(40)), ..Git::default() };
    let trigger = Trigger { git, event: Some(event), github, pull_request, unknown, notices };
    let (_, reading) = read_bytes(PLAN.as_bytes());
    let plan = reading.plan.expect("a plan without mistakes");
    let inputs =
        ResolveInputs { plan: &plan, host: &host, redactor: &Redactor::default(), allowed: None };
    let request = ResolveRequest { plan_text: PLAN.to_owned(), ..ResolveRequest::default() };
    let resolved = Resolved::of(&inputs, &request, trigger);
    let read_back = |resolved: &Resolved| {
        let written = serde_json::to_string(resolved).ok()?;
        serde_json::from_str::<Resolved>(&written).ok()
    };
    Some(ResolvedEvent {
        decision: match &resolved {
            Ok(resolved) => format!("{:?} {:?}", resolved.trust, resolved.decide(&plan, None)),
            Err(_) => String::new(),
        },
        is_read_back: resolved.as_ref().map_or(true, |it| read_back(it).as_ref() == Some(it)),
        environment: resolved
            .map(|resolved| resolved.environment.map(|chosen| chosen.name))
            .map_err(|error| error.to_string()),
        query: format!("{query:?}"),
    })
}
