//! Sound in and out: two real-time steps at the ends of two lanes, and the devices they are driven on.
//!
//! `Capture` writes what the microphone gives into the lane "heard"; `Playback` keeps the speaker fed
//! from the lane "spoken", cuts it without a click and says what was really heard. Both are plain
//! steps, so a sound card, a tape (WAV files) or a test can drive them. This room knows no policy, no
//! service and no clock: the devices keep time, or the caller passes it.

mod alsa;
mod chain;
pub mod earcon;
mod error;
mod handles;
mod health;
mod rt;
mod wav;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringbuf::HeapRb;
use ringbuf::traits::Split;

use crate::lane::{Frame, lane};
use crate::sys::EventFd;

pub use crate::config::{
    CaptureConfig as Source, ControlValue, MixerControl, PcmRequest, PlaybackConfig as Drain, SampleFormat,
    UnplugPolicy,
};
pub use alsa::device::{AlsaDevices, open_alsa};
pub use alsa::hw_params::GrantedParams;
pub use alsa::mixer::{controls, share};
pub use alsa::open_error::diagnose;
pub use chain::capture_chain::CaptureChain;
pub use chain::playback_chain::PlaybackChain;
pub use error::{AudioError, DeviceLost, DeviceOwner, Direction, PcmError, Recovery};
pub use handles::{CaptureHandle, CutReceipt, PlaybackHandle};
pub use health::dead_input::DeadInput;
pub use health::hung_thread::HungThread;
pub use health::stall::StallDetector;
pub use health::xrun_burst::{Transition, XrunBurst};
pub use rt::capture::{Capture, CaptureDevice};
pub use rt::counters::{Counter, Counters, Peak};
pub use rt::loops::{CaptureLoop, PlaybackLoop, loops};
pub use rt::playback::{BufferLevel, Playback, PlaybackDevice};
pub use rt::reconnect::{ActiveStream, DeviceSource, MissingDevices, WakeReason};
pub use wav::{WavDevices, open_wav};

use handles::{CaptureShared, PlaybackShared};
use rt::privileges::DeniedPrivilege;
use rt::threads::{AudioThreads, new_eventfd};

/// Channels of a heard frame: the microphone. A second one is room for what the speaker played then.
pub const CAPTURE_CHANNELS: usize = 1;
/// What the microphone heard at one instant.
pub type CaptureFrame = Frame<CAPTURE_CHANNELS>;
/// What the speaker is to play at one instant.
pub type PlaybackFrame = Frame<1>;

// Every queue of this room: capacity, unit, reason, fate.

/// Seconds the lane "heard" holds, so that a stalled session loses no word. When it is full the newest
/// frames are dropped and counted.
pub const CAPTURE_LANE_S: usize = 2;
/// Seconds the lane "spoken" holds; the session tops it up from its backlog and never fills it.
pub const PLAYBACK_LANE_S: usize = 2;
/// Receipts that wait for the session, far more than cuts fit between two of its wakes. When it is full
/// the newest is dropped and counted.
pub const RECEIPTS: usize = 16;

/// The numbers of the sound in the lanes: how fast, in what portions, and how much the speaker holds. A
/// device of another rate gets the same in its own frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFormat {
    pub rate_hz: u32,
    pub period_frames: usize,
    /// Frames kept in the speaker's buffer: the latency of a reply, and the time a late wake may take.
    pub queue_frames: usize,
}

impl Default for StreamFormat {
    /// Returns what Voice Live speaks: 24 kHz; in periods of 10 ms, two of them queued.
    fn default() -> StreamFormat {
        StreamFormat { rate_hz: 24_000, period_frames: 240, queue_frames: 480 }
    }
}

/// The session's side of the sound: both lanes, what happened to them, and the descriptor to poll.
///
/// Dropping it ends the threads behind it.
pub struct AudioIo {
    /// The microphone's end.
    pub capture: CaptureHandle,
    /// The speaker's end.
    pub playback: PlaybackHandle,
    counters: Arc<Counters>,
    wake: Arc<EventFd>,
    granted: Vec<GrantedParams>,
    failed_controls: Vec<AudioError>,
    denied: Vec<DeniedPrivilege>,
    input_ended: Arc<AtomicBool>,
    // Last, so that the lanes are gone, which is the stop signal, before the threads are waited for.
    threads: AudioThreads,
}

impl AudioIo {
    /// Returns the counters, which both real-time threads keep.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Tells which devices are away now, or there and of no use; a wake follows each change.
    #[must_use]
    pub fn missing_devices(&self) -> MissingDevices {
        let lost = |end| self.counters.presence(end).lost();
        MissingDevices {
            capture: lost(Direction::Capture),
            playback: lost(Direction::Playback),
            dead_input: self.counters.dead_input(),
        }
    }

