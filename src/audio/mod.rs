//! Sound in and out: two real-time steps at the ends of two lanes, and the devices they are driven on.
//!
//! `Capture` writes what the microphone gives into the lane "heard"; `Playback` keeps the speaker fed
//! from the lane "spoken", cuts it without a click and says what was really heard. Both are plain
//! steps, so a sound card, a tape (WAV files) or a test can drive them. This room knows no policy, no
//! service and no clock: the devices keep time, or the caller passes it.

mod away;
mod capture;
mod cards;
mod counters;
mod crew;
mod deaf;
pub mod earcon;
mod ends;
mod form;
mod holder;
mod intake;
mod lookout;
mod loops;
mod mixer;
mod outlet;
mod pcm;
mod playback;
mod realtime;
mod sent;
mod standstill;
mod storm;
mod tape;
mod trouble;
mod vigil;
mod waiting;
mod watch;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringbuf::HeapRb;
use ringbuf::traits::Split;

use crate::lane::{Frame, lane};
use crate::sys::EventFd;

pub use self::away::{Away, Open, Running, Waited};
pub use self::capture::{Capture, Microphone};
pub use self::cards::{Cards, cards};
pub use self::counters::{Counter, Counters, Peak};
pub use self::deaf::Deaf;
pub use self::ends::{Ears, Mouth, Silenced};
pub use self::form::Got;
pub use self::holder::explain;
pub use self::intake::Intake;
pub use self::loops::{Listener, Talker, loops};
pub use self::mixer::{controls, share};
pub use self::outlet::Outlet;
pub use self::playback::{Level, Playback, Speaker};
pub use self::standstill::Standstill;
pub use self::storm::{Storm, Weather};
pub use self::tape::{Tape, tape};
pub use self::trouble::{AudioError, End, Gone, Holder, Recovery, Trouble};
pub use self::vigil::Vigil;
pub use crate::profile::{Control, Form, Format, Microphone as Source, Setting, Speaker as Drain, Unplugged};

use self::crew::{Crew, new_eventfd};
use self::ends::{Tap, Told};
use self::realtime::Refusal;

/// Channels of a heard frame: the microphone. A second one is room for what the speaker played then.
pub const HEARD_CHANNELS: usize = 1;
/// What the microphone heard at one instant.
pub type Heard = Frame<HEARD_CHANNELS>;
/// What the speaker is to play at one instant.
pub type Spoken = Frame<1>;

// Every queue of this room: capacity, unit, reason, fate.

/// Seconds the lane "heard" holds, so that a stalled session loses no word. When it is full the newest
/// frames are dropped and counted.
pub const HEARD_LANE_S: usize = 2;
/// Seconds the lane "spoken" holds; the session tops it up from its backlog and never fills it.
pub const SPOKEN_LANE_S: usize = 2;
/// Receipts that wait for the session, far more than cuts fit between two of its wakes. When it is full
/// the newest is dropped and counted.
pub const RECEIPTS: usize = 16;

/// The numbers of the sound in the lanes: how fast, in what portions, and how much the speaker holds. A
/// device of another rate gets the same in its own frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub rate_hz: u32,
    pub period_frames: usize,
    /// Frames kept in the speaker's buffer: the latency of a reply, and the time a late wake may take.
    pub queue_frames: usize,
}

impl Default for Shape {
    /// Returns what Voice Live speaks: 24 kHz; in periods of 10 ms, two of them queued.
    fn default() -> Shape {
        Shape { rate_hz: 24_000, period_frames: 240, queue_frames: 480 }
    }
}

/// The session's side of the sound: both lanes, what happened to them, and the descriptor to poll.
///
/// Dropping it ends the threads behind it.
pub struct Sound {
    /// The microphone's end.
    pub ears: Ears,
    /// The speaker's end.
    pub mouth: Mouth,
    counters: Arc<Counters>,
    wake: Arc<EventFd>,
    granted: Vec<Got>,
    unset: Vec<AudioError>,
    refused: Vec<Refusal>,
    tape_ended: Arc<AtomicBool>,
    // Last, so that the lanes are gone, which is the stop signal, before the threads are waited for.
    crew: Crew,
}

impl Sound {
    /// Returns the counters, which both real-time threads keep.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Tells which devices are away now, or there and of no use; a wake follows each change.
    #[must_use]
    pub fn away(&self) -> Away {
        let gone = |end| self.counters.presence(end).gone();
        Away { microphone: gone(End::Microphone), speaker: gone(End::Speaker), deaf: self.counters.deaf() }
    }

