//! The description of an image that is built from layers.

use crate::image::Image;
use crate::image::ignore::Ignore;
use crate::oci::Platform;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The latest time that fits into the eleven octal digits of a tar header.
pub const MAX_CREATED_SECS: u64 = 0o777_7777_7777;

/// The description of an image, built without a container engine.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// The plan's folder; `from` is relative to it.
    pub folder: PathBuf,
    /// The base image; `scratch` when absent. Its configuration and layers must be stored.
    pub base: Option<Image>,
    /// In order; each becomes one layer, or several if it is large.
    pub layers: Vec<LayerSource>,
    /// The program and its fixed arguments. As in a Dockerfile, setting it drops the base's
    /// default arguments.
    pub entrypoint: Option<Vec<String>>,
    pub cmd: Option<Vec<String>>,
    /// Environment variables in order. One that the base has too keeps its position.
    pub env: Vec<(String, String)>,
    pub expose: Vec<ExposedPort>,
    /// `user` or `user:group`.
    pub user: Option<String>,
    pub workdir: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub platform: Platform,
    /// The time of every file and of the image in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub created: u64,
    pub compression: Compression,
}

/// A file or folder that becomes one layer, or several if it is large.
#[derive(Clone, Debug, Default)]
pub struct LayerSource {
    /// Relative to the recipe's folder. The content of a folder is copied into `to`.
    pub from: PathBuf,
    /// An absolute path in the image. If it ends with `/`, a file is copied into it under
    /// its own name.
    pub to: String,
    /// Globs of wanted files relative to `from`; empty means all. `*` stays within a name,
    /// `**` does not; a folder includes everything in it.
    pub include: Vec<String>,
    /// Globs of unwanted files.
    pub exclude: Vec<String>,
    /// The ignore patterns that apply.
    pub ignore: IgnoreRules,
    /// The mode of files. Default: 0755 if the owner may execute the file, else 0644.
    pub mode: Option<Mode>,
    /// The owner of all its files and folders.
    pub owner: Owner,
}

/// Files to ignore, by the rules of `.dockerignore`.
#[derive(Clone, Debug, Default)]
pub enum IgnoreRules {
    /// The `.dockerignore` in the folder, if there is one.
    #[default]
    Own,
    /// Patterns that were read elsewhere.
    ListedLayer {
        list: Ignore,
        /// The path of `from` relative to the folder of the ignore file.
        within: PathBuf,
    },
}

/// How layers are packed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Compression {
    /// Accepted by every registry and runtime.
    #[default]
    Gzip,
    /// Smaller and faster, but not supported everywhere.
    Zstd,
}

/// A value of a recipe that could not be parsed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidRecipe {
    #[error("`{0}` is not a mode, which is octal, such as `0755`")]
    Mode(String),
    #[error("`{0}` is not an owner, which is `uid` or `uid:gid` in numbers, such as `1000:1000`")]
    Owner(String),
    #[error("`{0}` is not a port, such as `80` or `53/udp`")]
    Port(String),
}

/// The permission bits of a file, including set-user-ID, set-group-ID and sticky.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mode(u32);

impl Mode {
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for Mode {
    type Err = InvalidRecipe;

    fn from_str(text: &str) -> Result<Self, InvalidRecipe> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let octal = (1..=5).contains(&digits.len())
            && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        let bits = u32::from_str_radix(digits, 8).ok().filter(|bits| octal && *bits <= 0o7777);
        bits.map(Self).ok_or_else(|| InvalidRecipe::Mode(text.to_owned()))
    }
}

/// The owner of a file as numbers: an image need not contain the names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

impl FromStr for Owner {
    type Err = InvalidRecipe;

    /// Without a group, the group has the user's number, as for `COPY --chown`.
    fn from_str(text: &str) -> Result<Self, InvalidRecipe> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        match (number(uid), number(gid)) {
            (Some(uid), Some(gid)) => Ok(Self { uid, gid }),
            _ => Err(InvalidRecipe::Owner(text.to_owned())),
        }
    }
}

/// An exposed port such as `80/tcp`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ExposedPort {
    port: u16,
    protocol: &'static str,
}

impl FromStr for ExposedPort {
    type Err = InvalidRecipe;

    fn from_str(text: &str) -> Result<Self, InvalidRecipe> {
        let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol =
            ["tcp", "udp", "sctp"].into_iter().find(|known| known.eq_ignore_ascii_case(protocol));
        let port = number(port).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        match (port, protocol) {
            (Some(port), Some(protocol)) => Ok(Self { port, protocol }),
            _ => Err(InvalidRecipe::Port(text.to_owned())),
        }
    }
}

impl fmt::Display for ExposedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

/// Parses digits only; `u32::from_str` also accepts a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{ExposedPort, Mode, Owner};

    #[test]
    fn modes_are_octal() {
        let read = |text: &str| text.parse::<Mode>().map(Mode::bits);

        assert_eq!(read("0755"), Ok(0o755));
        assert_eq!(read("4755"), Ok(0o4755));
        assert_eq!(
            read("rwx").expect_err("no mode").to_string(),
            "`rwx` is not a mode, which is octal, such as `0755`"
        );
        for wrong in ["", "8", "+755", "17777", "000755"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn owners_are_numbers() {
        let read = |text: &str| text.parse::<Owner>();

        assert_eq!(read("1000:100"), Ok(Owner { uid: 1000, gid: 100 }));
        assert_eq!(read("1000"), Ok(Owner { uid: 1000, gid: 1000 }));
        assert_eq!(
            read("node").expect_err("a name").to_string(),
            "`node` is not an owner, which is `uid` or `uid:gid` in numbers, such as `1000:1000`"
        );
        assert!(read("1:").is_err());
    }

    #[test]
    fn ports_have_a_protocol() {
        let read = |text: &str| text.parse::<ExposedPort>().map(|port| port.to_string());

        assert_eq!(read("80"), Ok("80/tcp".into()));
        assert_eq!(read("53/UDP"), Ok("53/udp".into()));
        assert_eq!(
            read("http").expect_err("no port").to_string(),
            "`http` is not a port, such as `80` or `53/udp`"
        );
        for wrong in ["0", "65536", "80/http", "80/", "+80"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
