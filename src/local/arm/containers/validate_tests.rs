//! Bodies that the service accepts, and its errors for others.

use super::{body, update};
use serde_json::{Value, json};

/// Bodies of recorded requests.
fn recorded() -> Vec<Value> {
    let files = [
        include_str!("../../../../tests/fixtures/azure/container-create.json"),
        include_str!("../../../../tests/fixtures/azure/container-create-private-registry.json"),
        include_str!("../../../../tests/fixtures/azure/container-exec-after-crash.json"),
    ];
    let exchanges = files
        .iter()
        .flat_map(|text| serde_json::from_str::<Vec<Value>>(text).expect("a recording"));
    exchanges
        .filter(|exchange| exchange["method"] == "PUT")
        .map(|put| put["request"].clone())
        .collect()
}

fn good() -> Value {
    json!({
        "location": "westeurope",
        "properties": {
            "osType": "Linux",
            "containers": [{ "name": "web", "properties": {
                "image": "demo.azurecr.io/web:1",
                "ports": [{ "port": 80 }],
                "resources": { "requests": { "cpu": 1, "memoryInGB": 1.5 } },
            } }],
            "ipAddress": {
                "type": "Public", "dnsNameLabel": "hello-demo",
                "ports": [{ "port": 80, "protocol": "TCP" }],
            },
        },
    })
}

#[test]
fn recorded_bodies_are_accepted() {
    assert_eq!(recorded().len(), 3);
    for request in recorded() {
        assert_eq!(body(&request, "group"), Ok(()), "{request}");
    }
    assert_eq!(body(&good(), "group"), Ok(()));
}

/// The good body with the value at a JSON pointer replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut changed = good();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = changed.pointer_mut(parent).expect("it is there");
    match name.parse::<usize>() {
        Ok(at) => parent[at] = value,
        Err(_) => parent[name] = value,
    }
    changed
}

#[track_caller]
fn refused(pointer: &str, value: Value, code: &str, message: &str) {
    let refusal = body(&with(pointer, value), "group").expect_err("refused");
    assert_eq!((refusal.code.as_str(), refusal.message.as_str()), (code, message));
}

#[test]
fn missing_fields_are_named() {
    refused(
        "/properties/osType",
        Value::Null,
        "InvalidOsType",
        "The 'osType' for container group '<null>' is invalid. The value must be one of 'Windows,Linux'.",
    );
    refused(
        "/location",
        Value::Null,
        "LocationRequired",
        "The location property is required for this definition.",
    );
    refused(
        "/properties/containers/0/properties/image",
        Value::Null,
        "InvalidRequestContent",
        "The request content was invalid and could not be deserialized: 'Required property 'image' \
         not found in JSON. Path 'properties.containers[0].properties''.",
    );
    refused(
        "/properties/ipAddress/ports",
        json!([]),
        "MissingIpAddressPorts",
        "The ports in the 'ipAddress' of container group 'group' cannot be empty.",
    );
    refused(
        "/properties/imageRegistryCredentials",
        json!([{ "username": "u", "password": "p" }]),
        "InvalidRequestContent",
        "The request content was invalid and could not be deserialized: 'Required property \
         'server' not found in JSON. Path 'properties.imageRegistryCredentials[0]''.",
    );
}

#[test]
fn invalid_values_are_refused() {
    let label = |label: &str| {
        body(&with("/properties/ipAddress/dnsNameLabel", json!(label)), "group")
            .map_err(|refusal| refusal.code)
    };
    for wrong in ["demo", "Hello-demo", "1hello", "hello-", "hello_demo", &"x".repeat(64)] {
        assert_eq!(label(wrong), Err("InvalidDnsNameLabel".to_owned()), "{wrong}");
    }
    assert_eq!(label("hello"), Ok(()));
    refused(
        "/properties/ipAddress/ports/0",
        json!({ "port": 81 }),
        "PortNotExposed",
        "The port '81/TCP' of container group 'group' is not exposed by any of its containers.",
    );
    refused(
        "/properties/containers/0/name",
        json!("my_web"),
        "InvalidContainerName",
        "The container name 'my_web' in container group 'group' is invalid. The container name must \
         contain no more than 63 characters and must match the regex \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?' (e.g. 'my-name').",
    );
    refused(
        "/properties/containers/0/properties/resources/requests/cpu",
        json!(5),
        "ServiceUnavailable",
        "The requested resource is not available in the location at this moment. Please retry with \
         a different resource request or in another location. Resource requested: '5' CPU '1.5' GB \
         memory 'Linux' OS",
    );
}