    /// Silences the descriptor until there is news again. To be called before looking for the news.
    pub fn clear_wake(&self) {
        self.wake.drain();
    }

    /// Returns why a sound thread ended. There is no sound after that, and no second try.
    #[must_use]
    pub fn failure(&self) -> Option<AudioError> {
        self.threads.failure()
    }

    /// Lists what the cards granted, microphone first; nothing for a tape.
    #[must_use]
    pub fn granted(&self) -> &[GrantedParams] {
        &self.granted
    }

    /// Lists the controls that could not be set at the start, one sentence each.
    #[must_use]
    pub fn failed_controls(&self) -> &[AudioError] {
        &self.failed_controls
    }

    /// Says which privileges were refused, in one sentence with the remedy. Sound works without them, less surely.
    #[must_use]
    pub fn denied_privileges(&self) -> Option<String> {
        rt::privileges::warning(&self.denied)
    }

    /// Tells whether the recorded speech has been heard to its end.
    #[must_use]
    pub fn input_ended(&self) -> bool {
        self.input_ended.load(Ordering::Relaxed)
    }
}

impl AsFd for AudioIo {
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
pub fn steps(format: StreamFormat) -> Result<(AudioIo, Capture, Playback), AudioError> {
    let endpoints = AudioEndpoints::native(format, true)?;
    Ok((endpoints.audio, endpoints.capture, endpoints.playback))
}

/// Makes the same for devices of other forms.
///
/// # Errors
/// When the system has no descriptor left.
pub fn steps_with_chains(
    format: StreamFormat,
    capture_chain: CaptureChain,
    playback_chain: PlaybackChain,
) -> Result<(AudioIo, Capture, Playback), AudioError> {
    let endpoints = AudioEndpoints::new(format, capture_chain, playback_chain, true)?;
    Ok((endpoints.audio, endpoints.capture, endpoints.playback))
}

/// Everything a device needs to stand at the ends of the lanes.
struct AudioEndpoints {
    audio: AudioIo,
    capture: Capture,
    playback: Playback,
    /// Rung by the session to wake whoever captures.
    capture_wake: Arc<EventFd>,
    /// Rung by the session to wake whoever plays.
    playback_wake: Arc<EventFd>,
}

impl AudioEndpoints {
    /// Makes one whose devices have the lanes' own form.
    fn native(format: StreamFormat, one_thread: bool) -> Result<AudioEndpoints, AudioError> {
        let StreamFormat { rate_hz, period_frames, .. } = format;
        let chains = CaptureChain::new(format, rate_hz, period_frames, 0.0, true).and_then(|capture_chain| {
            Ok((capture_chain, PlaybackChain::new(format, rate_hz, period_frames)?))
        });
        // It fails at 0 Hz only.
        let (capture_chain, playback_chain) =
            chains.map_err(|_| AudioError::System { what: "a rate of 0 Hz", errno: libc::EINVAL })?;
        AudioEndpoints::new(format, capture_chain, playback_chain, one_thread)
    }

    fn new(
        format: StreamFormat,
        capture_chain: CaptureChain,
        playback_chain: PlaybackChain,
        one_thread: bool,
    ) -> Result<AudioEndpoints, AudioError> {
        let rate = format.rate_hz as usize;
        let (capture_writer, capture_reader) = lane(rate * CAPTURE_LANE_S);
        let (playback_writer, playback_reader) = lane(rate * PLAYBACK_LANE_S);
        let (receipt_producer, receipt_consumer) = HeapRb::new(RECEIPTS).split();
        let counters = Arc::new(Counters::default());
        let capture_shared = Arc::new(CaptureShared::default());
        let playback_shared = Arc::new(PlaybackShared::default());
        let wake = new_eventfd()?;
        let capture_wake = new_eventfd()?;
        let playback_wake = if one_thread { Arc::clone(&capture_wake) } else { new_eventfd()? };
        let audio = AudioIo {
            capture: CaptureHandle::new(
                capture_reader,
                Arc::clone(&capture_shared),
                Arc::clone(&capture_wake),
            ),
            playback: PlaybackHandle::new(
                playback_writer,
                Arc::clone(&playback_shared),
                receipt_consumer,
                Arc::clone(&playback_wake),
            ),
            counters: Arc::clone(&counters),
            wake: Arc::clone(&wake),
            granted: Vec::new(),
            failed_controls: Vec::new(),
            denied: Vec::new(),
            input_ended: Arc::new(AtomicBool::new(false)),
            threads: AudioThreads::new(wake),
        };
        let capture = Capture::new(capture_chain, capture_writer, capture_shared, Arc::clone(&counters));
        let playback = Playback::new(
            format,
            playback_chain,
            playback_reader,
            receipt_producer,
            playback_shared,
            counters,
        );
        Ok(AudioEndpoints { audio, capture, playback, capture_wake, playback_wake })
    }
}
