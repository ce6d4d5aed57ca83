//! What a file in an image has beside its content: permissions and an owner.

use super::port::digits;
use std::str::FromStr;

/// The permission bits of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mode(u32);

/// Text that is not a mode.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a mode, which is octal, such as `0755`")]
pub struct InvalidMode(String);

impl Mode {
    /// The twelve bits of `chmod`.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl FromStr for Mode {
    type Err = InvalidMode;

    /// Octal digits, with or without `0o`.
    fn from_str(text: &str) -> Result<Self, InvalidMode> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let octal = (1..=5).contains(&digits.len())
            && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        let bits = u32::from_str_radix(digits, 8).ok().filter(|bits| octal && *bits <= 0o7777);
        bits.map(Self).ok_or_else(|| InvalidMode(text.to_owned()))
    }
}

/// Who owns a file, by number: an image need not know any names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

/// Text that is not an owner.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not an owner, which is `uid` or `uid:gid` in numbers, such as `1000:1000`")]
pub struct InvalidOwner(String);

impl FromStr for Owner {
    type Err = InvalidOwner;

    /// `uid[:gid]`. Without a group it is the user's number, as for `COPY --chown`.
    fn from_str(text: &str) -> Result<Self, InvalidOwner> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        match (digits(uid), digits(gid)) {
            (Some(uid), Some(gid)) => Ok(Self { uid, gid }),
            _ => Err(InvalidOwner(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, Owner};

    #[test]
    fn modes_are_octal() {
        let bits = |text: &str| text.parse::<Mode>().map(Mode::bits);

        assert_eq!(bits("0755"), Ok(0o755));
        assert_eq!(bits("4755"), Ok(0o4755));
        assert_eq!(
            bits("rwx").expect_err("not a mode").to_string(),
            "`rwx` is not a mode, which is octal, such as `0755`"
        );
        for text in ["", "8", "0o", "99999", "10000", "-1", "+7"] {
            assert!(text.parse::<Mode>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_owner_is_numbers() {
        assert_eq!("1000".parse(), Ok(Owner { uid: 1000, gid: 1000 }));
        assert_eq!("5:6".parse(), Ok(Owner { uid: 5, gid: 6 }));
        for text in ["", "root", "1:", ":1", "-1", "4294967296"] {
            assert!(text.parse::<Owner>().is_err(), "{text}");
        }
    }
}
