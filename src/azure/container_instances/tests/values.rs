//! What is known without a server.

use super::{PATH, desired, id};
use crate::azure::container_instances::{Desired, Group, GroupError, GroupId, Port};
use crate::value::Protocol;
use serde_json::{Value, json};

#[test]
fn mistakes_are_found_before_a_request() {
    let mistake = |desired: &Desired| match desired.check() {
        Err(GroupError::Mistake { mistake, .. }) => Some(mistake),
        Err(other) => panic!("{other}"),
        Ok(()) => None,
    };
    let labelled = |label: &str| mistake(&Desired { dns_label: Some(label.into()), ..desired() });

    assert_eq!(mistake(&desired()), None);
    for bad in ["abc", "Demo-label", "1demo", "demo-", "de_mo", &"a".repeat(64)] {
        let text = format!(
            "the DNS label `{bad}` must have 5 to 63 of a-z, 0-9 and `-`, begin with a letter and \
             end with a letter or digit"
        );
        assert_eq!(labelled(bad), Some(text));
    }
    let mut six = desired();
    six.containers[0].ports = vec![Port { number: 80, protocol: Protocol::Tcp }; 6];
    assert_eq!(mistake(&six).as_deref(), Some("a container group has 5 ports at most, not 6"));
    let mut none = desired();
    none.containers[0].ports.clear();
    assert_eq!(mistake(&none).as_deref(), Some("a DNS label needs a public port"));
}

#[test]
fn a_resource_id_is_read_back() {
    assert_eq!(GroupId::parse(PATH), Some(id()));
    assert_eq!(GroupId::parse(&PATH.to_uppercase()).map(|id| id.name), Some("G".to_owned()));
    assert_eq!(id().to_string(), PATH);
    assert_eq!(GroupId::parse("/subscriptions/s"), None);
}

#[test]
fn urls_follow_from_the_address_and_its_ports() {
    let urls = |address: Value| {
        let group: Group =
            serde_json::from_value(json!({ "properties": { "ipAddress": address } }))
                .expect("a group");
        group.urls()
    };
    let ports = json!([
        { "port": 443, "protocol": "TCP" }, { "port": 53, "protocol": "UDP" }, { "port": 8080 },
    ]);
    let named = json!({ "fqdn": "x.hash.westeurope.azurecontainer.io", "ports": ports });
    assert_eq!(
        urls(named),
        [
            "https://x.hash.westeurope.azurecontainer.io",
            "http://x.hash.westeurope.azurecontainer.io:8080",
        ]
    );
    assert_eq!(urls(json!({ "ip": "20.0.0.1", "ports": [{ "port": 80 }] })), ["http://20.0.0.1"]);
    assert_eq!(urls(json!(null)), Vec::<String>::new());
}