#[test]
fn sizes_are_as_the_service_takes_them() {
    let resources = "/properties/containers/0/properties/resources";
    let requests = format!("{resources}/requests");
    refused(
        resources,
        json!({}),
        "ResourceRequestsNotSpecified",
        "The resource requests are not specified in container 'web' of container group 'group'. It \
         is required since API version '2017-07-01-preview'.",
    );
    refused(
        &requests,
        json!({ "cpu": 1 }),
        "ResourceSomeRequestsNotSpecified",
        "The 'MemoryInGB' request is not specified in 'Microsoft.Azure.CloudConsole.Providers.\
         Common.Entities.ComputeResources' in container 'web' of contain group 'group'. It is \
         required since API version '2017-07-01-preview'.",
    );
    refused(
        &format!("{requests}/memoryInGB"),
        json!(1.234),
        "InvalidMemoryRequirement",
        "The memory requirement is '1.234' in container 'web' of container group 'group'. The memory \
         requirement should be in increments of 0.1 GB.",
    );
    for tenths in 1..=160 {
        let memory = json!(f64::from(tenths) / 10.0);
        assert_eq!(body(&with(&format!("{requests}/memoryInGB"), memory), "group"), Ok(()));
    }
    let ports: Vec<Value> = (1..=6).map(|port| json!({ "port": port })).collect();
    refused(
        "/properties/ipAddress/ports",
        json!(ports),
        "TooManyPorts",
        "The 'ipAddress' of container group 'group' has 6 ports. It cannot have more than 5.",
    );
}

#[test]
fn a_credential_has_a_password_or_an_identity() {
    let credential = |entry: Value| {
        let mut request = with("/properties/imageRegistryCredentials", json!([entry]));
        request["identity"] =
            json!({ "type": "UserAssigned", "userAssignedIdentities": { "/ids/Pull": {} } });
        body(&request, "group").map_err(|refusal| refusal.code)
    };
    let code = |code: &str| Err(code.to_owned());
    assert_eq!(credential(json!({ "server": "s", "username": "u", "password": "p" })), Ok(()));
    assert_eq!(credential(json!({ "server": "s", "identity": "/ids/pull" })), Ok(()));
    assert_eq!(
        credential(
            json!({ "server": "s", "username": "u", "password": "p", "identity": "/ids/pull" })
        ),
        code("AmbiguousImageResitryCredentialType")
    );
    assert_eq!(credential(json!({ "server": "s" })), code("InvalidImageRegistryCredentialType"));
    assert_eq!(
        credential(json!({ "server": "s", "identity": "/ids/other" })),
        code("InvalidImageRegistryIdentity")
    );
}

#[test]
fn fixed_properties_of_a_running_group_cannot_change() {
    let good = good();
    let changed =
        |pointer: &str, value: Value| update(&good, &with(pointer, value), "group").is_err();
    assert!(!changed("/properties/containers/0/properties/image", json!("other")));
    assert!(!changed("/properties/restartPolicy", json!("Always")), "the default");
    assert!(!changed("/properties/containers/0/properties/resources/requests/cpu", json!(1.0)));
    assert!(changed("/properties/restartPolicy", json!("Never")));
    assert!(changed("/properties/containers/0/properties/resources/requests/cpu", json!(2)));
    assert!(changed("/properties/ipAddress/ports/0", json!({ "port": 443 })));
}
