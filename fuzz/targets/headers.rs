//! Headers of a registry: challenges, links and locations, and references.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shipway::testing::oci::{Digest, Reference};
use shipway::testing::registry::untrusted;
use std::net::IpAddr;

const HOSTS: [&str; 3] = ["demo.azurecr.io", "docker.io", "127.0.0.1:5000"];

/// Whether a host is this machine or one of its network.
fn leads_inward(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fuzz_target!(|text: &str| {
    for (name, value) in untrusted::challenges(text) {
        assert!(name.len() + value.len() <= text.len() * 2);
    }
    if let Some(target) = untrusted::next_page(text) {
        assert!(text.contains(target));
    }
    for host in HOSTS {
        for location in [Some(text), untrusted::next_page(text)].into_iter().flatten() {
            let Some(place) = untrusted::location(host, location) else { continue };
            let near = host.starts_with("127.");
            assert!(near || place.scheme() == "https", "{host} {location} {place}");
            assert!(
                near || !leads_inward(place.host_str().unwrap_or_default()),
                "{host} {location} {place}"
            );
        }
    }
    if let Ok(reference) = text.parse::<Reference>() {
        // What is displayed parses as the same value.
        assert_eq!(reference.to_string().parse::<Reference>().ok(), Some(reference));
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.as_str(), text);
        assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
});
