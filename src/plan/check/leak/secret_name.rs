//! Which names of variables are those of secrets.

/// Words at the end of a name that say that its value is a secret.
const LAST: [&[&str]; 14] = [
    &["password"],
    &["passwd"],
    &["passphrase"],
    &["pass"],
    &["secret"],
    &["token"],
    &["credential"],
    &["credentials"],
    &["key"],
    &["apikey"],
    &["connection", "string"],
    &["connectionstring"],
    &["conn", "str"],
    &["db", "pwd"],
];

/// Words before `key` that make it one that is not secret.
const PUBLIC_KEYS: [&str; 9] = [
    "public",
    "publishable",
    "primary",
    "foreign",
    "sort",
    "partition",
    "cache",
    "routing",
    "host",
];

/// Whether a variable of this name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // As ASP.NET has them: `ConnectionStrings__Main`.
    if words.starts_with(&["connection", "strings"]) && words.len() > 2 {
        return true;
    }
    let is_public = matches!(words.as_slice(), [.., before, "key"] if PUBLIC_KEYS.contains(before));
    !is_public && LAST.iter().any(|last| words.ends_with(last))
}

/// The words of `DB_PASSWORD` or `dbPassword`, in lower case.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        let begins = letter == '_' || letter.is_ascii_uppercase() && was_lower;
        was_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        if begins && words.last().is_some_and(|last| !last.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(last)) = (letter != '_', words.last_mut()) {
            last.push(letter.to_ascii_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::is_secret_name;

    #[test]
    fn names_of_secrets_are_recognized() {
        for name in [
            "PASSWORD",
            "DB_PASS",
            "dbPassword",
            "POSTGRES_PASSWORD",
            "JWT_SECRET",
            "GITHUB_TOKEN",
            "API_KEY",
            "KEY",
            "STORAGE_ACCOUNT_KEY",
            "CONNECTION_STRING",
            "AZURE_STORAGE_CONNECTION_STRING",
            "ConnectionStrings__Default",
            "DB_PWD",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "KEYBOARD",
            "PUBLIC_KEY",
            "STRIPE_PUBLISHABLE_KEY",
            "CACHE_KEY",
            "PWD",
            "PASSWORD_FILE",
            "TOKEN_URL",
            "SECRET_NAME",
            "COMPASS",
            "MONKEY",
            "TOKENS_PER_MINUTE",
            "AWS_ACCESS_KEY_ID",
            "DATABASE_URL",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
