//! The session's ends of the two lanes: [`CaptureHandle`] and [`PlaybackHandle`].
//!
//! They move frames and post requests to the audio threads; they never wait for a device.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

use ringbuf::HeapCons;
use ringbuf::traits::Consumer;

use super::rt::output_gain::GainRequest;
use super::{CaptureFrame, PlaybackFrame};
use crate::lane::{Reader, Writer};
use crate::model::TalkEvidence;
use crate::sys::EventFd;

/// The session's end of the capture lane.
pub struct CaptureHandle {
    lane: Reader<CaptureFrame>,
    shared: Arc<CaptureShared>,
    thread_wake: Arc<EventFd>,
}

impl CaptureHandle {
    pub(super) fn new(
        lane: Reader<CaptureFrame>,
        shared: Arc<CaptureShared>,
        thread_wake: Arc<EventFd>,
    ) -> CaptureHandle {
        CaptureHandle { lane, shared, thread_wake }
    }

    /// Requests that the microphone be opened or closed; the session is woken when it is. Frames captured before it
    /// closed can be read until it is opened again, which discards them: they are older than the request. A device
    /// that is kept open runs on while it is closed, and what it delivers is discarded.
    pub fn set_open(&mut self, open: bool) {
        self.request(if open { CaptureRequest::Open } else { CaptureRequest::Closed });
    }

    /// Requests that the microphone be closed, with its device, unless that is kept open always.
    pub fn mute(&mut self) {
        self.request(CaptureRequest::Muted);
    }

    fn request(&mut self, request: CaptureRequest) {
        if self.shared.request() == request {
            return;
        }
        let is_open = request == CaptureRequest::Open;
        if is_open {
            self.shared.openings.fetch_add(1, Ordering::Release);
        }
        self.shared.request.store(request as u8, Ordering::Release);
        if is_open {
            self.lane.skip();
        }
        self.thread_wake.notify();
    }

    /// Sets whether somebody speaks or a reply is played: captured frames are then passed on in batches of 20 ms.
    /// Otherwise they are from the first loud frame on.
    pub fn set_attentive(&self, attentive: bool) {
        if self.shared.attentive.swap(attentive, Ordering::Relaxed) != attentive {
            self.thread_wake.notify();
        }
    }

    /// Returns whether the microphone hears more than noise, or did so in the last seconds.
    #[must_use]
    pub fn is_loud(&self) -> bool {
        self.shared.request() == CaptureRequest::Open && self.shared.loud.load(Ordering::Relaxed)
    }

    /// Returns whether samples are captured, so that they may leave the device. While it is closed, none are, even if
    /// its device runs.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.state() == CaptureState::Capturing
    }

    /// Returns whether the device runs, and its samples are captured or discarded.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.shared.state() != CaptureState::Closed
    }

    /// Moves the oldest captured frames into `into` and returns their number.
    pub fn read(&mut self, into: &mut [CaptureFrame]) -> usize {
        self.lane.read(into)
    }

    /// Returns the number of frames that can be read now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lane.waiting()
    }
}

/// The session's end of the playback lane.
pub struct PlaybackHandle {
    lane: Writer<PlaybackFrame>,
    shared: Arc<PlaybackShared>,
    receipts: HeapCons<CutReceipt>,
    thread_wake: Arc<EventFd>,
}

impl PlaybackHandle {
    pub(super) fn new(
        lane: Writer<PlaybackFrame>,
        shared: Arc<PlaybackShared>,
        receipts: HeapCons<CutReceipt>,
        thread_wake: Arc<EventFd>,
    ) -> PlaybackHandle {
        PlaybackHandle { lane, shared, receipts, thread_wake }
    }

    /// Writes as many of `frames` as fit and returns their number.
    pub fn write(&mut self, frames: &[PlaybackFrame]) -> usize {
        let written = self.lane.write(frames);
        // The thread asks to be woken and then looks into the lane; see `Playback::may_wait`.
        fence(Ordering::SeqCst);
        if written > 0 && self.shared.wakes_at_write.swap(false, Ordering::Relaxed) {
            self.thread_wake.notify();
        }
        written
    }

