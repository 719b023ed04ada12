//! A connection through a network that may be slow, stall, lose one end, or break: two byte streams in virtual time.
//!
//! It carries bytes and knows nothing of what they mean.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use super::clock::{At, Clock, MS, S};

/// Bytes that a kernel takes before the reader has any of them.
const SEND_BUFFER: usize = 128 * 1024;
/// How long the kernel waits for an acknowledgement (`TCP_USER_TIMEOUT`, as the link sets it).
const UNACKNOWLEDGED_LIMIT: At = 20 * S;

/// The two ends of a connection.
pub(super) fn connection(clock: &Clock, latency: At) -> (SimSocket, SimSocket) {
    let state = State {
        clock: clock.clone(),
        latency,
        pipes: [Pipe::default(), Pipe::default()],
        stalled_until: 0,
        broken: None,
        dead: false,
        unacknowledged: None,
    };
    let shared = Arc::new(Mutex::new(state));
    (
        SimSocket { shared: Arc::clone(&shared), writes: 0, context: None, label: 0 },
        SimSocket { shared, writes: 1, context: None, label: 0 },
    )
}

/// One end.
#[derive(Debug)]
pub(super) struct SimSocket {
    shared: Arc<Mutex<State>>,
    /// Which lane this end writes; it reads the other.
    writes: usize,
    /// What is true while this end writes, carried along with the bytes.
    context: Option<Arc<Mutex<WriteContext>>>,
    /// What this end writes from now on is about.
    label: usize,
}

/// What an onlooker notes of the moment at which bytes leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WriteContext {
    /// The light says that the microphone is live.
    pub(super) lit: bool,
}

/// A hand on the cable.
#[derive(Clone, Debug)]
pub(super) struct LinkHandle(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    clock: Clock,
    latency: At,
    pipes: [Pipe; 2],
    stalled_until: At,
    broken: Option<ErrorKind>,
    /// Nothing arrives any more, and nobody is told.
    dead: bool,
    /// Since when the device's bytes are not acknowledged.
    unacknowledged: Option<At>,
}

#[derive(Debug, Default)]
struct Pipe {
    in_flight: VecDeque<Packet>,
    arrived: VecDeque<Packet>,
    /// The mark and the label of what was read last.
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
    /// Has what this end writes carry the marks of its moment.
    pub(super) fn with_context(mut self, context: Arc<Mutex<WriteContext>>) -> Self {
        self.context = Some(context);
        self
    }

    /// Says what is written from now on.
    pub(super) fn label(&mut self, label: usize) {
        self.label = label;
    }

    pub(super) fn link(&self) -> LinkHandle {
        LinkHandle(Arc::clone(&self.shared))
    }

    /// The mark of the bytes that were read last.
    pub(super) fn context(&self) -> WriteContext {
        self.lock().pipes[1 - self.writes].context
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap()
    }
}

impl LinkHandle {
    /// Nothing moves until then.
    pub(super) fn stall(&self, until: At) {
        let mut state = self.0.lock().unwrap();
        state.stalled_until = state.stalled_until.max(until);
        for pipe in &mut state.pipes {
            pipe.in_flight.iter_mut().for_each(|packet| packet.at = packet.at.max(until));
        }
    }

    /// Both ends learn that the connection was reset.
    pub(super) fn reset(&self) {
        self.0.lock().unwrap().broken = Some(ErrorKind::ConnectionReset);
    }

    /// Nothing arrives any more, and nobody is told.
    pub(super) fn kill(&self) {
        let mut state = self.0.lock().unwrap();
        state.dead = true;
        state.pipes.iter_mut().for_each(|pipe| pipe.in_flight.clear());
    }

    pub(super) fn latency(&self) -> At {
        self.0.lock().unwrap().latency
    }

    pub(super) fn set_latency(&self, latency: At) {
        self.0.lock().unwrap().latency = latency;
    }

    /// The label of what the device has read last.
    pub(super) fn delivered(&self) -> usize {
        self.0.lock().unwrap().pipes[1].label
    }

    /// Tells whether bytes still arrive.
    pub(super) fn is_alive(&self) -> bool {
        let state = self.0.lock().unwrap();
        !state.dead && state.broken.is_none()
    }

    /// Tells whether the device's end is still held.
    pub(super) fn is_held(&self) -> bool {
        !self.0.lock().unwrap().pipes[0].closed
    }

    /// Tells whether this end would find something to read, an end or an error included.
    pub(super) fn is_readable(&self, server_side: bool) -> bool {
        let state = &mut *self.0.lock().unwrap();
        state.deliver_due();
        let pipe = &state.pipes[usize::from(!server_side)];
        let own = &state.pipes[usize::from(server_side)];
        (own.blocked && own.bytes < SEND_BUFFER)
            || state.broken.is_some()
            || !pipe.arrived.is_empty()
            || (pipe.closed && pipe.in_flight.is_empty() && !state.dead)
    }

    /// When something arrives next, or the kernel gives the connection up.
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
    /// Lets everything arrive that is due.
    fn deliver_due(&mut self) {
        let now = self.clock.now();
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

impl Read for SimSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let state = &mut *self.lock();
        state.deliver_due();
        if let Some(broken) = state.broken {
            return Err(broken.into());
        }
        let pipe = &mut state.pipes[1 - self.writes];
        let Some(packet) = pipe.arrived.front_mut() else {
            let over = pipe.closed && pipe.in_flight.is_empty() && !state.dead;
            return if over { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        };
        // Never across two packets, so that whoever reads knows what marks he has read.
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

/// How long a packet takes on a network that works.
pub(super) const FAST: At = 20 * MS;
