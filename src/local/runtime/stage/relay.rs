//! Carries connections from outside a group's network namespace to its ports.
//!
//! A client says the port in two bytes, most significant first, and is answered
//! with one: 0 when the connection stands, otherwise what went wrong.

use super::protocol::ADDRESS;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};

/// The connection stands.
pub(crate) const CONNECTED: u8 = 0;
/// Nothing listens there.
pub(crate) const REFUSED: u8 = 1;

/// Takes connections for ever.
pub(super) async fn serve(listener: UnixListener, isolated: bool) {
    let address = if isolated { Ipv4Addr::from(ADDRESS) } else { Ipv4Addr::LOCALHOST };
    loop {
        match listener.accept().await {
            // How one connection ends concerns its two ends alone.
            Ok((client, _)) => drop(tokio::spawn(carry(client, address))),
            // Out of descriptors, most likely: some will come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn carry(mut client: UnixStream, address: Ipv4Addr) -> io::Result<()> {
    let port = client.read_u16().await?;
    match TcpStream::connect((address, port)).await {
        Ok(mut server) => {
            server.set_nodelay(true)?;
            client.write_u8(CONNECTED).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Err(_) => client.write_u8(REFUSED).await?,
    }
    Ok(())
}