    /// Sets whether a reply may be played soon. If not, the speaker's queue may be long and its device may be stopped, so
    /// set it some time ahead.
    pub fn set_reply_near(&self, near: bool) {
        if self.shared.reply_near.swap(near, Ordering::Relaxed) != near {
            self.thread_wake.notify();
        }
    }

    /// Returns the number of frames that can be written now.
    #[must_use]
    pub fn vacant(&self) -> usize {
        self.lane.vacant()
    }

    /// Returns the number of frames written so far: the lane position of the next one.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.lane.written()
    }

    /// Returns the number of written frames that the playback step has not taken yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lane.waiting()
    }

    /// Cuts everything written so far, including the speaker's buffer, and returns the lane position of the cut. A
    /// receipt follows, unless nothing was written since the start or the previous cut.
    pub fn cut(&mut self) -> u64 {
        let cut = self.lane.cut();
        self.thread_wake.notify();
        cut
    }

    /// Sets the volume in percent: 100 is full scale, 1 is 50 dB below, steps in between are even in dB, and 0 is
    /// silence. Values above 100 count as 100. It applies to frames written to the speaker from now on, and is
    /// reached within a period and without a click.
    pub fn set_volume(&self, percent: u8) {
        self.shared.volume.store(percent.min(100), Ordering::Relaxed);
    }

    /// Returns the volume in percent; 100 at the start.
    #[must_use]
    pub fn volume(&self) -> u8 {
        self.shared.volume.load(Ordering::Relaxed)
    }

    /// Sets for which evidence of a talker what is heard is turned down: by 12 dB for weak evidence, by 26 dB for strong,
    /// within 10 ms, and back within 200 ms. What the speaker holds already is turned down too, where it can be written
    /// again; it counts as played all the same.
    pub fn set_duck(&self, talk: TalkEvidence) {
        if self.shared.talk.swap(talk as u8, Ordering::Relaxed) != talk as u8 {
            self.thread_wake.notify();
        }
    }

    /// Returns the lane position up to which the speaker has played. It never goes back.
    #[must_use]
    pub fn played_position(&self) -> u64 {
        self.shared.played.load(Ordering::Acquire)
    }

    /// Returns the lane position up to which a device has lost what it held, if no frame follows there: it will not be
    /// played. 0 if no end of a reply was lost.
    #[must_use]
    pub fn lost_position(&self) -> u64 {
        self.shared.lost.load(Ordering::Acquire)
    }

    /// Takes the next cut receipt. Cuts in quick succession may share the receipt of the latest.
    pub fn receipt(&mut self) -> Option<CutReceipt> {
        self.receipts.try_pop()
    }
}

/// Confirms that a cut has been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutReceipt {
    /// The lane position of the cut: no frame before it will be played.
    pub cut: u64,
    /// The lane position up to which frames were played in full; the fade after it does not count.
    pub played: u64,
}

/// The requested and the actual state of the microphone: a [`CaptureRequest`] and a [`CaptureState`].
pub(super) struct CaptureShared {
    request: AtomicU8,
    /// The number of requests to open it, so that the thread notices a request that was withdrawn and made again.
    openings: AtomicU32,
    state: AtomicU8,
    /// Whether somebody speaks or a reply is heard.
    pub(super) attentive: AtomicBool,
    /// Whether the microphone hears more than noise.
    pub(super) loud: AtomicBool,
}

impl Default for CaptureShared {
    fn default() -> CaptureShared {
        CaptureShared {
            request: AtomicU8::default(),
            openings: AtomicU32::default(),
            state: AtomicU8::default(),
            attentive: AtomicBool::new(true),
            loud: AtomicBool::new(true),
        }
    }
}

/// What the session requests of the microphone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CaptureRequest {
    /// Nothing may be captured soon. Before the first request it is not known whether it may.
    #[default]
    Muted,
    /// Nothing is captured at present.
    Closed,
    Open,
}

/// What becomes of the microphone's samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CaptureState {
    /// There are none: the device is closed.
    #[default]
    Closed,
    /// The device runs, and they are discarded.
    Discarding,
    Capturing,
}

