//! The names of vaults, which are unique in all of Azure.

pub fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (3..=24).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes[0].is_ascii_alphabetic()
        && !name.ends_with('-')
        && !name.contains("--")
}

pub fn invalid_name(name: &str) -> String {
    format!(
        "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric \
         characters. The name must begin with a letter, end with a letter or digit, and not \
         contain consecutive hyphens. Follow this link for more information: \
         https://go.microsoft.com/fwlink/?linkid=2147742"
    )
}

pub fn taken(name: &str) -> String {
    format!(
        "The vault name '{name}' is already in use. Vault names are globally unique so it is \
         possible that the name is already taken. If you are sure that the vault name was not \
         taken then it is possible that a vault with the same name was recently deleted but not \
         purged after being placed in a recoverable state."
    )
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_of_vaults_are_as_azure_takes_them() {
        for name in ["abc", "shop-vault", "Shop1", "a23456789012345678901234"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["ab", "1ab", "shop_vault", "shop-", "shop--vault", "a234567890123456789012345"]
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
