//! The byte stream below the WebSocket: TCP, TLS, a Unix socket pair, or memory. It never blocks and never
//! connects.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::Tls;
use super::budget::{Metered, ReadMeter};
use super::error::TransportError;
use super::tls::TlsIo;
use crate::model::Time;

/// `TCP_USER_TIMEOUT`: how long the kernel retransmits before it drops the connection. Roaming between two
/// access points takes less.
const UNACKNOWLEDGED_LIMIT_MS: u32 = 20_000;

/// A connected, non-blocking stream.
pub struct ByteStream(StreamKind);

enum StreamKind {
    Tcp(Metered<TcpStream>),
    Tls(Box<TlsIo>),
    SocketPair(Metered<UnixStream>),
    Memory(Metered<Box<dyn ReadWrite>>),
}

trait ReadWrite: Read + Write + Send {}

impl<T: Read + Write + Send> ReadWrite for T {}

impl ByteStream {
    /// Wraps a connected TCP socket without encryption; for loopback, and a host that the user allows.
    ///
    /// # Errors
    /// When a socket option cannot be set.
    pub fn tcp(socket: TcpStream) -> io::Result<Self> {
        configure(&socket)?;
        Ok(Self(StreamKind::Tcp(Metered::new(socket))))
    }

    /// Wraps a connected TCP socket and starts TLS with `host`.
    ///
    /// # Errors
    /// When a socket option cannot be set, or `host` is not a valid server name.
    pub fn tls(socket: TcpStream, host: &str, tls: &Tls, now: Time) -> Result<Self, TransportError> {
        configure(&socket)?;
        Ok(Self(StreamKind::Tls(Box::new(tls.connect(socket, host, now)?))))
    }

    /// Wraps a non-blocking stream in memory. It has no file descriptor to poll: the simulator decides when
    /// it is read.
    #[must_use]
    pub fn memory(stream: impl Read + Write + Send + 'static) -> Self {
        Self(StreamKind::Memory(Metered::new(Box::new(stream))))
    }

    pub(super) fn pair() -> io::Result<(Self, Self)> {
        let (client, server) = UnixStream::pair()?;
        client.set_nonblocking(true)?;
        server.set_nonblocking(true)?;
        let end = |socket| Self(StreamKind::SocketPair(Metered::new(socket)));
        Ok((end(client), end(server)))
    }

    /// Returns the meter of what is read from the socket, below TLS.
    pub(super) fn meter_mut(&mut self) -> &mut ReadMeter {
        match &mut self.0 {
            StreamKind::Tcp(socket) => socket.meter_mut(),
            StreamKind::Tls(tls) => tls.meter_mut(),
            StreamKind::SocketPair(socket) => socket.meter_mut(),
            StreamKind::Memory(stream) => stream.meter_mut(),
        }
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            StreamKind::Tcp(socket) => Some(socket.as_fd()),
            StreamKind::Tls(tls) => Some(tls.as_fd()),
            StreamKind::SocketPair(socket) => Some(socket.as_fd()),
            StreamKind::Memory(_) => None,
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        !matches!(self.0, StreamKind::Tls(_))
    }

    pub(super) fn wants_write(&self) -> bool {
        match &self.0 {
            StreamKind::Tls(tls) => tls.wants_write(),
            StreamKind::Tcp(_) | StreamKind::SocketPair(_) | StreamKind::Memory(_) => false,
        }
    }
}

impl Read for ByteStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            StreamKind::Tcp(socket) => socket.read(buffer),
            StreamKind::Tls(tls) => tls.read(buffer),
            StreamKind::SocketPair(socket) => socket.read(buffer),
            StreamKind::Memory(stream) => stream.read(buffer),
        }
    }
}

impl Write for ByteStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            StreamKind::Tcp(socket) => socket.write(bytes),
            StreamKind::Tls(tls) => tls.write(bytes),
            StreamKind::SocketPair(socket) => socket.write(bytes),
            StreamKind::Memory(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            StreamKind::Tcp(_) | StreamKind::SocketPair(_) => Ok(()),
            StreamKind::Tls(tls) => tls.flush(),
            StreamKind::Memory(stream) => stream.flush(),
        }
    }
}

fn configure(socket: &TcpStream) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(socket, true)?;
    rustix::net::sockopt::set_tcp_keepidle(socket, Duration::from_secs(30))?;
    rustix::net::sockopt::set_tcp_user_timeout(socket, UNACKNOWLEDGED_LIMIT_MS)?;
    Ok(())
}
