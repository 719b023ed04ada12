//! Passes on microphone frames to be sent; buffers 10 s as pre-roll and for replay after a reconnect.
//!
//! It does not decide whether the microphone is open or which session receives the frames, and encodes none.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::{CaptureFrame, CaptureHandle, CaptureLayout};
use crate::conversation::KEEP_LIMIT;

/// Capacity of the buffer: the newest ten seconds. Older frames are dropped, and counted if they were not
/// sent.
const BUFFER_S: usize = KEEP_LIMIT.as_secs() as usize;
/// Sent frames kept while no speech is active: the newest second. Speech that the service has not reported by
/// then started later (protocol §8.3: up to 0.4 s of padding, 0.2 s of detection, and the network delay).
const RESEND_S: usize = 1;
/// The sound of an event at most, as much as travels together while it is quiet. More waits only after a stall.
const EVENT_MS: usize = 80;
/// Samples of an event at the highest rate, in the larger layout.
const EVENT_SAMPLES_MAX: usize =
    crate::protocol::RATE_HZ as usize * EVENT_MS / 1000 * CaptureLayout::WithReference.samples();

/// The session that the frames go to.
pub(in crate::session) struct FrameRecipient<'a> {
    /// What it takes of each instant: all that is captured, or less.
    pub(in crate::session) layout: CaptureLayout,
    /// Sends samples over its link, and returns whether that still works.
    pub(in crate::session) send: &'a mut dyn FnMut(&[CaptureFrame]) -> bool,
}

/// The path of the user's voice.
pub(super) struct Uplink {
    /// The rate of the frames.
    rate_hz: usize,
    /// What is captured of each instant.
    layout: CaptureLayout,
    /// The newest samples: the first `sent` were sent to this session, the others wait for one.
    buffer: VecDeque<CaptureFrame>,
    sent: usize,
    frames_since_press: u64,
    dropped: u64,
    /// The link may hold frames that the kernel has not taken yet.
    unsent: bool,
}

impl Uplink {
    /// Creates a path for frames of `rate_hz`, at most that of replies, which are captured in this layout.
    pub(super) fn new(rate_hz: u32, layout: CaptureLayout) -> Self {
        let rate_hz = rate_hz as usize;
        let buffer = VecDeque::with_capacity(BUFFER_S * rate_hz * layout.samples());
        Self { rate_hz, layout, buffer, sent: 0, frames_since_press: 0, dropped: 0, unsent: false }
    }

    /// Reads all captured frames, buffers them, and passes them to the session if there is one. Returns whether frames
    /// were dropped unsent because the buffer was full.
    ///
    /// If `wanted` is false the frames are discarded. While `speech` is active all sent frames are kept, for another
    /// session may need them.
    pub(super) fn pump(
        &mut self,
        capture: &mut CaptureHandle,
        wanted: bool,
        speech: bool,
        mut recipient: Option<FrameRecipient<'_>>,
    ) -> bool {
        let mut event = [CaptureFrame::default(); EVENT_SAMPLES_MAX];
        let samples = &mut event[..self.event_samples()];
        let dropped = self.dropped;
        let mut works = recipient.as_mut().is_some_and(|recipient| self.send_buffered(recipient));
        loop {
            let count = capture.read(samples);
            if count == 0 {
                break;
            }
            if !wanted {
                continue;
            }
            self.frames_since_press += (count / self.layout.samples()) as u64;
            self.push(&samples[..count]);
            if works && let Some(recipient) = &mut recipient {
                self.unsent = true;
                self.sent = self.buffer.len();
                works = (recipient.send)(reduced(&mut samples[..count], self.layout, recipient.layout));
            }
        }
        if recipient.is_some() && !speech {
            self.drop_sent(RESEND_S * self.rate_hz * self.layout.samples());
        }
        self.dropped > dropped
    }

    /// Clears the buffer: earlier frames belong to no turn.
    pub(super) fn restart(&mut self) {
        self.buffer.clear();
        (self.sent, self.frames_since_press) = (0, 0);
    }

    /// Discards all frames, counts the unsent ones as dropped, and returns whether there were any.
    pub(super) fn discard_unsent(&mut self) -> bool {
        let unsent = self.buffer.len() - self.sent;
        self.dropped += unsent as u64;
        self.restart();
        unsent > 0
    }

    /// Drops the sent frames: no other session needs them.
    pub(super) fn release_sent(&mut self) {
        self.drop_sent(0);
    }

    /// Marks all frames as unsent, for a new session.
    pub(super) fn resend(&mut self) {
        self.sent = 0;
    }

    /// Returns the duration of what was captured since the last restart.
    pub(super) fn captured_since_press(&self) -> Duration {
        Duration::from_millis(self.frames_since_press * 1000 / self.rate_hz.max(1) as u64)
    }

    /// Returns whether captured frames have yet to leave the device: in the buffer, or in a link that is `blocked`.
    pub(super) fn has_unsent(&mut self, blocked: bool) -> bool {
        self.unsent &= blocked;
        self.unsent || self.buffer.len() > self.sent
    }

    /// Returns the number of samples of an event.
    fn event_samples(&self) -> usize {
        let frames = (self.rate_hz * EVENT_MS / 1000).max(1);
        (frames * self.layout.samples()).min(EVENT_SAMPLES_MAX)
    }

    fn push(&mut self, samples: &[CaptureFrame]) {
        let capacity = BUFFER_S * self.rate_hz * self.layout.samples();
        let excess = (self.buffer.len() + samples.len()).saturating_sub(capacity).min(self.buffer.len());
        self.dropped += excess.saturating_sub(self.sent) as u64;
        self.sent = self.sent.saturating_sub(excess);
        self.buffer.drain(..excess);
        self.buffer.extend(samples);
    }

    /// Keeps at most `limit` of the sent samples.
    fn drop_sent(&mut self, limit: usize) {
        let excess = self.sent.saturating_sub(limit);
        self.buffer.drain(..excess);
        self.sent -= excess;
    }

    /// Sends the frames that wait for a session, and returns whether the link still works.
    fn send_buffered(&mut self, recipient: &mut FrameRecipient<'_>) -> bool {
        let mut samples = [CaptureFrame::default(); EVENT_SAMPLES_MAX];
        while self.sent < self.buffer.len() {
            let count = (self.buffer.len() - self.sent).min(self.event_samples());
            for (slot, sample) in samples.iter_mut().zip(self.buffer.range(self.sent..self.sent + count)) {
                *slot = *sample;
            }
            self.unsent = true;
            if !(recipient.send)(reduced(&mut samples[..count], self.layout, recipient.layout)) {
                return false;
            }
            self.sent += count;
        }
        true
    }
}

/// Reduces captured samples to what the session takes, in place: to the microphone's, if it takes no reference. A session
/// that takes one gets pairs only if they are captured.
fn reduced(samples: &mut [CaptureFrame], captured: CaptureLayout, taken: CaptureLayout) -> &[CaptureFrame] {
    match (captured, taken) {
        (CaptureLayout::WithReference, CaptureLayout::Microphone) => {
            let frames = samples.len() / captured.samples();
            for frame in 0..frames {
                samples[frame] = samples[frame * captured.samples()];
            }
            &samples[..frames]
        }
        (CaptureLayout::WithReference, CaptureLayout::WithReference) | (CaptureLayout::Microphone, _) => {
            samples
        }
    }
}
