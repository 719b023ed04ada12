//! Passes on microphone frames to be sent; buffers 10 s as pre-roll and for replay after a reconnect.
//!
//! It does not decide whether the microphone is open or which session receives the frames, and encodes none.

use std::collections::VecDeque;

use crate::audio::{CaptureFrame, CaptureHandle};
use crate::conversation::KEEP_LIMIT;

/// Capacity of the buffer: the newest ten seconds. Older frames are dropped, and counted if they were not
/// sent.
const BUFFER_FRAMES: usize = KEEP_LIMIT.as_secs() as usize * 24_000;
/// Sent frames kept while no speech is active: the newest second. Speech that the service has not reported by
/// then started later (protocol §8.3: up to 0.3 s of padding, 0.2 s of detection, and the network delay).
const RESEND_FRAMES: usize = 24_000;
/// Frames per event at most: 80 ms, as many as travel together while it is quiet. More wait only after a stall.
const EVENT_FRAMES: usize = 1920;

/// Sends frames over the active link, and returns whether it still works.
pub(in crate::session) type SendFrames<'a> = &'a mut dyn FnMut(&[CaptureFrame]) -> bool;

/// The path of the user's voice.
pub(super) struct Uplink {
    /// The newest frames: the first `sent` were sent to this session, the others wait for one.
    buffer: VecDeque<CaptureFrame>,
    sent: usize,
    frames_since_press: u64,
    dropped: u64,
    /// The link may hold frames that the kernel has not taken yet.
    unsent: bool,
}

impl Uplink {
    pub(super) fn new() -> Self {
        let buffer = VecDeque::with_capacity(BUFFER_FRAMES);
        Self { buffer, sent: 0, frames_since_press: 0, dropped: 0, unsent: false }
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
        let mut frames = [CaptureFrame::default(); EVENT_FRAMES];
        let dropped = self.dropped;
        let mut works = send.as_mut().is_some_and(|send| self.send_buffered(send));
        loop {
            let count = capture.read(&mut frames);
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
            self.drop_sent(RESEND_FRAMES);
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

    /// Returns the number of frames captured since the last restart.
    pub(super) fn frames_since_press(&self) -> u64 {
        self.frames_since_press
    }

    /// Returns whether captured frames have yet to leave the device: in the buffer, or in a link that is `blocked`.
    pub(super) fn has_unsent(&mut self, blocked: bool) -> bool {
        self.unsent &= blocked;
        self.unsent || self.buffer.len() > self.sent
    }

    fn push(&mut self, frames: &[CaptureFrame]) {
        let excess = (self.buffer.len() + frames.len()).saturating_sub(BUFFER_FRAMES).min(self.buffer.len());
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
        let mut frames = [CaptureFrame::default(); EVENT_FRAMES];
        while self.sent < self.buffer.len() {
            let count = (self.buffer.len() - self.sent).min(EVENT_FRAMES);
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
