//! What an image made of layers is made from.

use crate::image::Image;
use crate::image::ignore::Ignore;
use crate::oci::Platform;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The latest time that fits the eleven octal digits of a tar header.
pub(super) const LATEST: u64 = 0o777_7777_7777;

/// How an image is made without a container engine.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// The folder that `from` is relative to: the plan's.
    pub folder: PathBuf,
    /// What is below. Nothing (`scratch`) where absent. Its configuration must
    /// be in the store, and its layers too.
    pub base: Option<Image>,
    /// In order; each becomes one layer, or several where it is large.
    pub layers: Vec<LayerSource>,
    /// The program and its fixed arguments. Where given, the base's default
    /// arguments are dropped with the base's entrypoint, as in a Dockerfile.
    pub entrypoint: Option<Vec<String>>,
    /// The default arguments.
    pub cmd: Option<Vec<String>>,
    /// Variables, in order. One that the base has too keeps its place.
    pub env: Vec<(String, String)>,
    /// Ports.
    pub expose: Vec<ExposedPort>,
    /// User, or user and group.
    pub user: Option<String>,
    /// The working directory.
    pub workdir: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What it runs on.
    pub platform: Platform,
    /// The time of every file and of the image, in seconds since 1970
    /// (`SOURCE_DATE_EPOCH`).
    pub created: u64,
    /// How layers are packed.
    pub compression: Compression,
}

/// A file or folder that becomes one layer, or several where it is large.
#[derive(Clone, Debug, Default)]
pub struct LayerSource {
    /// Relative to the recipe's folder. When it is a folder, what is in it goes
    /// into `to`.
    pub from: PathBuf,
    /// An absolute path in the image. With a `/` at its end a file goes into it
    /// under its own name.
    pub to: String,
    /// Only what matches one of these globs. Relative to `from`; `*` stays
    /// within a name, `**` does not; a folder stands for all that is in it.
    pub include: Vec<String>,
    /// Nothing that matches one of these.
    pub exclude: Vec<String>,
    /// What of it is as if it were not there.
    pub ignore: Ignoring,
    /// The mode of files; 0755 for what its owner may run, else 0644, where
    /// absent.
    pub mode: Option<Mode>,
    /// Who owns what is in it.
    pub owner: Owner,
}

/// Which files are as if they were not there, by the rules of a `.dockerignore`.
#[derive(Clone, Debug, Default)]
pub enum Ignoring {
    /// Those that the `.dockerignore` in the folder says, where there is one.
    #[default]
    Own,
    /// Those that a list says.
    Listed {
        /// The list.
        list: Ignore,
        /// Where `from` is in the folder that the list is of.
        within: PathBuf,
    },
}

/// How layers are packed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Compression {
    /// What every registry and runtime takes.
    #[default]
    Gzip,
    /// Smaller and faster, for those that take it.
    Zstd,
}

/// Text of a recipe that does not mean what it should.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidRecipe {
    /// Of `mode`.
    #[error("`{0}` is not a mode, which is octal, such as `0755`")]
    Mode(String),
    /// Of `owner`.
    #[error("`{0}` is not an owner, which is `uid` or `uid:gid` in numbers, such as `1000:1000`")]
    Owner(String),
    /// Of `expose`.
    #[error("`{0}` is not a port, such as `80` or `53/udp`")]
    Port(String),
}

/// Permission bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mode(u32);

impl Mode {
    /// The twelve bits.
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

/// Who owns a file, by number: an image need not know any names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl FromStr for Owner {
    type Err = InvalidRecipe;

    /// A group that is not given is the user's number, as for `COPY --chown`.
    fn from_str(text: &str) -> Result<Self, InvalidRecipe> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        match (number(uid), number(gid)) {
            (Some(uid), Some(gid)) => Ok(Self { uid, gid }),
            _ => Err(InvalidRecipe::Owner(text.to_owned())),
        }
    }
}

/// A port of an image: `80/tcp`.
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

/// Digits alone: `u32::from_str` takes a sign too.
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
