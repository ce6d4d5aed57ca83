//! User-assigned identities, as far as a deployment reads them. Every identity that a
//! client asks for exists, because plans do not create them.

use super::handle::Arm;
use super::path::ResourceId;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ArmError, ArmResponse};
use crate::local::identity::ids_of;
use http::Method;
use serde_json::{Value, json};

pub fn handle(arm: &Arm, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if request.method != Method::GET {
        return Err(request.no_such_route());
    }
    let subscription = path.subscription.as_deref().unwrap_or_default();
    match (path.resource_group.as_deref(), words.as_slice()) {
        (Some(group), ["userassignedidentities", _]) => {
            let resource_group = &resource_groups::find(arm, group)?.name;
            let kind = "Microsoft.ManagedIdentity/userAssignedIdentities";
            let id = ResourceId { subscription, resource_group, kind, name: &path.rest[1] };
            Ok(ArmResponse::ok(identity(arm, &id)))
        }
        _ => Err(request.no_such_route()),
    }
}

fn identity(arm: &Arm, id: &ResourceId<'_>) -> Value {
    let (principal, client) = ids_of(&id.to_string());
    json!({
        "id": id.to_string(), "name": id.name, "type": id.kind, "location": "westeurope", "tags": {},
        "properties": {
            "tenantId": arm.identity().tenant_id,
            "principalId": principal,
            "clientId": client,
        },
    })
}
