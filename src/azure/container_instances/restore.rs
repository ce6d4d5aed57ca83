//! A group as it was, made ready to be put back.
//!
//! Azure gives no password and no secure value back, so those come from the
//! plan by name; what cannot be had again makes the group unrestorable, which
//! is better known before anything is changed.

use super::client::GroupId;
use super::desired::{
    Container, Desired, EnvValue, Port, Protocol, RegistryLogin, Replace, RestartPolicy,
};
use super::group::{Group, GroupContainer, PublicPort};
use crate::secret::Secret;

/// What Azure does not give back.
pub struct Withheld<'a> {
    /// The value of a secure variable, by container and name.
    pub variable: &'a dyn Fn(&str, &str) -> Option<Secret>,
    /// How Azure pulls.
    pub registries: Vec<RegistryLogin>,
}

/// A group that cannot be put back as it was.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("container group `{group}` cannot be put back as it was: {}", reasons.join("; "))]
pub struct Unrestorable {
    /// Its name.
    pub group: String,
    /// Why not, each.
    pub reasons: Vec<String>,
}

/// What would have to be asked for to get `group` back.
pub fn restore(
    id: &GroupId,
    group: &Group,
    withheld: Withheld<'_>,
) -> Result<Desired, Unrestorable> {
    let mut reasons = Vec::new();
    let properties = &group.properties;
    for (what, there) in [
        ("volumes", !properties.volumes.is_empty()),
        ("init containers", !properties.init_containers.is_empty()),
        ("a subnet", !properties.subnet_ids.is_empty()),
    ] {
        if there {
            reasons.push(format!("it has {what}, which Shipway does not deploy"));
        }
    }
    for registry in &properties.image_registry_credentials {
        let known = |login: &RegistryLogin| login.server.eq_ignore_ascii_case(&registry.server);
        if !withheld.registries.iter().any(known) {
            reasons.push(format!("the plan has no login for `{}`", registry.server));
        }
    }
    let containers = properties.containers.iter();
    let containers =
        containers.map(|old| container(old, withheld.variable, &mut reasons)).collect();
    if !reasons.is_empty() {
        return Err(Unrestorable { group: id.name.clone(), reasons });
    }
    let address = properties.ip_address.as_ref();
    Ok(Desired {
        id: id.clone(),
        location: group.location.clone(),
        containers,
        restart_policy: match properties.restart_policy.as_str() {
            "Never" => RestartPolicy::Never,
            "OnFailure" => RestartPolicy::OnFailure,
            _ => RestartPolicy::Always,
        },
        dns_label: address.and_then(|address| address.dns_name_label.clone()),
        dns_label_scope: address
            .and_then(|address| address.auto_generated_domain_name_label_scope.clone()),
        registries: withheld.registries,
        tags: group.tags.clone(),
        replace: Replace::WhenRequired,
    })
}

fn container(
    old: &GroupContainer,
    secret: &dyn Fn(&str, &str) -> Option<Secret>,
    reasons: &mut Vec<String>,
) -> Container {
    let mut env = Vec::new();
    for variable in &old.properties.environment_variables {
        let value = match &variable.value {
            Some(value) => Some(EnvValue::Plain(value.clone())),
            None => secret(&old.name, &variable.name).map(EnvValue::Secret),
        };
        match value {
            Some(value) => env.push((variable.name.clone(), value)),
            None => reasons.push(format!(
                "the plan no longer has the secure value of `{}` in container `{}`",
                variable.name, old.name
            )),
        }
    }
    Container {
        name: old.name.clone(),
        image: old.properties.image.clone(),
        ports: old.properties.ports.iter().map(port).collect(),
        cpu: old.properties.resources.requests.cpu,
        memory_gb: old.properties.resources.requests.memory_in_gb,
        command: old.properties.command.clone(),
        env,
    }
}

fn port(old: &PublicPort) -> Port {
    let udp = old.protocol.eq_ignore_ascii_case("UDP");
    Port { number: old.port, protocol: if udp { Protocol::Udp } else { Protocol::Tcp } }
}

#[cfg(test)]
mod tests {
    use super::super::desired::{PullLogin, RegistryLogin};
    use super::super::{Group, GroupId};
    use super::{Withheld, restore};
    use crate::secret::Redactor;
    use serde_json::{Value, json};

    fn group(properties: Value) -> Group {
        let mut group = json!({ "location": "westus", "tags": { "a": "b" } });
        group["properties"] = properties;
        serde_json::from_value(group).expect("a group")
    }

    fn id() -> GroupId {
        GroupId { subscription: "s".into(), resource_group: "r".into(), name: "g".into() }
    }

    fn properties() -> Value {
        json!({
            "osType": "Linux",
            "restartPolicy": "OnFailure",
            "containers": [{ "name": "web", "properties": {
                "image": "demo.azurecr.io/web@sha256:00",
                "command": ["/server"],
                "ports": [{ "protocol": "TCP", "port": 80 }],
                "environmentVariables": [
                    { "name": "LOG", "value": "info" }, { "name": "TOKEN" },
                ],
                "resources": { "requests": { "cpu": 0.5, "memoryInGB": 1.5 } },
            } }],
            "imageRegistryCredentials": [{ "server": "demo.azurecr.io", "username": "me" }],
            "ipAddress": {
                "ports": [{ "protocol": "TCP", "port": 80 }], "ip": "20.0.0.1", "type": "Public",
                "dnsNameLabel": "demo-label", "autoGeneratedDomainNameLabelScope": "Unsecure",
                "fqdn": "demo-label.westus.azurecontainer.io",
            },
        })
    }

    #[test]
    fn what_was_is_asked_for_again_with_its_secrets() {
        let redactor = Redactor::default();
        let login = PullLogin::User {
            username: "me".into(),
            password: redactor.adopt("test", "pa55word".into()),
        };
        let withheld = Withheld {
            variable: &|container, name| {
                assert_eq!((container, name), ("web", "TOKEN"));
                Some(redactor.adopt("test", "t0ken".into()))
            },
            registries: vec![RegistryLogin { server: "demo.azurecr.io".into(), login }],
        };

        let body = restore(&id(), &group(properties()), withheld).expect("restorable").body();

        let container = &body["properties"]["containers"][0]["properties"];
        assert_eq!(
            container["environmentVariables"],
            json!([
                { "name": "LOG", "value": "info" }, { "name": "TOKEN", "secureValue": "t0ken" },
            ])
        );
        assert_eq!(container["command"], json!(["/server"]));
        assert_eq!(container["resources"]["requests"], json!({ "cpu": 0.5, "memoryInGB": 1.5 }));
        assert_eq!(body["properties"]["restartPolicy"], "OnFailure");
        assert_eq!(body["properties"]["ipAddress"]["dnsNameLabel"], "demo-label");
        assert_eq!(body["properties"]["imageRegistryCredentials"][0]["password"], "pa55word");
        assert_eq!((&body["location"], &body["tags"]["a"]), (&json!("westus"), &json!("b")));
    }

    #[test]
    fn what_cannot_be_had_again_is_said() {
        let mut properties = properties();
        properties["volumes"] = json!([{ "name": "x", "secret": {} }]);
        let withheld = Withheld { variable: &|_, _| None, registries: Vec::new() };

        let error = restore(&id(), &group(properties), withheld).expect_err("unrestorable");

        assert_eq!(
            error.to_string(),
            "container group `g` cannot be put back as it was: it has volumes, which Shipway does \
             not deploy; the plan has no login for `demo.azurecr.io`; the plan no longer has the \
             secure value of `TOKEN` in container `web`"
        );
    }
}
