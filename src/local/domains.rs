//! The names and addresses that the local cloud answers for.

use super::cloud_state::CloudState;
use super::proxy::DOMAINS;
use super::sigstore::{JOB_DOMAIN, Place};

/// The simulated domains, and the registries, Fulcio and Rekor outside of them: domains and
/// addresses.
pub fn domains(state: &CloudState) -> Vec<String> {
    let mut domains: Vec<String> = DOMAINS.iter().map(|&domain| domain.to_owned()).collect();
    let signing = state.initial.sigstore.iter();
    let signing = signing.flat_map(|hosts| hosts.fulcio.iter().chain(&hosts.rekor));
    let signing = signing.map(|place| Place::of(place).host.to_owned());
    let job = state.initial.sigstore.iter().map(|_| JOB_DOMAIN.to_owned());
    for host in state.registries.accounts.hosts().into_iter().chain(signing).chain(job) {
        let bare = without_port(&host);
        if !domains.iter().any(|domain| is_within(bare, domain)) {
            domains.push(bare.to_owned());
        }
    }
    domains
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // An address of IPv6 has more of them, in brackets.
        Some((bare, port)) if !port.contains(']') => bare,
        _ => host,
    }
}

/// Whether a host is a domain or below it.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
