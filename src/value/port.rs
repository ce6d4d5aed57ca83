//! Ports, as images and container groups spell them: `80`, `53/udp`.

use std::fmt;
use std::str::FromStr;

/// A port of a container.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Port {
    pub number: u16,
    pub protocol: Protocol,
}

/// The protocol of a [`Port`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// A port that an image declares: `80/tcp`. Images know SCTP too.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ExposedPort {
    port: u16,
    protocol: &'static str,
}

/// Text that is not a port.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a port, such as `80` or `53/udp`")]
pub struct InvalidPort(String);

impl FromStr for Port {
    type Err = InvalidPort;

    /// A number from 1 to 65535, and `/tcp` or `/udp`; TCP where that is left out.
    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        let port: ExposedPort = text.parse()?;
        let protocol = match port.protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Err(InvalidPort(text.to_owned())),
        };
        Ok(Self { number: port.port, protocol })
    }
}

impl FromStr for ExposedPort {
    type Err = InvalidPort;

    /// As of a [`Port`], or with `/sctp`.
    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol =
            ["tcp", "udp", "sctp"].into_iter().find(|known| known.eq_ignore_ascii_case(protocol));
        let port = digits(port).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        match (port, protocol) {
            (Some(port), Some(protocol)) => Ok(Self { port, protocol }),
            _ => Err(InvalidPort(text.to_owned())),
        }
    }
}

impl fmt::Display for ExposedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

/// A number of digits alone: `u32::from_str` accepts a sign too.
pub(super) fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{ExposedPort, Port, Protocol};

    #[test]
    fn ports_have_a_protocol() {
        assert_eq!("80".parse(), Ok(Port { number: 80, protocol: Protocol::Tcp }));
        assert_eq!("53/UDP".parse(), Ok(Port { number: 53, protocol: Protocol::Udp }));
        let error = "0".parse::<Port>().expect_err("not a port");
        assert_eq!(error.to_string(), "`0` is not a port, such as `80` or `53/udp`");
        for text in ["", "0", "65536", "80/", "80/icmp", "80/sctp", "+80", "web"] {
            assert!(text.parse::<Port>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_image_exposes_sctp_too() {
        let shown = |text: &str| text.parse::<ExposedPort>().map(|port| port.to_string());
        assert_eq!(shown("80").as_deref(), Ok("80/tcp"));
        assert_eq!(shown("9/sctp").as_deref(), Ok("9/sctp"));
        assert!(shown("9/icmp").is_err());
    }
}
