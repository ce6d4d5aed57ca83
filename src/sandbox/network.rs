//! Brings up the loopback of a new network namespace and adds an address to it.
//!
//! Uses netlink (rtnetlink(7)), because nix has no safe wrapper for the older ioctl.

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};
use std::os::fd::AsRawFd as _;

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const REQUEST_ACK: u16 = 0x0001 | 0x0004;
const CREATE_REPLACE: u16 = 0x0400 | 0x0100;
const NLMSG_ERROR: u16 = 2;
const IFF_UP: u32 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// The loopback is the first interface of every network namespace.
const LOOPBACK: u32 = 1;

/// Brings `lo` up, with a further address beside 127.0.0.1 where one is given.
pub fn bring_up(further: Option<[u8; 4]>) -> Result<(), Errno> {
    exchange(&link_up())?;
    further.map_or(Ok(()), |further| exchange(&address(further)))
}

/// A message: `struct nlmsghdr` of 16 bytes, then its fields.
fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).expect("a message of a few bytes");
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// `struct ifinfomsg`: family, padding, type, index, flags, change mask.
fn link_up() -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0];
    body.extend(LOOPBACK.to_ne_bytes());
    body.extend(IFF_UP.to_ne_bytes());
    body.extend(IFF_UP.to_ne_bytes());
    message(RTM_NEWLINK, REQUEST_ACK, &body)
}

/// `struct ifaddrmsg`: family, prefix length, flags, scope, index; attributes.
fn address(address: [u8; 4]) -> Vec<u8> {
    let mut body = vec![2, 32, 0, 0];
    body.extend(LOOPBACK.to_ne_bytes());
    for kind in [IFA_LOCAL, IFA_ADDRESS] {
        body.extend(8_u16.to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(address);
    }
    message(RTM_NEWADDR, REQUEST_ACK | CREATE_REPLACE, &body)
}

fn exchange(request: &[u8]) -> Result<(), Errno> {
    let family = AddressFamily::Netlink;
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), request, &kernel, MsgFlags::empty())?;
    let mut answer = [0_u8; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    acknowledged(&answer[..length])
}

/// The kernel acknowledges with an error message whose code is 0.
fn acknowledged(answer: &[u8]) -> Result<(), Errno> {
    let kind = answer.get(4..6).map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]));
    let code = answer.get(16..20).map(|b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(Errno::from_raw(-code)),
        _ => Err(Errno::EPROTO),
    }
}

#[cfg(test)]
mod tests {
    use super::{Errno, acknowledged, address, link_up, message};

    #[test]
    fn messages_have_the_sizes_of_the_kernel_structs() {
        assert_eq!(link_up().len(), 32);
        assert_eq!(address([10, 0, 0, 1]).len(), 40);
    }

    #[test]
    fn an_error_of_the_kernel_is_an_error() {
        assert_eq!(acknowledged(&message(2, 0, &0_i32.to_ne_bytes())), Ok(()));
        assert_eq!(acknowledged(&message(2, 0, &(-1_i32).to_ne_bytes())), Err(Errno::EPERM));
        assert_eq!(acknowledged(b"short"), Err(Errno::EPROTO));
    }
}
