//! Audio input and output: two real-time steps, each between a lane and a device.
//!
//! `Capture` moves frames from the microphone into the capture lane. `Playback` keeps the speaker filled from the
//! playback lane, cuts it without a click and reports the played position. Both are plain steps, so that a sound
//! card, WAV files or a test can drive them. This room holds no policy, knows no service and reads no clock: the
//! devices keep time, or the caller passes it.

mod alsa;
mod chain;
mod device_canceller;
pub mod earcon;
mod echo_keeper;
mod error;
mod handles;
mod health;
mod monitor;
mod reference;
mod reference_upload;
mod rt;
mod wav;
mod wav_reader;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringbuf::HeapRb;
use ringbuf::traits::Split;

use crate::lane::{Frame, lane};
use crate::model::Time;
use crate::sys::EventFd;

pub use crate::config::{
    CaptureConfig, ControlValue, CutMode, KeepAwake, KeepOpen, MixerControl, PcmRequest, PlaybackConfig,
    SampleFormat, UnplugPolicy,
};
pub use alsa::asoundrc::{AsoundEntry, AsoundFault, AsoundFile};
pub use alsa::cut_mode::{DeviceCut, choose_cut};
pub use alsa::device::{AlsaDevices, open_alsa, open_alsa_with_reference};
pub use alsa::hw_params::GrantedParams;
pub use alsa::late_controls::repeat_controls;
pub use alsa::listing::{
    DeviceSection, ListedDevice, list_devices, probe_device, try_microphone, try_speaker, warn_of_silence,
};
pub use alsa::mixer::{ControlFailure, percent_of_range, set_controls};
pub use alsa::mixer_state::{ControlState, read_control, set_control_state};
pub use alsa::open_error::diagnose;
pub use chain::capture_chain::CaptureChain;
pub use chain::playback_chain::PlaybackChain;
pub use device_canceller::{DeviceCanceller, EchoStatus};
pub use echo_keeper::EchoKeeper;
pub use error::{AudioError, DeviceLost, DeviceOwner, Direction, PcmError, Recovery};
pub use handles::{CaptureHandle, CutReceipt, PlaybackHandle};
pub use health::dead_input::DeadInput;
pub use health::hung_thread::HungThread;
pub use health::stall::StallDetector;
pub use health::xrun_burst::{Transition, XrunBurst};
pub use monitor::{AUDIO_CHANGES, AudioChange, AudioMonitor};
pub use reference::aligned::{AlignedReference, LEAD_MS, ReferenceBlock, ReferenceRates};
pub use reference::clock_map::{Alignment, ClockMap, Stamp, StampFault};
pub use reference::delay_locked_loop::{Clocks, DelayLockedLoop};
pub use reference::interpolator::SincInterpolator;
pub use reference::ring::{
    ReadFault, ReferenceReader, ReferenceWriter, StreamState, reference_ring, ring_bytes,
};
pub use reference_upload::ReferenceUpload;
pub use rt::capture::{Capture, CaptureDevice};
pub use rt::counters::{Counter, Counters, Peak};
pub use rt::device::{AudioDevice, Wait, Woken};
pub use rt::loops::{CaptureLoop, PlaybackLoop, loops, loops_with_reference};
pub use rt::playback::Playback;
pub use rt::playback_device::{BufferLevel, PlaybackDevice, QueuePlan};
pub use rt::reconnect::MissingDevices;
pub use rt::reference::{CaptureStamp, ReferenceSink, with_reference};
pub use wav::{WavDevices, WavRoom, open_wav, open_wav_with_reference};

use handles::{CaptureShared, PlaybackShared};
use rt::privileges::DeniedPrivilege;
use rt::threads::{AudioThreads, new_eventfd};

/// Channels of the microphone.
pub const CAPTURE_CHANNELS: usize = 1;
/// One captured sample, signed 16 bits.
pub type CaptureFrame = Frame<CAPTURE_CHANNELS>;
/// One mono sample for the speaker, signed 16 bits.
pub type PlaybackFrame = Frame<1>;

// The queues of this room: capacity, unit, reason, and what happens when one is full.

/// Capacity of the capture lane in seconds, so that a stalled session loses no word. When it is full, new frames
/// are dropped and counted as overruns.
pub const CAPTURE_LANE_S: usize = 2;
/// Capacity of the playback lane in seconds; the session tops it up from its reply queue and never fills it.
pub const PLAYBACK_LANE_S: usize = 2;
/// Capacity of the queue of cut receipts, far more than the cuts between two wakes of the session. When it is full,
/// new receipts are dropped and counted.
pub const RECEIPTS: usize = 16;

