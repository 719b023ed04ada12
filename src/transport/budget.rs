//! How much of a connection is read in one turn, and how much of no use is too much.
//!
//! Every byte from the socket counts, whatever it is: TLS records, the answer to the upgrade, WebSocket frames. It counts
//! and limits; it interprets nothing and reads no clock.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::INBOUND_BYTES;
use crate::model::Time;

/// Limit of the bytes that are read from the socket in one turn: two full TLS records, or half a second of a reply. The
/// next turn follows at once, after everything else was served, so that it costs no throughput.
pub const TURN_BYTES: usize = 32 * 1024;
/// Limit of the messages that are read in one turn, pings and pongs among them: each ping is answered by a write.
pub const TURN_MESSAGES: usize = 64;
/// What a read costs at least, in bytes: a peer that sends byte by byte must not cause a read for each.
const READ_COST: usize = 64;

/// How long messages are counted until the count starts again.
pub const FLOOD_WINDOW: Duration = Duration::from_secs(10);
/// Limit of messages within [`FLOOD_WINDOW`] without one of use. A service that pings, reports its limits and describes
/// its replies sends a few in a second.
pub const USELESS_MESSAGES: usize = 2_000;
/// Limit of bytes within [`FLOOD_WINDOW`] without a message of use: twice the longest message.
pub const USELESS_BYTES: usize = 2 * INBOUND_BYTES;
/// Limit of all messages within [`FLOOD_WINDOW`]. A reply of ten minutes that arrives at once has less than half as many.
pub const FLOOD_MESSAGES: usize = 20_000;

/// A stream of which at most [`TURN_BYTES`] are read in one turn; then a read would block.
pub(super) struct Metered<S> {
    stream: S,
    meter: ReadMeter,
}

/// The bytes that may still be read in this turn.
pub(super) struct ReadMeter {
    left: usize,
    /// A read was refused in this turn.
    has_refused: bool,
    /// Bytes read since [`Self::take_read`].
    read: usize,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, meter: ReadMeter { left: TURN_BYTES, has_refused: false, read: 0 } }
    }

    pub(super) fn meter_mut(&mut self) -> &mut ReadMeter {
        &mut self.meter
    }
}

impl ReadMeter {
    /// Begins a turn, and returns whether a read was refused in the last one.
    pub(super) fn refill(&mut self) -> bool {
        self.left = TURN_BYTES;
        std::mem::take(&mut self.has_refused)
    }

    /// Returns the number of bytes read since the last call.
    pub(super) fn take_read(&mut self) -> usize {
        std::mem::take(&mut self.read)
    }
}

impl<S: Read> Read for Metered<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { stream, meter } = self;
        if meter.left == 0 {
            meter.has_refused = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        let end = buffer.len().min(meter.left);
        let read = stream.read(&mut buffer[..end])?;
        meter.left = meter.left.saturating_sub(read.max(READ_COST));
        meter.read += read;
        Ok(read)
    }
}

impl<S: Write> Write for Metered<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: AsFd> AsFd for Metered<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Finds out that a peer sends more than a conversation needs.
pub(super) struct FloodDetector {
    since: Time,
    messages: usize,
    useless_messages: usize,
    useless_bytes: usize,
}

/// More than a conversation needs, within [`FLOOD_WINDOW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flood {
    /// So many messages.
    Messages(usize),
    /// So many messages and bytes, of no use.
    Useless { messages: usize, bytes: usize },
}

impl FloodDetector {
    pub(super) fn new(now: Time) -> Self {
        Self { since: now, messages: 0, useless_messages: 0, useless_bytes: 0 }
    }

    /// Counts what was read.
    pub(super) fn add(&mut self, messages: usize, bytes: usize, now: Time) -> Result<(), Flood> {
        if now >= self.since + FLOOD_WINDOW {
            *self = Self::new(now);
        }
        self.messages += messages;
        self.useless_messages += messages;
        self.useless_bytes += bytes;
        if self.useless_messages > USELESS_MESSAGES || self.useless_bytes > USELESS_BYTES {
            Err(Flood::Useless { messages: self.useless_messages, bytes: self.useless_bytes })
        } else if self.messages > FLOOD_MESSAGES {
            Err(Flood::Messages(self.messages))
        } else {
            Ok(())
        }
    }

    /// Records that the last message was of use.
    pub(super) fn record_use(&mut self) {
        (self.useless_messages, self.useless_bytes) = (0, 0);
    }
}
