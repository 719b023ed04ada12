//! One request over a connection, and what is answered: bytes out, bytes in, until the caller has enough or the peer ends.
//!
//! It never blocks, keeps no time and interprets nothing. What is received is bounded.

use std::io::{self, ErrorKind, Read, Write};

use super::{ByteStream, TransportError};

/// Bytes read at once.
const READ_BYTES: usize = 8 * 1024;

/// A request that is sent and answered over a connection of its own.
pub struct Exchange {
    stream: ByteStream,
    request: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
    limit: usize,
    has_ended: bool,
}

impl Exchange {
    /// Sends `request` over `stream`; at most `limit` bytes of the answer are kept.
    #[must_use]
    pub fn new(stream: ByteStream, request: Vec<u8>, limit: usize) -> Self {
        Self { stream, request, sent: 0, received: Vec::new(), limit, has_ended: false }
    }

    /// Sends and receives what is possible now.
    ///
    /// # Errors
    /// `WouldBlock` when nothing more is possible before the socket is ready; any other error has ended the connection.
    pub fn step(&mut self) -> io::Result<()> {
        self.stream.meter_mut().refill();
        while self.sent < self.request.len() {
            match self.stream.write(&self.request[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                // TLS reads while it writes: the handshake goes on below.
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        match self.stream.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let room = (self.limit - self.received.len()).min(READ_BYTES);
        let mut buffer = [0; READ_BYTES];
        let count = self.stream.read(&mut buffer[..room])?;
        self.received.extend_from_slice(&buffer[..count]);
        self.has_ended |= count == 0;
        Ok(())
    }

    /// Returns what was received so far.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Returns whether nothing more will be received.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Returns whether the socket has to become writable for the next step.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.stream.wants_write() || self.sent < self.request.len() && self.stream.is_plain()
    }

    /// Returns what an error of [`Self::step`] means, with what to do about a certificate.
    #[must_use]
    pub fn describe(error: io::Error) -> String {
        TransportError::from(error).message
    }
}
