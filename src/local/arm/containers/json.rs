//! Reading bodies that may have anything in them.

use serde_json::Value;

/// The elements of a list; empty for any other value.
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The public ports of the body of a container group, without those of UDP.
pub fn public_ports(body: &Value) -> Vec<u16> {
    let ports = array(&body["properties"]["ipAddress"]["ports"]).iter();
    let tcp = ports
        .filter(|port| !port["protocol"].as_str().unwrap_or("TCP").eq_ignore_ascii_case("UDP"));
    tcp.filter_map(|port| u16::try_from(port["port"].as_u64()?).ok()).collect()
}