impl CaptureShared {
    pub(super) fn request(&self) -> CaptureRequest {
        let request = self.request.load(Ordering::Acquire);
        let all = [CaptureRequest::Muted, CaptureRequest::Closed, CaptureRequest::Open];
        all.into_iter().find(|known| *known as u8 == request).unwrap_or_default()
    }

    pub(super) fn openings(&self) -> u32 {
        self.openings.load(Ordering::Acquire)
    }

    pub(super) fn state(&self) -> CaptureState {
        let state = self.state.load(Ordering::Acquire);
        let all = [CaptureState::Closed, CaptureState::Discarding, CaptureState::Capturing];
        all.into_iter().find(|known| *known as u8 == state).unwrap_or_default()
    }

    pub(super) fn set_state(&self, state: CaptureState) {
        self.state.store(state as u8, Ordering::Release);
    }
}

/// State shared by the session and the playback step.
pub(super) struct PlaybackShared {
    /// The played position in the lane, in frames.
    pub(super) played: AtomicU64,
    /// The lane position up to which a device has lost the last frames that it held.
    pub(super) lost: AtomicU64,
    /// Percent.
    volume: AtomicU8,
    /// The [`TalkEvidence`] for which the reply is turned down.
    talk: AtomicU8,
    /// Whether a reply may be heard soon.
    pub(super) reply_near: AtomicBool,
    /// Whether the session is to wake the thread when it writes to the lane.
    pub(super) wakes_at_write: AtomicBool,
}

impl Default for PlaybackShared {
    fn default() -> PlaybackShared {
        PlaybackShared {
            played: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            volume: AtomicU8::new(100),
            talk: AtomicU8::new(TalkEvidence::None as u8),
            reply_near: AtomicBool::new(true),
            wakes_at_write: AtomicBool::new(false),
        }
    }
}

impl PlaybackShared {
    /// Returns the gain that the session requests.
    pub(super) fn gain(&self) -> GainRequest {
        GainRequest {
            percent: self.volume.load(Ordering::Relaxed),
            talk: TalkEvidence::from_number(self.talk.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::audio::error::{PcmError, Recovery};
    use crate::audio::rt::playback_device::{BufferLevel, PlaybackDevice, QueuePlan};
    use crate::audio::{AudioEndpoints, CutMode, StreamFormat};

    #[test]
    fn what_is_written_wakes_a_thread_that_may_wait_long() {
        for (cut, long, awake_frames, wakes) in [
            (CutMode::RunOut, 24_000, None, true),
            (CutMode::Drop, 480, Some(24_000), true),
            (CutMode::Rewrite, 480, None, true),
            // It is woken often enough.
            (CutMode::RunOut, 480, None, false),
        ] {
            let AudioEndpoints { mut audio, mut playback, playback_wake, .. } =
                AudioEndpoints::native(StreamFormat::default(), false).unwrap();
            let plan = QueuePlan { cut, short: 480, long, fade_at: 720, awake_frames };
            let mut speaker = FullSpeaker { plan, queued: 0 };
            audio.playback.set_reply_near(false);
            playback.run(&mut speaker).unwrap();
            playback_wake.drain();
            audio.playback.write(&[[1]]);
            assert_eq!(playback_wake.drain(), wakes, "{cut:?}, {long} frames at rest");
            audio.playback.write(&[[1]]);
            assert!(!playback_wake.drain(), "once");
        }
    }

    /// A speaker that plays nothing.
    struct FullSpeaker {
        plan: QueuePlan,
        queued: usize,
    }

    impl PlaybackDevice for FullSpeaker {
        fn queue(&self) -> QueuePlan {
            self.plan
        }

        fn level(&mut self) -> Result<BufferLevel, PcmError> {
            Ok(BufferLevel { queued: self.queued, delay: self.queued as i64 })
        }

        fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
            self.queued += frames.len();
            Ok(frames.len())
        }

        fn flush(&mut self) -> Result<(), PcmError> {
            self.queued = 0;
            Ok(())
        }

        fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
            Ok(Recovery::Emptied)
        }
    }
}
