//! Passes on microphone frames to be sent; buffers 10 s as pre-roll and for replay after a reconnect.
//!
//! It does not decide whether the microphone is open or which session receives the frames, and encodes none.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::{CaptureFrame, CaptureHandle};
use crate::conversation::KEEP_LIMIT;

/// Capacity of the buffer: the newest ten seconds. Older frames are dropped, and counted if they were not
/// sent.
const BUFFER_S: usize = KEEP_LIMIT.as_secs() as usize;
/// Sent frames kept while no speech is active: the newest second. Speech that the service has not reported by
/// then started later (protocol §8.3: up to 0.4 s of padding, 0.2 s of detection, and the network delay).
const RESEND_S: usize = 1;
/// The sound of an event at most, as much as travels together while it is quiet. More waits only after a stall.
const EVENT_MS: usize = 80;
/// Frames of an event at the highest rate.
const EVENT_FRAMES_MAX: usize = crate::protocol::RATE_HZ as usize * EVENT_MS / 1000;

/// Sends frames over the active link, and returns whether it still works.
pub(in crate::session) type SendFrames<'a> = &'a mut dyn FnMut(&[CaptureFrame]) -> bool;

/// The path of the user's voice.
pub(super) struct Uplink {
    /// The rate of the frames.
    rate_hz: usize,
    /// The newest frames: the first `sent` were sent to this session, the others wait for one.
    buffer: VecDeque<CaptureFrame>,
    sent: usize,
    frames_since_press: u64,
    dropped: u64,
    /// The link may hold frames that the kernel has not taken yet.
    unsent: bool,
}

impl Uplink {
    /// Creates a path for frames of `rate_hz`, at most that of replies.
    pub(super) fn new(rate_hz: u32) -> Self {
        let rate_hz = rate_hz as usize;
        let buffer = VecDeque::with_capacity(BUFFER_S * rate_hz);
        Self { rate_hz, buffer, sent: 0, frames_since_press: 0, dropped: 0, unsent: false }
    }

    /// Reads all captured frames, buffers them, and passes them to `send` if there is a session. Returns whether frames
    /// were dropped unsent because the buffer was full.
    ///
    /// If `wanted` is false the frames are discarded. While `speech` is active all sent frames are kept, for another
    /// session may need them.
    pub(super) fn pump(
        &mut self,
        capture: &mut CaptureHandle,
        wanted: bool,
        speech: bool,
        mut send: Option<SendFrames<'_>>,
    ) -> bool {
        let mut event = [CaptureFrame::default(); EVENT_FRAMES_MAX];
        let frames = &mut event[..self.event_frames()];
        let dropped = self.dropped;
        let mut works = send.as_mut().is_some_and(|send| self.send_buffered(send));
        loop {
            let count = capture.read(frames);
            if count == 0 {
                break;
            }
            if !wanted {
                continue;
            }
            self.frames_since_press += count as u64;
            self.push(&frames[..count]);
            if works && let Some(send) = &mut send {
                self.unsent = true;
                self.sent = self.buffer.len();
                works = send(&frames[..count]);
            }
        }
        if send.is_some() && !speech {
            self.drop_sent(RESEND_S * self.rate_hz);
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

    /// Returns the number of frames of an event.
    fn event_frames(&self) -> usize {
        (self.rate_hz * EVENT_MS / 1000).clamp(1, EVENT_FRAMES_MAX)
    }

    fn push(&mut self, frames: &[CaptureFrame]) {
        let excess =
            (self.buffer.len() + frames.len()).saturating_sub(BUFFER_S * self.rate_hz).min(self.buffer.len());
        self.dropped += excess.saturating_sub(self.sent) as u64;
        self.sent = self.sent.saturating_sub(excess);
        self.buffer.drain(..excess);
        self.buffer.extend(frames);
    }

    /// Keeps at most `limit` of the sent frames.
    fn drop_sent(&mut self, limit: usize) {
        let excess = self.sent.saturating_sub(limit);
        self.buffer.drain(..excess);
        self.sent -= excess;
    }

    /// Sends the frames that wait for a session, and returns whether the link still works.
    fn send_buffered(&mut self, send: &mut SendFrames<'_>) -> bool {
        let mut frames = [CaptureFrame::default(); EVENT_FRAMES_MAX];
        while self.sent < self.buffer.len() {
            let count = (self.buffer.len() - self.sent).min(self.event_frames());
            for (slot, frame) in frames.iter_mut().zip(self.buffer.range(self.sent..self.sent + count)) {
                *slot = *frame;
            }
            self.unsent = true;
            if !send(&frames[..count]) {
                return false;
            }
            self.sent += count;
        }
        true
    }
}
