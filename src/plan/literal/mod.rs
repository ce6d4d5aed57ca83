//! What a single value of a plan may be: its types, each with one parser.
//!
//! The same parser checks a literal when the plan is read, and reads what an
//! expression gave when the plan is run. [`Shape`] is what the JSON Schema and the
//! reference say of such a value.

mod azure;
mod image;
mod key;
mod name;
mod scalar;
mod shape;
mod web;

pub use azure::{
    DnsLabelScope, ResourceGroupName, Sku, SubnetName, VaultId, VaultName, VaultSecretUrl,
};
pub use image::{AbsolutePath, BaseImage, Glob, ImageSource, TagName, TaggedReference, Untagged};
pub use key::PublicKeyOrFile;
pub use name::{FileName, HeaderName, Host, Name, NotEmpty, PlanName, VariableName};
pub use scalar::{Attempts, Backoff, ExitCode, Period, Size, Times};
pub use shape::{Literal, Shape, ShapeKind};
pub use web::{Address, HttpPath, HttpTarget, HttpsUrl, JsonPath, Pattern, StatusCode};

#[cfg(test)]
mod tests {
    use super::{
        AbsolutePath, Address, Attempts, Backoff, ExitCode, FileName, HeaderName, Host, HttpPath,
        HttpTarget, HttpsUrl, Literal, Name, NotEmpty, Period, PlanName, ResourceGroupName, Shape,
        Size, StatusCode, SubnetName, TagName, Times, VariableName, VaultId, VaultName,
        VaultSecretUrl,
    };
    use crate::oci::Platform;
    use crate::value::{DnsLabel, ExposedPort, GroupName, Mode, Owner, Port};
    use std::time::Duration;

    /// Texts of many kinds, of which each shape accepts some.
    const SAMPLES: [&str; 52] = [
        "",
        " ",
        "a",
        "A-b_c",
        "1a",
        "_x",
        "a.b",
        "-a",
        "a b",
        "web",
        "web/app",
        "PATH",
        "A-B",
        "0",
        "1",
        "80",
        "080",
        "70000",
        "53/udp",
        "80/tcp",
        "80/sctp",
        "80/icmp",
        "host:80",
        "a.io:5000",
        "a.io",
        "0755",
        "0999",
        "755",
        "7",
        "1000",
        "1000:1000",
        "root",
        "1.5GB",
        "2",
        "512 MiB",
        "10m",
        "1h30m",
        "30m1h",
        "1s..30s",
        "0.5",
        "1e3",
        "true",
        "no",
        "linux/amd64",
        "linux/arm64/v8",
        "linux",
        "/srv/app",
        "/a/../b",
        "200",
        "999",
        "https://v.vault.azure.net/secrets/n",
        "http://x.io/",
    ];

    /// The pattern of the JSON Schema accepts what the parser accepts.
    #[track_caller]
    fn agrees<T: Literal>(is_exact: bool) {
        let Shape { pattern, .. } = T::SHAPE;
        let pattern = regex::Regex::new(pattern).expect("a regular expression");
        for sample in SAMPLES {
            let (matches, parses) = (pattern.is_match(sample), T::parse(sample).is_ok());
            if is_exact {
                assert_eq!(matches, parses, "`{sample}` against `{pattern}`");
            } else {
                assert!(matches || !parses, "`{sample}` against `{pattern}`");
            }
        }
        for example in T::SHAPE.examples {
            assert!(pattern.is_match(example) && T::parse(example).is_ok(), "`{example}`");
        }
    }

    #[test]
    fn patterns_accept_what_the_parsers_accept() {
        agrees::<Name>(true);
        agrees::<VariableName>(true);
        agrees::<PlanName>(true);
        agrees::<HeaderName>(true);
        agrees::<NotEmpty>(true);
        agrees::<TagName>(true);
        agrees::<Mode>(true);
        agrees::<StatusCode>(true);
        agrees::<VaultName>(true);
        agrees::<DnsLabel>(true);
        agrees::<GroupName>(true);
        agrees::<ResourceGroupName>(true);
        agrees::<HttpPath>(true);
        agrees::<FileName>(false);
        agrees::<SubnetName>(false);
        agrees::<HttpsUrl>(false);
        agrees::<Port>(true);
        agrees::<ExposedPort>(true);
        agrees::<Attempts>(true);
        agrees::<Times>(true);
        agrees::<ExitCode>(true);
        // Other ranges and what a URL is are more than a pattern can say.
        agrees::<Host>(false);
        agrees::<Address>(false);
        agrees::<Owner>(false);
        agrees::<Platform>(false);
        agrees::<AbsolutePath>(false);
        agrees::<HttpTarget>(false);
        agrees::<VaultSecretUrl>(false);
        agrees::<VaultId>(false);
        agrees::<Size>(false);
        agrees::<Duration>(false);
        agrees::<Period>(false);
        agrees::<Backoff>(false);
        agrees::<f64>(true);
        agrees::<u32>(true);
    }

    /// The range of the JSON Schema ends where the parser begins to refuse.
    #[track_caller]
    fn ends<T: Literal>() {
        let (smallest, largest) = T::SHAPE.range.expect("a range");
        let parses = |number: Option<u32>| {
            number.is_some_and(|number| T::parse(&number.to_string()).is_ok())
        };
        assert!(parses(Some(smallest)) && parses(Some(largest)));
        assert!(!parses(smallest.checked_sub(1)) && !parses(largest.checked_add(1)));
    }

    #[test]
    fn ranges_are_those_of_the_parsers() {
        ends::<Port>();
        ends::<ExposedPort>();
        ends::<Address>();
        ends::<Attempts>();
        ends::<Times>();
        ends::<ExitCode>();
        ends::<StatusCode>();
        ends::<Mode>();
        ends::<Owner>();
        ends::<u32>();
    }
}
