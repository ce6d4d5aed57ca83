//! Locks (Microsoft.Authorization/locks): they stand behind any scope, and keep what is there
//! from being deleted or changed. [`check`] is what all other requests pass.

use super::handle::Arm;
use super::request::ArmRequest;
use super::response::{ArmError, ArmResponse};
use super::store::LockRecord;
use http::{Method, StatusCode};
use serde_json::{Value, json};

const ROUTE: &str = "/providers/Microsoft.Authorization/locks/";

/// A POST that changes nothing is allowed by a lock that only allows reading.
const READS: [&str; 4] = ["list", "check", "validate", "whatif"];

/// Answers for the locks of a scope.
pub fn handle(
    arm: &Arm,
    request: &ArmRequest,
    scope: &str,
    name: Option<&str>,
) -> Result<ArmResponse, ArmError> {
    let scope = &normal(scope);
    let Some(name) = name else {
        return match request.method {
            Method::GET => Ok(ArmResponse::list(within(arm, scope).iter().map(shown))),
            _ => Err(request.no_such_route()),
        };
    };
    let key = key(scope, name);
    match request.method {
        Method::GET => {
            let found = arm.store.read().locks.get(&key).cloned();
            found.map(|lock| ArmResponse::ok(shown(&lock))).ok_or_else(|| missing(name))
        }
        Method::PUT => put(arm, &request.json()?, scope, name),
        Method::DELETE => {
            let removed = arm.store.change(|content| content.locks.remove(&key).is_some());
            let is_there = removed.map_err(|error| ArmError::broken(&error))?;
            let status = if is_there { StatusCode::OK } else { StatusCode::NO_CONTENT };
            Ok(ArmResponse::empty(status))
        }
        _ => Err(request.no_such_route()),
    }
}

/// A path without empty parts: az leaves one where a resource has no parent.
fn normal(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.fold(String::new(), |path, part| path + "/" + part)
}

fn key(scope: &str, name: &str) -> String {
    format!("{scope}{ROUTE}{name}").to_ascii_lowercase()
}

fn put(arm: &Arm, body: &Value, scope: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let level = body["properties"]["level"].as_str().unwrap_or_default();
    let levels = ["CanNotDelete", "ReadOnly"];
    let Some(level) = levels.iter().find(|known| known.eq_ignore_ascii_case(level)) else {
        let message = format!("The lock level '{level}' is neither 'CanNotDelete' nor 'ReadOnly'.");
        return Err(ArmError::bad("InvalidLockLevel", message));
    };
    let notes = body["properties"]["notes"].as_str().map(str::to_owned);
    let lock = LockRecord {
        scope: scope.to_owned(),
        name: name.to_owned(),
        level: (*level).to_owned(),
        notes,
    };
    let shown = shown(&lock);
    let before = arm.store.change(|content| content.locks.insert(key(scope, name), lock).is_some());
    let is_there = before.map_err(|error| ArmError::broken(&error))?;
    let status = if is_there { StatusCode::OK } else { StatusCode::CREATED };
    Ok(ArmResponse::new(status, shown))
}

/// The locks of a scope and of all below it.
fn within(arm: &Arm, scope: &str) -> Vec<LockRecord> {
    let locks = arm.store.read();
    locks.locks.values().filter(|lock| covers(scope, &lock.scope)).cloned().collect()
}

/// Whether a scope is another one or holds it.
fn covers(scope: &str, other: &str) -> bool {
    let (scope, other) =
        (scope.trim_end_matches('/').to_ascii_lowercase(), other.to_ascii_lowercase());
    other.strip_prefix(&scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Refuses what a lock of the resource, of its group or of the subscription forbids. A group
/// is not deleted either while something in it is locked.
pub fn check(arm: &Arm, request: &ArmRequest) -> Result<(), ArmError> {
    let (operation, is_write) = match request.method {
        Method::DELETE => ("delete", false),
        Method::PUT | Method::PATCH => ("write", true),
        Method::POST if !reads(&request.raw_path) => ("write", true),
        _ => return Ok(()),
    };
    let path = normal(&request.raw_path);
    let path = path.as_str();
    let locks = arm.store.read();
    let mut locked: Vec<&str> = Vec::new();
    for lock in locks.locks.values() {
        let is_above = covers(&lock.scope, path);
        let forbids = if is_write {
            is_above && lock.level == "ReadOnly"
        } else {
            is_above || covers(path, &lock.scope)
        };
        if forbids {
            locked.push(&lock.scope);
        }
    }
    if locked.is_empty() {
        return Ok(());
    }
    locked.sort_unstable();
    locked.dedup();
    let message = format!(
        "The scope '{path}' cannot perform {operation} operation because following scope(s) are \
         locked: '{}'. Please remove the lock and try again.",
        locked.join("', '")
    );
    Err(ArmError::conflict("ScopeLocked", message))
}

fn reads(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let last = last.to_ascii_lowercase();
    READS.iter().any(|start| last.starts_with(start))
}

fn missing(name: &str) -> ArmError {
    ArmError::missing("LockNotFound", format!("The lock '{name}' could not be found."))
}

fn shown(lock: &LockRecord) -> Value {
    let mut properties = json!({ "level": lock.level });
    if let Some(notes) = &lock.notes {
        properties["notes"] = json!(notes);
    }
    json!({
        "id": format!("{}{ROUTE}{}", lock.scope, lock.name), "name": lock.name,
        "type": "Microsoft.Authorization/locks", "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::{covers, normal, reads};

    #[test]
    fn scope_holds_what_is_below_it() {
        let group = "/subscriptions/s/resourceGroups/demo";
        assert!(covers(group, "/subscriptions/S/resourcegroups/Demo/providers/a/b/c"));
        assert!(covers(group, group));
        assert!(!covers(group, "/subscriptions/s/resourceGroups/demo-2"));
        assert!(!covers("/subscriptions/s/resourceGroups/demo/providers/a/b/c", group));
        assert_eq!(normal("/subscriptions/s//resourceGroups/demo/"), group);
    }

    #[test]
    fn listing_is_no_change() {
        assert!(reads("/subscriptions/s/providers/R/registries/r/listCredentials"));
        assert!(!reads("/subscriptions/s/providers/R/registries/r/importImage"));
    }
}
