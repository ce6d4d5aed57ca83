//! Forwards connections from outside a group's network namespace to its ports.
//!
//! The client sends the port as two bytes, big endian, and gets one byte back: 0 if
//! the connection was made, otherwise an error. After an error follow the addresses
//! that do listen in the namespace, one a line.

use super::listeners::listening;
use super::protocol::ADDRESS;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};

pub const CONNECTED: u8 = 0;
pub const REFUSED: u8 = 1;

/// Takes connections for ever.
pub async fn serve(listener: UnixListener, isolated: bool) {
    loop {
        match listener.accept().await {
            // Errors of a connection are seen by its two ends.
            Ok((client, _)) => drop(tokio::spawn(carry(client, isolated))),
            // Usually out of file descriptors, until other connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn carry(mut client: UnixStream, isolated: bool) -> io::Result<()> {
    let address = if isolated { Ipv4Addr::from(ADDRESS) } else { Ipv4Addr::LOCALHOST };
    let port = client.read_u16().await?;
    if let Ok(mut server) = TcpStream::connect((address, port)).await {
        server.set_nodelay(true)?;
        client.write_u8(CONNECTED).await?;
        copy_bidirectional(&mut client, &mut server).await?;
    } else {
        client.write_u8(REFUSED).await?;
        // Without a namespace they would be those of the whole machine.
        let listening = if isolated { listening() } else { Vec::new() };
        for address in listening {
            client.write_all(format!("{address}\n").as_bytes()).await?;
        }
    }
    Ok(())
}