/// What the capture lane holds of each instant. All that is in the lane is in one layout, so that whole instants are
/// written and read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureLayout {
    /// The microphone's sample.
    #[default]
    Microphone,
    /// Two samples in a row: the microphone's, and what the speaker played at that instant.
    WithReference,
}

impl CaptureLayout {
    /// Returns the samples of one instant.
    #[must_use]
    pub const fn samples(self) -> usize {
        match self {
            Self::Microphone => 1,
            Self::WithReference => 2,
        }
    }
}

/// The rates, period and queue of the audio in the lanes. A device of another rate uses the same durations in its
/// own frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFormat {
    /// The rate of the playback lane, and of the frames below.
    pub rate_hz: u32,
    /// The rate of the capture lane.
    pub capture_hz: u32,
    /// What the capture lane holds.
    pub layout: CaptureLayout,
    pub period_frames: usize,
    /// Frames kept in the speaker's buffer: the latency of a reply, and how late the thread may wake.
    pub queue_frames: usize,
}

impl Default for StreamFormat {
    /// Returns the format of Voice Live, 24 kHz, in periods of 10 ms with two of them queued.
    fn default() -> StreamFormat {
        StreamFormat {
            rate_hz: 24_000,
            capture_hz: 24_000,
            layout: CaptureLayout::Microphone,
            period_frames: 240,
            queue_frames: 480,
        }
    }
}

impl StreamFormat {
    /// Returns the same durations in frames of the capture lane.
    fn of_capture(self) -> StreamFormat {
        let StreamFormat { rate_hz, capture_hz, layout, period_frames, queue_frames } = self;
        let scaled = |frames: usize| frames * capture_hz as usize / rate_hz.max(1) as usize;
        StreamFormat {
            rate_hz: capture_hz,
            capture_hz,
            layout,
            period_frames: scaled(period_frames),
            queue_frames: scaled(queue_frames),
        }
    }
}

/// The session's side of the audio: both handles, the counters, and the descriptor to poll.
///
/// Dropping it stops the audio threads.
pub struct AudioIo {
    pub capture: CaptureHandle,
    pub playback: PlaybackHandle,
    counters: Arc<Counters>,
    wake: Arc<EventFd>,
    capture_hz: u32,
    layout: CaptureLayout,
    granted: Vec<GrantedParams>,
    failed_controls: Vec<AudioError>,
    device_warnings: Vec<String>,
    denied: Vec<DeniedPrivilege>,
    /// What the canceller of this device does, or the upload of its reference, if there is one.
    echo: Option<Arc<EchoStatus>>,
    /// Decides when to keep what it has learned.
    echo_keeper: Option<EchoKeeper>,
    input_ended: Arc<AtomicBool>,
    input_warning: Option<String>,
    // Last: dropping the lanes tells the threads to stop, so the lanes go before the threads are joined.
    threads: AudioThreads,
}

impl AudioIo {
    /// Returns the counters that both real-time threads update.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the rate of the captured frames.
    #[must_use]
    pub fn capture_hz(&self) -> u32 {
        self.capture_hz
    }

    /// Returns what the capture lane holds of each instant.
    #[must_use]
    pub fn capture_layout(&self) -> CaptureLayout {
        self.layout
    }

    /// Returns which devices are disconnected or deliver no usable audio. The descriptor wakes the session after each
    /// change.
    #[must_use]
    pub fn missing_devices(&self) -> MissingDevices {
        let lost = |end| self.counters.presence(end).lost();
        MissingDevices {
            capture: lost(Direction::Capture),
            playback: lost(Direction::Playback),
            dead_input: self.counters.dead_input(),
        }
    }

    /// Sets what the canceller or the upload does that was given to [`open_alsa_with_reference`].
    pub fn watch_echo(&mut self, status: Arc<EchoStatus>) {
        self.echo = Some(status);
    }

    /// Returns what the canceller of this device does, or the upload of its reference, if there is one.
    #[must_use]
    pub fn echo_status(&self) -> Option<&EchoStatus> {
        self.echo.as_deref()
    }

    /// Sets what decides when to keep what the canceller has learned.
    pub fn keep_echo(&mut self, keeper: EchoKeeper) {
        self.echo_keeper = Some(keeper);
    }

