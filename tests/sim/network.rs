//! A simulated TCP connection: two byte streams in virtual time that can be slow, stall, go silent or be reset.
//!
//! It does not interpret the bytes.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use super::clock::{At, Clock, MS, S, US};

/// Bytes that may be written ahead of the reader, as with a kernel's socket buffers.
const SEND_BUFFER: usize = 128 * 1024;
/// How long the kernel waits for an acknowledgement (`TCP_USER_TIMEOUT`, as `transport` sets it).
const UNACKNOWLEDGED_LIMIT: At = 20 * S;
/// How long the device takes to read from a flood, as a slow board may.
const READ_TIME: At = 100 * US;
/// How long it takes to write during a flood: a TLS record and a system call.
const WRITE_TIME: At = 50 * US;
/// Frames of a flood that arrive together.
const FRAMES_AT_ONCE: usize = 32;

/// Returns the device's and the server's end of a new connection.
pub(super) fn connection(clock: &Clock, latency: At) -> (SimSocket, SimSocket) {
    let state = State {
        clock: clock.clone(),
        latency,
        pipes: [Pipe::default(), Pipe::default()],
        stalled_until: 0,
        broken: None,
        dead: false,
        flood: None,
        unacknowledged: None,
    };
    let shared = Arc::new(Mutex::new(state));
    (
        SimSocket { shared: Arc::clone(&shared), writes: 0, context: None, label: 0 },
        SimSocket { shared, writes: 1, context: None, label: 0 },
    )
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct SimSocket {
    shared: Arc<Mutex<State>>,
    /// The index of the pipe this end writes to; it reads from the other.
    writes: usize,
    /// Sent along with every byte that this end writes.
    context: Option<Arc<Mutex<WriteContext>>>,
    /// Sent along with the bytes: the number of replies up to the one they belong to.
    label: usize,
}

/// What an observer sees at the moment bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WriteContext {
    /// The light shows a live microphone.
    pub(super) lit: bool,
}

/// Injects network faults into one connection and observes it.
#[derive(Clone, Debug)]
pub(super) struct LinkHandle(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    clock: Clock,
    latency: At,
    pipes: [Pipe; 2],
    stalled_until: At,
    broken: Option<ErrorKind>,
    /// Nothing arrives any more, and neither end is notified.
    dead: bool,
    /// What the device is flooded with, and until when.
    flood: Option<(At, Vec<u8>)>,
    /// The time of the first byte of the device that was not acknowledged.
    unacknowledged: Option<At>,
}

#[derive(Debug, Default)]
struct Pipe {
    in_flight: VecDeque<Packet>,
    arrived: VecDeque<Packet>,
    /// The context and label of the bytes read last.
    context: WriteContext,
    label: usize,
    bytes: usize,
    /// A write found no room.
    blocked: bool,
    closed: bool,
}

#[derive(Debug)]
struct Packet {
    at: At,
    label: usize,
    bytes: VecDeque<u8>,
    context: WriteContext,
}

impl SimSocket {
    /// Attaches the context that is current whenever this end writes.
    pub(super) fn with_context(mut self, context: Arc<Mutex<WriteContext>>) -> Self {
        self.context = Some(context);
        self
    }

    /// Sets the label of everything written from now on.
    pub(super) fn label(&mut self, label: usize) {
        self.label = label;
    }

    /// Forgets a write that found no room: this end has nothing more to write when there is room.
    pub(super) fn give_up_write(&mut self) {
        let writes = self.writes;
        self.lock().pipes[writes].blocked = false;
    }

    pub(super) fn link(&self) -> LinkHandle {
        LinkHandle(Arc::clone(&self.shared))
    }

    /// Returns the context of the bytes read last.
    pub(super) fn context(&self) -> WriteContext {
        self.lock().pipes[1 - self.writes].context
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap()
    }
}

impl LinkHandle {
    /// Delays everything in flight, and everything sent meanwhile, to `until`.
    pub(super) fn stall(&self, until: At) {
        let mut state = self.0.lock().unwrap();
        state.stalled_until = state.stalled_until.max(until);
        for pipe in &mut state.pipes {
            pipe.in_flight.iter_mut().for_each(|packet| packet.at = packet.at.max(until));
        }
    }

    /// Resets the connection; both ends get `ECONNRESET`.
    pub(super) fn reset(&self) {
        self.0.lock().unwrap().broken = Some(ErrorKind::ConnectionReset);
    }

    /// Drops all bytes from now on without notifying either end.
    pub(super) fn kill(&self) {
        let mut state = self.0.lock().unwrap();
        state.dead = true;
        state.pipes.iter_mut().for_each(|pipe| pipe.in_flight.clear());
    }

    /// Lets the device read these frames for ever until then. What it does meanwhile takes time: see [`READ_TIME`].
    pub(super) fn flood(&self, until: At, frames: Vec<u8>) {
        self.0.lock().unwrap().flood = Some((until, frames));
    }

    pub(super) fn latency(&self) -> At {
        self.0.lock().unwrap().latency
    }

    pub(super) fn set_latency(&self, latency: At) {
        self.0.lock().unwrap().latency = latency;
    }

