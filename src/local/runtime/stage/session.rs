//! A command in a running container: its terminal, and how the bytes of it are carried.

use super::protocol::{ExecOrder, TerminalSize};
use crate::local::runtime::terminal::TerminalStream;
use nix::pty::{Winsize, openpty};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::ioctl_tiocsctty;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as Channel;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest, copy};
use tokio::net::UnixStream;
use tokio::sync::oneshot;

/// Larger than any order: the variables of a container.
const MAX_ORDER_BYTES: u32 = 4 << 20;

/// What a command has whose exit code is not known.
const NO_EXIT_CODE: i32 = 255;

/// How long output may follow after the command itself has ended.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Makes a new terminal the standard input, output and error of this process, which leads
/// a session, and sends its controlling side away.
pub fn open_terminal(size: TerminalSize, channel: &Channel) -> io::Result<()> {
    let TerminalSize { rows, columns } = size;
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pair = openpty(&size, None)?;
    ioctl_tiocsctty(&pair.slave)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let controller = [pair.master.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&controller));
    // A descriptor travels with at least one byte.
    sendmsg(channel, &[IoSlice::new(&[0])], &mut control, SendFlags::empty())?;
    dup2_stdin(&pair.slave)?;
    dup2_stdout(&pair.slave)?;
    dup2_stderr(&pair.slave)?;
    Ok(())
}

/// Reads the order of a client.
pub async fn read_order(client: &mut UnixStream) -> io::Result<ExecOrder> {
    let length = client.read_u32().await?;
    if length > MAX_ORDER_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut order = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    client.read_exact(&mut order).await?;
    Ok(serde_json::from_slice(&order)?)
}

/// Carries the bytes of a command's terminal until the command ends.
pub async fn carry(
    mut client: UnixStream,
    mut channel: UnixStream,
    mut exit: oneshot::Receiver<i32>,
    reports_exit: bool,
) -> io::Result<()> {
    let controller = receive(&channel).await?;
    let mut reason = String::new();
    // Closes without a message when the command is executed.
    channel.read_to_string(&mut reason).await?;
    if let Some(controller) = controller.filter(|_| reason.is_empty()) {
        tokio::select! {
            () = converse(&mut client, TerminalStream::new(controller)?) => {}
            () = async {
                // What runs on in the background keeps the terminal open.
                (&mut exit).await.ok();
                tokio::time::sleep(DRAIN_TIMEOUT).await;
            }, if !reports_exit => {}
        }
        if reports_exit {
            client.write_i32(exit.await.unwrap_or(NO_EXIT_CODE)).await?;
        }
        return client.shutdown().await;
    }
    client.write_all(format!("{reason}\r\n").as_bytes()).await?;
    client.shutdown().await
}

/// Copies between a client and a terminal until the last process has closed the terminal or
/// the client is gone. Then dropping the controlling side hangs the terminal up.
async fn converse(client: &mut UnixStream, terminal: TerminalStream) {
    let (mut output, mut input) = tokio::io::split(terminal);
    let (mut keys, mut screen) = client.split();
    let to_terminal = async {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = keys.read(&mut buffer).await {
            if input.write_all(&buffer[..length]).await.is_err() {
                // The command has ended, and its last output is on its way.
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        _ = copy(&mut output, &mut screen) => {}
        () = to_terminal => {}
    }
}

/// The controlling side of the terminal; `None` if it could not be made.
async fn receive(channel: &UnixStream) -> io::Result<Option<OwnedFd>> {
    channel
        .async_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut byte = [0];
            let flags = RecvFlags::CMSG_CLOEXEC;
            recvmsg(channel, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)?;
            let received = control.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
                _ => None,
            });
            Ok(received)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::{TerminalStream, converse};
    use nix::pty::openpty;
    use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
    use nix::unistd::write;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn input_that_an_ended_command_does_not_take_loses_none_of_its_output() {
        // The two directions are looked at in a random order.
        for _ in 0..64 {
            let pair = openpty(None, None).expect("a terminal");
            let (mut near, mut far) = UnixStream::pair().expect("a socket");
            // Input that is still taken is not echoed.
            let mut settings = tcgetattr(&pair.slave).expect("a terminal");
            cfmakeraw(&mut settings);
            tcsetattr(&pair.slave, SetArg::TCSANOW, &settings).expect("set");
            write(&pair.slave, b"last words").expect("written");
            drop(pair.slave);
            near.write_all(b"more input").await.expect("written");

            let terminal = TerminalStream::new(pair.master).expect("a terminal");
            converse(&mut far, terminal).await;
            far.shutdown().await.expect("closed");

            let mut output = String::new();
            near.read_to_string(&mut output).await.expect("text");
            assert_eq!(output, "last words");
        }
    }

    #[tokio::test]
    async fn terminal_is_hung_up_when_the_client_goes() {
        let pair = openpty(None, None).expect("a terminal");
        let (near, mut far) = UnixStream::pair().expect("a socket");
        drop(near);

        converse(&mut far, TerminalStream::new(pair.master).expect("a terminal")).await;

        write(&pair.slave, b"output").expect_err("the controlling side is closed");
    }
}