    /// Returns what the canceller has learned, to be kept for the next start, if that is worth a write now. At the end of the
    /// session it is asked once more.
    pub fn poll_learned_echo(&mut self, is_ending: bool, now: Time) -> Option<Vec<u8>> {
        self.echo_keeper.as_mut()?.poll(self.echo.as_deref()?, is_ending, now)
    }

    /// Clears the descriptor until the next change. Call it before reading the state, so that no change is missed.
    pub fn clear_wake(&self) {
        self.wake.drain();
    }

    /// Returns why an audio thread ended. It is not restarted.
    #[must_use]
    pub fn failure(&self) -> Option<AudioError> {
        self.threads.failure()
    }

    /// Returns the parameters that the cards granted, microphone first; empty for WAV files.
    #[must_use]
    pub fn granted(&self) -> &[GrantedParams] {
        &self.granted
    }

    /// Returns an error for each mixer control that could not be set at the start.
    #[must_use]
    pub fn failed_controls(&self) -> &[AudioError] {
        &self.failed_controls
    }

    /// Returns a warning for each device that opens but captures or plays nothing.
    #[must_use]
    pub fn device_warnings(&self) -> &[String] {
        &self.device_warnings
    }

    /// Returns a warning with the denied privileges and the remedy. Audio works without them, but may break up under
    /// load.
    #[must_use]
    pub fn denied_privileges(&self) -> Option<String> {
        rt::privileges::warning(&self.denied)
    }

    /// Returns a warning if the header of the WAV file in place of the microphone is wrong about its samples.
    #[must_use]
    pub fn input_warning(&self) -> Option<&str> {
        self.input_warning.as_deref()
    }

    /// Returns whether the WAV file in place of the microphone has been read to its end.
    #[must_use]
    pub fn input_ended(&self) -> bool {
        self.input_ended.load(Ordering::Relaxed)
    }
}

impl AsFd for AudioIo {
    /// Returns the descriptor, which is readable when the session has something to handle.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// Creates the session's side and both steps without threads or devices: the caller drives the steps. The devices
/// have the rate of the playback lane.
///
/// # Errors
/// When no file descriptor is left.
pub fn steps(format: StreamFormat) -> Result<(AudioIo, Capture, Playback), AudioError> {
    let endpoints = AudioEndpoints::native(format, true)?;
    Ok((endpoints.audio, endpoints.capture, endpoints.playback))
}

/// Creates the same as [`steps`] for devices of other formats.
///
/// # Errors
/// When no file descriptor is left.
pub fn steps_with_chains(
    format: StreamFormat,
    capture_chain: CaptureChain,
    playback_chain: PlaybackChain,
) -> Result<(AudioIo, Capture, Playback), AudioError> {
    let endpoints = AudioEndpoints::new(format, capture_chain, playback_chain, true)?;
    Ok((endpoints.audio, endpoints.capture, endpoints.playback))
}

/// Both sides of the two lanes, before devices are attached.
struct AudioEndpoints {
    audio: AudioIo,
    capture: Capture,
    playback: Playback,
    /// Wakes the capture thread.
    capture_wake: Arc<EventFd>,
    /// Wakes the playback thread.
    playback_wake: Arc<EventFd>,
}

impl AudioEndpoints {
    /// Creates endpoints for devices of the rate of the playback lane.
    fn native(format: StreamFormat, one_thread: bool) -> Result<AudioEndpoints, AudioError> {
        let StreamFormat { rate_hz, period_frames, .. } = format;
        let chains = CaptureChain::new(format, rate_hz, period_frames, 0.0, true).and_then(|capture_chain| {
            Ok((capture_chain, PlaybackChain::new(format, rate_hz, period_frames)?))
        });
        // Equal rates and those of the service are always supported, except 0 Hz.
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
        let (capture_writer, capture_reader) =
            lane(format.capture_hz as usize * CAPTURE_LANE_S * format.layout.samples());
        let (playback_writer, playback_reader) = lane(format.rate_hz as usize * PLAYBACK_LANE_S);
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
            capture_hz: format.capture_hz,
            layout: format.layout,
            granted: Vec::new(),
            failed_controls: Vec::new(),
            device_warnings: Vec::new(),
            denied: Vec::new(),
            echo: None,
            echo_keeper: None,
            input_ended: Arc::new(AtomicBool::new(false)),
            input_warning: None,
            threads: AudioThreads::new(wake),
        };
        let counted = Arc::clone(&counters);
        let capture = Capture::new(capture_chain, format.layout, capture_writer, capture_shared, counted);
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
