//! The TCP sockets that listen in this process's network namespace, from
//! `/proc/self/net/tcp` and `tcp6` (`proc_pid_net(5)`).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The state of a listening socket, `TCP_LISTEN` in the kernel.
const LISTEN: &str = "0A";

/// Sorted, without duplicates; empty where it cannot be read.
pub fn listening() -> Vec<SocketAddr> {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let mut all: Vec<SocketAddr> = tables
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|text| parse(&text))
        .collect();
    all.sort();
    all.dedup();
    all
}

fn parse(table: &str) -> Vec<SocketAddr> {
    table.lines().skip(1).filter_map(row).collect()
}

/// `sl local_address rem_address st …`, of which the address is `HEX:PORT`.
fn row(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_whitespace();
    let (_, local, _, state) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (address, port) = local.split_once(':').filter(|_| state == LISTEN)?;
    Some(SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// Words of 32 bits, each in the byte order of the machine.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok();
    match hex.len() {
        8 => Some(IpAddr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (number, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(number * 8)?.to_ne_bytes());
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_sockets_are_read_and_others_are_not() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n   \
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n   \
                     1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n   \
                     2: 04005C0A:0050 0400005C:C350 01 00000000:00000000 00:00000000 00000000\n";
        let shown = |table: &str| {
            parse(table).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(table), "127.0.0.1:8080 0.0.0.0:80");

        let six = "  sl  local_address remote_address st\n   \
                   0: 00000000000000000000000000000000:0050 0:0 0A 0\n   \
                   1: 00000000000000000000000001000000:0BB8 0:0 0A 0\n   \
                   2: 0000000000000000FFFF00000100007F:0051 0:0 0A 0\n";
        assert_eq!(shown(six), "[::]:80 [::1]:3000 127.0.0.1:81");
        assert_eq!(shown("  sl\nno row\n"), "");
    }
}
