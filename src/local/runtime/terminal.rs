//! The controlling side of a pseudo-terminal as a stream of bytes.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{read, write};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Its end is the end of the last process that has the terminal open. Dropping it hangs
/// the terminal up.
#[derive(Debug)]
pub struct TerminalStream {
    controller: AsyncFd<OwnedFd>,
}

impl TerminalStream {
    #[expect(
        deprecated,
        reason = "its successor is unsafe, for types that lie about their descriptor: this one owns it"
    )]
    pub fn new(controller: OwnedFd) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&controller, FcntlArg::F_GETFL)?);
        fcntl(&controller, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Self { controller: AsyncFd::new(controller)? })
    }
}

impl AsyncRead for TerminalStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.controller.poll_read_ready(context))?;
            let unfilled = buffer.initialize_unfilled();
            let done = ready.try_io(|controller| Ok(read(controller.get_ref(), unfilled)?));
            match done {
                Ok(Ok(length)) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                // Linux says so once the other side is closed (`pty(7)`).
                Ok(Err(error)) if error.raw_os_error() == Some(Errno::EIO as i32) => {
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for TerminalStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.controller.poll_write_ready(context))?;
            match ready.try_io(|controller| Ok(write(controller.get_ref(), bytes)?)) {
                Ok(done) => return Poll::Ready(done),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
