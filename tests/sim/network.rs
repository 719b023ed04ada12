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
pub(super) fn connection(clock: &Clock, latency: At) -> (End, End) {
    let state = State {
        clock: clock.clone(),
        latency,
        lanes: [Lane::default(), Lane::default()],
        stalled_until: 0,
        broken: None,
        dead: false,
        unacknowledged: None,
    };
    let shared = Arc::new(Mutex::new(state));
    (
        End { shared: Arc::clone(&shared), writes: 0, marks: None, label: 0 },
        End { shared, writes: 1, marks: None, label: 0 },
    )
}

/// One end.
#[derive(Debug)]
pub(super) struct End {
    shared: Arc<Mutex<State>>,
    /// Which lane this end writes; it reads the other.
    writes: usize,
    /// What is true while this end writes, carried along with the bytes.
    marks: Option<Arc<Mutex<Mark>>>,
    /// What this end writes from now on is about.
    label: usize,
}

/// What an onlooker notes of the moment at which bytes leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The light says that the microphone is live.
    pub(super) lit: bool,
}

/// A hand on the cable.
#[derive(Clone, Debug)]
pub(super) struct Cable(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    clock: Clock,
    latency: At,
    lanes: [Lane; 2],
    stalled_until: At,
    broken: Option<ErrorKind>,
    /// Nothing arrives any more, and nobody is told.
    dead: bool,
    /// Since when the device's bytes are not acknowledged.
    unacknowledged: Option<At>,
}

#[derive(Debug, Default)]
struct Lane {
    flying: VecDeque<Packet>,
    arrived: VecDeque<Packet>,
    /// The mark and the label of what was read last.
    mark: Mark,
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
    mark: Mark,
}

impl End {
    /// Has what this end writes carry the marks of its moment.
    pub(super) fn marked(mut self, marks: Arc<Mutex<Mark>>) -> Self {
        self.marks = Some(marks);
        self
    }

    /// Says what is written from now on.
    pub(super) fn label(&mut self, label: usize) {
        self.label = label;
    }

    pub(super) fn cable(&self) -> Cable {
        Cable(Arc::clone(&self.shared))
    }

    /// The mark of the bytes that were read last.
    pub(super) fn mark(&self) -> Mark {
        self.lock().lanes[1 - self.writes].mark
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap()
    }
}

impl Cable {
    /// Nothing moves until then.
    pub(super) fn stall(&self, until: At) {
        let mut state = self.0.lock().unwrap();
        state.stalled_until = state.stalled_until.max(until);
        for lane in &mut state.lanes {
            lane.flying.iter_mut().for_each(|packet| packet.at = packet.at.max(until));
        }
    }

    /// Both ends learn that the connection was reset.
    pub(super) fn reset(&self) {
        self.0.lock().unwrap().broken = Some(ErrorKind::ConnectionReset);
    }

    /// Nothing arrives any more, and nobody is told.
    pub(super) fn die(&self) {
        let mut state = self.0.lock().unwrap();
        state.dead = true;
        state.lanes.iter_mut().for_each(|lane| lane.flying.clear());
    }

    pub(super) fn latency(&self) -> At {
        self.0.lock().unwrap().latency
    }

    pub(super) fn set_latency(&self, latency: At) {
        self.0.lock().unwrap().latency = latency;
    }

    /// The label of what the device has read last.
    pub(super) fn delivered(&self) -> usize {
        self.0.lock().unwrap().lanes[1].label
    }

    /// Tells whether bytes still arrive.
    pub(super) fn is_alive(&self) -> bool {
        let state = self.0.lock().unwrap();
        !state.dead && state.broken.is_none()
    }

    /// Tells whether the device's end is still held.
    pub(super) fn is_held(&self) -> bool {
        !self.0.lock().unwrap().lanes[0].closed
    }

    /// Tells whether this end would find something to read, an end or an error included.
    pub(super) fn is_readable(&self, far: bool) -> bool {
        let state = &mut *self.0.lock().unwrap();
        state.move_on();
        let lane = &state.lanes[usize::from(!far)];
        let own = &state.lanes[usize::from(far)];
        (own.blocked && own.bytes < SEND_BUFFER)
            || state.broken.is_some()
            || !lane.arrived.is_empty()
            || (lane.closed && lane.flying.is_empty() && !state.dead)
    }

    /// When something arrives next, or the kernel gives the connection up.
    pub(super) fn next(&self) -> Option<At> {
        let state = self.0.lock().unwrap();
        if state.broken.is_some() {
            return None;
        }
        let arrivals = state.lanes.iter().filter_map(|lane| lane.flying.front().map(|packet| packet.at));
        arrivals.chain(state.unacknowledged.map(|since| since + UNACKNOWLEDGED_LIMIT)).min()
    }
}

impl State {
    /// Lets everything arrive that is due.
    fn move_on(&mut self) {
        let now = self.clock.now();
        if self.unacknowledged.is_some_and(|since| now >= since + UNACKNOWLEDGED_LIMIT) {
            self.broken = Some(ErrorKind::TimedOut);
        }
        for lane in &mut self.lanes {
            while let Some(packet) = lane.flying.pop_front_if(|packet| packet.at <= now) {
                lane.arrived.push_back(packet);
            }
        }
        if !self.dead && self.lanes[0].flying.is_empty() {
            self.unacknowledged = None;
        }
    }
}

impl Read for End {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let state = &mut *self.lock();
        state.move_on();
        if let Some(broken) = state.broken {
            return Err(broken.into());
        }
        let lane = &mut state.lanes[1 - self.writes];
        let Some(packet) = lane.arrived.front_mut() else {
            let over = lane.closed && lane.flying.is_empty() && !state.dead;
            return if over { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        };
        // Never across two packets, so that whoever reads knows what marks he has read.
        (lane.mark, lane.label) = (packet.mark, packet.label);
        let read = packet.bytes.read(into)?;
        if packet.bytes.is_empty() {
            lane.arrived.pop_front();
        }
        lane.bytes -= read;
        Ok(read)
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mark = self.marks.as_ref().map_or(Mark::default(), |marks| *marks.lock().unwrap());
        let (from, state) = (self.writes, &mut *self.shared.lock().unwrap());
        state.move_on();
        if let Some(broken) = state.broken {
            return Err(broken.into());
        }
        if state.lanes[1 - from].closed && !state.dead {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let (now, latency) = (state.clock.now(), state.latency);
        let lane = &mut state.lanes[from];
        let taken = bytes.len().min(SEND_BUFFER.saturating_sub(lane.bytes));
        lane.blocked = taken == 0;
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        lane.bytes += taken;
        if from == 0 && (state.dead || state.stalled_until > now) {
            state.unacknowledged.get_or_insert(now);
        }
        if !state.dead {
            let earliest = lane.flying.back().map_or(0, |packet| packet.at);
            let at = (now + latency).max(earliest).max(state.stalled_until);
            lane.flying.push_back(Packet {
                at,
                label: self.label,
                bytes: bytes[..taken].to_vec().into(),
                mark,
            });
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let writes = self.writes;
        let mut state = self.lock();
        state.lanes[writes].closed = true;
    }
}

/// How long a packet takes on a network that works.
pub(super) const FAST: At = 20 * MS;
