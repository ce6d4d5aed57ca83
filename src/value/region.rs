//! Azure's regions by name.

/// All regions of Azure's clouds
/// (learn.microsoft.com/azure/reliability/regions-list; the names of `az account
/// list-locations`). Services are not offered in all of them.
pub const REGIONS: [&str; 79] = [
    "australiacentral",
    "australiacentral2",
    "australiaeast",
    "australiasoutheast",
    "austriaeast",
    "belgiumcentral",
    "brazilsouth",
    "brazilsoutheast",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "centraluseuap",
    "chilecentral",
    "chinaeast",
    "chinaeast2",
    "chinaeast3",
    "chinanorth",
    "chinanorth2",
    "chinanorth3",
    "denmarkeast",
    "eastasia",
    "eastus",
    "eastus2",
    "eastus2euap",
    "eastusstg",
    "francecentral",
    "francesouth",
    "germanynorth",
    "germanywestcentral",
    "indonesiacentral",
    "israelcentral",
    "israelnorthwest",
    "italynorth",
    "japaneast",
    "japanwest",
    "jioindiacentral",
    "jioindiawest",
    "koreacentral",
    "koreasouth",
    "malaysiasouth",
    "malaysiawest",
    "mexicocentral",
    "newzealandnorth",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "norwaywest",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southafricawest",
    "southcentralus",
    "southcentralusstg",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "swedensouth",
    "switzerlandnorth",
    "switzerlandwest",
    "taiwannorth",
    "taiwannorthwest",
    "uaecentral",
    "uaenorth",
    "uksouth",
    "ukwest",
    "usdodcentral",
    "usdodeast",
    "usgovarizona",
    "usgovtexas",
    "usgovvirginia",
    "westcentralus",
    "westeurope",
    "westindia",
    "westus",
    "westus2",
    "westus3",
    "southeastus",
];

/// Whether a text names a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RegionName {
    Known,
    /// The next one beside a known region, such as `westus4`: it may be newer than
    /// the list.
    Newer,
    Unknown,
}

/// A region as Azure compares it: `West Europe` is `westeurope`.
pub fn normal_region(text: &str) -> String {
    text.chars().filter(|char| !char.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

impl RegionName {
    pub fn of(text: &str) -> Self {
        let name = normal_region(text);
        let base = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        if REGIONS.contains(&name.as_str()) {
            Self::Known
        } else if base != name && REGIONS.contains(&base) {
            Self::Newer
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{REGIONS, RegionName};
    use std::collections::BTreeSet;

    #[test]
    fn regions_are_known_as_azure_spells_them() {
        for name in ["westeurope", "West Europe", "EastUS2", "usgovvirginia", "chinanorth3"] {
            assert_eq!(RegionName::of(name), RegionName::Known, "{name}");
        }
        assert_eq!(RegionName::of("westus4"), RegionName::Newer);
        for name in ["", "westeuropa", "europe", "west-europe", "2"] {
            assert_eq!(RegionName::of(name), RegionName::Unknown, "{name}");
        }
        assert_eq!(REGIONS.iter().collect::<BTreeSet<_>>().len(), REGIONS.len());
    }
}
