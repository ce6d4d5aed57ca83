//! Who made a resource, and when.

use super::handle::Arm;
use serde_json::{Value, json};

/// When something was made that is older than the state folder, or than what it says of times.
pub const EARLIER: &str = "2024-01-01T00:00:00Z";

/// Who made and changed a resource, and when: always the application of this cloud.
pub fn system_data(arm: &Arm, created: &str, modified: &str) -> Value {
    let application = arm.identity().client_id.as_str();
    let known = [created, modified].map(|time| if time.is_empty() { EARLIER } else { time });
    json!({
        "createdBy": application, "createdByType": "Application",
        "createdAt": known[0],
        "lastModifiedBy": application, "lastModifiedByType": "Application",
        "lastModifiedAt": known[1],
    })
}
