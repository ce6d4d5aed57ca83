//! Entry points for the fuzz targets: a container group, as Azure reports it.

use super::desired::{Container, Desired};
use super::difference::{difference, is_as_deployed};
use super::evidence::Evidence;
use super::group::Group;
use super::id::GroupId;
use super::previous::{KnownValues, PreviousGroup};
use super::settings::{Hosting, Limits, Probes};
use super::watch::Watch;
use crate::azure::Identities;
use crate::value::{IpKind, Port, Protocol, Replace, RestartPolicy};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Does with a group what a deploy, `status`, `plan` and a rollback do with it. Returns the
/// texts that come out. `None` where it is not read as a group.
pub fn group(document: &Value, log: &str) -> Option<Vec<String>> {
    let group = Group::try_from(document.clone()).ok()?;
    let previous = PreviousGroup::of(document, |text| text == log);
    let mut watch = Watch::new(previous.restart_policy(), Duration::from_secs(5));
    let verdicts = [1, 2, 9].map(|at| format!("{:?}", watch.look(&group, Duration::from_secs(at))));
    let mut texts: Vec<String> = verdicts.into();
    texts.extend(group.urls());
    texts.extend(group.images().map(str::to_owned));
    for container in &group.properties.containers {
        let evidence = Evidence::of(&group, &container.name, Some(log));
        texts.extend(evidence.state_lines());
        texts.extend(evidence.event_lines());
        texts.extend(evidence.log_lines());
        texts.extend(evidence.remedy(log));
    }
    texts.extend(group.broken(None).map(|stopped| stopped.why));
    texts.push(format!("{:?}", group.runs_since(jiff::Timestamp::UNIX_EPOCH, Duration::ZERO)));
    texts.extend(group.missing_address(true).map(str::to_owned));
    texts.push(format!("{:?}", is_as_deployed(&group)));
    texts.push(format!("{:?}", difference(Some(&group), &wanted())));
    let known = KnownValues::default();
    texts.push(format!("{:?}", previous.missing(&known)));
    texts.push(previous.body(&known).to_string());
    texts.extend(previous.image().map(str::to_owned));
    texts.extend(previous.servers());
    texts.extend(previous.secure_variables());
    Some(texts)
}

/// A group with one container on port 80.
fn wanted() -> Desired {
    let container = Container {
        name: "web".to_owned(),
        image: "demo.azurecr.io/web@sha256:1".to_owned(),
        ports: vec![Port { number: 80, protocol: Protocol::Tcp }],
        cpu: 1.0,
        memory_gb: 1.5,
        limits: Limits::default(),
        gpu: None,
        command: Vec::new(),
        env: Vec::new(),
        mounts: Vec::new(),
        probes: Probes::default(),
    };
    Desired {
        id: GroupId { subscription: "s".into(), resource_group: "r".into(), name: "g".into() },
        location: "westeurope".to_owned(),
        containers: vec![container],
        init_containers: Vec::new(),
        volumes: Vec::new(),
        restart_policy: RestartPolicy::Always,
        dns_label: Some("demo-label".to_owned()),
        dns_label_scope: None,
        ip: IpKind::Public,
        subnet: None,
        dns_config: None,
        identities: Identities::default(),
        log_analytics: None,
        hosting: Hosting::default(),
        registries: Vec::new(),
        tags: BTreeMap::new(),
        replace: Replace::WhenRequired,
    }
}
