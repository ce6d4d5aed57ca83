//! Passes what a command says to an ssh agent on to that of this machine.
//!
//! The socket of the agent itself is not mounted: it belongs to the user of this machine, and an
//! agent answers to no other.

use std::fs::{self, Permissions};
use std::io;
use std::net::Shutdown;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

/// Makes a socket that leads to an agent as long as this process lives. Must be called before
/// this process enters another namespace of processes, in which it could start no thread.
pub fn forward(agent: &Path, at: &Path, mode: u32, [uid, gid]: [u32; 2]) -> io::Result<()> {
    // An agent that does not answer is found out before the command runs.
    UnixStream::connect(agent)?;
    let listener = UnixListener::bind(at)?;
    chown(at, Some(uid), Some(gid))?;
    fs::set_permissions(at, Permissions::from_mode(mode))?;
    let agent = agent.to_owned();
    thread::Builder::new().spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = UnixStream::connect(&agent) else { continue };
            // The client sees that the agent has ended.
            connect(client, server).ok();
        }
    })?;
    Ok(())
}

/// Copies both ways until one side ends.
fn connect(client: UnixStream, server: UnixStream) -> io::Result<()> {
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::Builder::new().spawn(move || {
        io::copy(&mut from_client, &mut to_server).ok();
        to_server.shutdown(Shutdown::Write).ok();
    })?;
    let (mut from_server, mut to_client) = (server, client);
    thread::Builder::new().spawn(move || {
        io::copy(&mut from_server, &mut to_client).ok();
        to_client.shutdown(Shutdown::Both).ok();
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::forward;
    use nix::unistd::{getgid, getuid};
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::thread;

    #[test]
    fn several_connections_reach_the_agent_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let [agent, at] = ["agent", "at"].map(|name| folder.path().join(name));
        let ids = [getuid().as_raw(), getgid().as_raw()];
        let missing = forward(&agent, &at, 0o600, ids).expect_err("no agent");
        assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&agent).expect("bound");
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut text = String::new();
                    client.read_to_string(&mut text).expect("read");
                    client.write_all(text.to_uppercase().as_bytes()).expect("written");
                });
            }
        });

        forward(&agent, &at, 0o640, ids).expect("forwarded");

        assert_eq!(at.metadata().expect("there").permissions().mode() & 0o7777, 0o640);
        let mut one = UnixStream::connect(&at).expect("connected");
        let mut other = UnixStream::connect(&at).expect("connected");
        for (stream, text) in [(&mut other, "second"), (&mut one, "first")] {
            stream.write_all(text.as_bytes()).expect("written");
            stream.shutdown(std::net::Shutdown::Write).expect("shut");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("read");
            assert_eq!(answer, text.to_uppercase());
        }
    }
}
