//! A container group that tests deploy.

use super::desired::{Container, Desired};
use super::id::GroupId;
use super::settings::{Hosting, Limits, Probes};
use crate::azure::Identities;
use crate::value::{IpKind, Port, Protocol, Replace, RestartPolicy};
use std::collections::BTreeMap;

/// One core, 1.5 GB and port 80.
pub fn container(name: &str, image: &str) -> Container {
    Container {
        name: name.into(),
        image: image.into(),
        ports: vec![Port { number: 80, protocol: Protocol::Tcp }],
        cpu: 1.0,
        memory_gb: 1.5,
        limits: Limits::default(),
        gpu: None,
        command: Vec::new(),
        env: Vec::new(),
        mounts: Vec::new(),
        probes: Probes::default(),
    }
}

/// Group `g` of resource group `r` with one container.
pub fn group_of(container: Container) -> Desired {
    Desired {
        id: GroupId { subscription: "s".into(), resource_group: "r".into(), name: "g".into() },
        location: "westeurope".into(),
        containers: vec![container],
        init_containers: Vec::new(),
        volumes: Vec::new(),
        restart_policy: RestartPolicy::Always,
        dns_label: Some("demo-label".into()),
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
