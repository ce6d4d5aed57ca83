//! What a variable that holds several credentials consists of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Parts of the names of fields and headers that hold a credential.
const CREDENTIAL_NAMES: [&str; 5] = ["secret", "password", "auth", "token", "key"];

/// The credentials in a value of several: fields of JSON, such as `AZURE_CREDENTIALS` and
/// `DOCKER_AUTH_CONFIG`, or headers as `OTEL_EXPORTER_OTLP_HEADERS` has them, `NAME=VALUE,…`.
/// Servers repeat them one by one.
pub fn credential_parts(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    match serde_json::from_str(value) {
        Ok(fields @ Value::Object(_)) => of_json(&fields, false, &mut found),
        Ok(_) | Err(_) => of_headers(value, &mut found),
    }
    found
}

fn of_json(value: &Value, is_credential: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_credential => {
            found.push(text.clone());
            found.extend(password_of_basic(text));
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                of_json(value, is_credential_name(name), found);
            }
        }
        Value::Array(values) => {
            for value in values {
                of_json(value, is_credential, found);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn of_headers(value: &str, found: &mut Vec<String>) {
    let headers = value.split(',').filter_map(|header| header.split_once('='));
    for (_, value) in headers.filter(|(name, _)| is_credential_name(name)) {
        let decoded = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
        if let Some((_, bare)) = decoded.split_once(' ') {
            found.push(bare.to_owned());
            found.extend(password_of_basic(bare));
        }
        found.push(decoded);
    }
}

fn is_credential_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    CREDENTIAL_NAMES.iter().any(|part| name.contains(part))
}

/// The password of HTTP's Basic authentication (RFC 7617), base64 of `USER:PASSWORD`.
fn password_of_basic(text: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    Some(decoded.split_once(':')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::credential_parts;

    #[test]
    fn fields_and_headers_are_found_by_their_names() {
        for (value, parts) in [
            (
                r#"{"clientId":"1234","clientSecret":"hunter22","tenantId":"5678"}"#,
                vec!["hunter22"],
            ),
            (
                r#"{"auths":{"demo.azurecr.io":{"auth":"Y2k6aHVudGVyMjI="}}}"#,
                vec!["Y2k6aHVudGVyMjI=", "hunter22"],
            ),
            (
                "api-key=a%20b, team = web,Authorization=Bearer%20hunter22",
                vec!["b", "a b", "hunter22", "Bearer hunter22"],
            ),
            ("ghs_hunter22", vec![]),
            ("[1, 2]", vec![]),
        ] {
            assert_eq!(credential_parts(value), parts, "{value}");
        }
    }
}