    /// Returns the label of the bytes that the device read last.
    pub(super) fn delivered(&self) -> usize {
        self.0.lock().unwrap().pipes[1].label
    }

    /// Returns whether bytes still arrive.
    pub(super) fn is_alive(&self) -> bool {
        let state = self.0.lock().unwrap();
        !state.dead && state.broken.is_none()
    }

    /// Returns whether the device's end is still open.
    pub(super) fn is_held(&self) -> bool {
        !self.0.lock().unwrap().pipes[0].closed
    }

    /// Returns whether one end is ready: data, end of file, an error, or room after a write that found none.
    pub(super) fn is_readable(&self, server_side: bool) -> bool {
        let state = &mut *self.0.lock().unwrap();
        state.deliver_due();
        let pipe = &state.pipes[usize::from(!server_side)];
        let own = &state.pipes[usize::from(server_side)];
        (own.blocked && own.bytes < SEND_BUFFER)
            || (!server_side && state.flood.is_some())
            || state.broken.is_some()
            || !pipe.arrived.is_empty()
            || (pipe.closed && pipe.in_flight.is_empty() && !state.dead)
    }

    /// Returns when the next bytes arrive or the kernel gives up on the connection.
    pub(super) fn next(&self) -> Option<At> {
        let state = self.0.lock().unwrap();
        if state.broken.is_some() {
            return None;
        }
        let arrivals = state.pipes.iter().filter_map(|pipe| pipe.in_flight.front().map(|packet| packet.at));
        arrivals.chain(state.unacknowledged.map(|since| since + UNACKNOWLEDGED_LIMIT)).min()
    }
}

impl State {
    /// Delivers all bytes that are due.
    fn deliver_due(&mut self) {
        let now = self.clock.now();
        self.flood.take_if(|(until, _)| *until <= now);
        if self.unacknowledged.is_some_and(|since| now >= since + UNACKNOWLEDGED_LIMIT) {
            self.broken = Some(ErrorKind::TimedOut);
        }
        for pipe in &mut self.pipes {
            while let Some(packet) = pipe.in_flight.pop_front_if(|packet| packet.at <= now) {
                pipe.arrived.push_back(packet);
            }
        }
        if !self.dead && self.pipes[0].in_flight.is_empty() {
            self.unacknowledged = None;
        }
    }
}

impl State {
    /// Delivers more of a flood when there is nothing else to read.
    fn deliver_flood(&mut self) {
        let Some((_, frames)) = &self.flood else { return };
        self.clock.set(self.clock.now() + READ_TIME);
        let pipe = &mut self.pipes[1];
        if pipe.arrived.is_empty() {
            let (label, context, bytes) = (pipe.label, pipe.context, frames.repeat(FRAMES_AT_ONCE));
            pipe.bytes += bytes.len();
            pipe.arrived.push_back(Packet { at: self.clock.now(), label, bytes: bytes.into(), context });
        }
    }
}

impl Read for SimSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let from = 1 - self.writes;
        let state = &mut *self.lock();
        state.deliver_due();
        if from == 1 {
            state.deliver_flood();
        }
        if let Some(broken) = state.broken {
            return Err(broken.into());
        }
        let pipe = &mut state.pipes[from];
        let Some(packet) = pipe.arrived.front_mut() else {
            let over = pipe.closed && pipe.in_flight.is_empty() && !state.dead;
            return if over { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        };
        // Never across two packets, so that each read has one context and one label.
        (pipe.context, pipe.label) = (packet.context, packet.label);
        let read = packet.bytes.read(into)?;
        if packet.bytes.is_empty() {
            pipe.arrived.pop_front();
        }
        pipe.bytes -= read;
        Ok(read)
    }
}

impl Write for SimSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let context =
            self.context.as_ref().map_or(WriteContext::default(), |context| *context.lock().unwrap());
        let (from, state) = (self.writes, &mut *self.shared.lock().unwrap());
        state.deliver_due();
        if let Some(broken) = state.broken {
            return Err(broken.into());
        }
        if state.pipes[1 - from].closed && !state.dead {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if from == 0 && state.flood.is_some() {
            state.clock.set(state.clock.now() + WRITE_TIME);
        }
        let (now, latency) = (state.clock.now(), state.latency);
        let pipe = &mut state.pipes[from];
        let taken = bytes.len().min(SEND_BUFFER.saturating_sub(pipe.bytes));
        pipe.blocked = taken == 0;
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.bytes += taken;
        if from == 0 && (state.dead || state.stalled_until > now) {
            state.unacknowledged.get_or_insert(now);
        }
        if !state.dead {
            let earliest = pipe.in_flight.back().map_or(0, |packet| packet.at);
            let at = (now + latency).max(earliest).max(state.stalled_until);
            pipe.in_flight.push_back(Packet {
                at,
                label: self.label,
                bytes: bytes[..taken].to_vec().into(),
                context,
            });
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        let writes = self.writes;
        let mut state = self.lock();
        state.pipes[writes].closed = true;
    }
}

/// The one-way delay of a healthy network.
pub(super) const FAST: At = 20 * MS;