    /// Silences the descriptor until there is news again. To be called before looking for the news.
    pub fn clear_wake(&self) {
        self.wake.drain();
    }

    /// Returns why a sound thread ended. There is no sound after that, and no second try.
    #[must_use]
    pub fn failure(&self) -> Option<AudioError> {
        self.crew.failure()
    }

    /// Lists what the cards granted, microphone first; nothing for a tape.
    #[must_use]
    pub fn granted(&self) -> &[Got] {
        &self.granted
    }

    /// Lists the controls that could not be set at the start, one sentence each.
    #[must_use]
    pub fn unset(&self) -> &[AudioError] {
        &self.unset
    }

    /// Says which privileges were refused, in one sentence with the remedy. Sound works without them, less surely.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        realtime::warning(&self.refused)
    }

    /// Tells whether the recorded speech has been heard to its end.
    #[must_use]
    pub fn tape_ended(&self) -> bool {
        self.tape_ended.load(Ordering::Relaxed)
    }
}

impl AsFd for Sound {
    /// Returns the descriptor that is readable when the session should look.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// Makes the session's side joined to bare steps, with no thread or device: whoever holds the steps
/// plays the devices, and time, by hand. The devices have the lanes' own form.
///
/// # Errors
/// When the system has no descriptor left.
pub fn steps(shape: Shape) -> Result<(Sound, Capture, Playback), AudioError> {
    let rig = Rig::native(shape, true)?;
    Ok((rig.sound, rig.capture, rig.playback))
}

/// Makes the same for devices of other forms.
///
/// # Errors
/// When the system has no descriptor left.
pub fn steps_between(
    shape: Shape,
    intake: Intake,
    outlet: Outlet,
) -> Result<(Sound, Capture, Playback), AudioError> {
    let rig = Rig::new(shape, intake, outlet, true)?;
    Ok((rig.sound, rig.capture, rig.playback))
}

/// Everything a device needs to stand at the ends of the lanes.
struct Rig {
    sound: Sound,
    capture: Capture,
    playback: Playback,
    /// Rung by the session to wake whoever captures.
    capture_bell: Arc<EventFd>,
    /// Rung by the session to wake whoever plays.
    playback_bell: Arc<EventFd>,
}

impl Rig {
    /// Makes one whose devices have the lanes' own form.
    fn native(shape: Shape, one_thread: bool) -> Result<Rig, AudioError> {
        let Shape { rate_hz, period_frames, .. } = shape;
        let ends = Intake::new(shape, rate_hz, period_frames, 0.0, true)
            .and_then(|intake| Ok((intake, Outlet::new(shape, rate_hz, period_frames)?)));
        // It fails at 0 Hz only.
        let (intake, outlet) =
            ends.map_err(|_| AudioError::System { what: "a rate of 0 Hz", errno: libc::EINVAL })?;
        Rig::new(shape, intake, outlet, one_thread)
    }

    fn new(shape: Shape, intake: Intake, outlet: Outlet, one_thread: bool) -> Result<Rig, AudioError> {
        let rate = shape.rate_hz as usize;
        let (heard_writer, heard_reader) = lane(rate * HEARD_LANE_S);
        let (spoken_writer, spoken_reader) = lane(rate * SPOKEN_LANE_S);
        let (receipts_in, receipts_out) = HeapRb::new(RECEIPTS).split();
        let counters = Arc::new(Counters::default());
        let tap = Arc::new(Tap::default());
        let told = Arc::new(Told::default());
        let wake = new_eventfd()?;
        let capture_bell = new_eventfd()?;
        let playback_bell = if one_thread { Arc::clone(&capture_bell) } else { new_eventfd()? };
        let sound = Sound {
            ears: Ears::new(heard_reader, Arc::clone(&tap), Arc::clone(&capture_bell)),
            mouth: Mouth::new(spoken_writer, Arc::clone(&told), receipts_out, Arc::clone(&playback_bell)),
            counters: Arc::clone(&counters),
            wake: Arc::clone(&wake),
            granted: Vec::new(),
            unset: Vec::new(),
            refused: Vec::new(),
            tape_ended: Arc::new(AtomicBool::new(false)),
            crew: Crew::new(wake),
        };
        let capture = Capture::new(intake, heard_writer, tap, Arc::clone(&counters));
        let playback = Playback::new(shape, outlet, spoken_reader, receipts_in, told, counters);
        Ok(Rig { sound, capture, playback, capture_bell, playback_bell })
    }
}
