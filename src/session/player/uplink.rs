//! Sends microphone frames as `input_audio_buffer.append`; buffers 10 s as pre-roll and for replay after a
//! reconnect.
//!
//! It does not decide whether the microphone is open or which session receives the frames.

use std::collections::VecDeque;

use rustix::event::PollFlags;

use crate::audio::{CaptureFrame, CaptureHandle};
use crate::conversation::KEEP_LIMIT;
use crate::model::Time;
use crate::protocol;
use crate::session::report::recorder::SessionRecorder;
use crate::transport::{TransportError, WsClient};

/// Capacity of the buffer: the newest ten seconds. Older frames are dropped, and counted if they were not
/// sent.
const BUFFER_FRAMES: usize = KEEP_LIMIT.as_secs() as usize * 24_000;
/// Sent frames kept while no speech is active: the newest second. Speech that the service has not reported by
/// then started later (protocol §8.3: up to 0.3 s of padding, 0.2 s of detection, and the network delay).
const RESEND_FRAMES: usize = 24_000;
/// Frames per event at most: 20 ms. Each period is sent at once; more frames than that wait only after a
/// stall.
const EVENT_FRAMES: usize = 480;
/// The type of these messages in a recording.
const APPEND_KIND: &str = "input_audio_buffer.append";

/// The path of the user's voice.
pub(in crate::session) struct Uplink {
    /// The newest frames: the first `sent` were sent to this session, the others wait for one.
    buffer: VecDeque<CaptureFrame>,
    sent: usize,
    frames_since_press: u64,
    dropped: u64,
    /// The link may hold frames that the kernel has not taken yet.
    unsent: bool,
}

impl Uplink {
    pub(in crate::session) fn new() -> Self {
        let buffer = VecDeque::with_capacity(BUFFER_FRAMES);
        Self { buffer, sent: 0, frames_since_press: 0, dropped: 0, unsent: false }
    }

    /// Reads all captured frames, buffers them, and sends them to `link` if there is one.
    ///
    /// If `open` is false the frames are discarded. While `speech` is active all sent frames are kept, for
    /// another session may need them.
    ///
    /// # Errors
    /// When the link has failed. The frames are buffered all the same.
    pub(in crate::session) fn pump(
        &mut self,
        capture: &mut CaptureHandle,
        open: bool,
        speech: bool,
        mut link: Option<&mut WsClient>,
        recorder: &SessionRecorder,
        now: Time,
    ) -> Result<(), TransportError> {
        let mut frames = [CaptureFrame::default(); EVENT_FRAMES];
        let mut result = match &mut link {
            Some(link) => self.send_buffered(link, recorder, now),
            None => Ok(()),
        };
        loop {
            let count = capture.read(&mut frames);
            if count == 0 {
                break;
            }
            if !open {
                continue;
            }
            self.frames_since_press += count as u64;
            self.push(&frames[..count]);
            if let (Some(link), Ok(())) = (&mut link, &result) {
                self.unsent = true;
                self.sent = self.buffer.len();
                result = append(link, &frames[..count], recorder, now);
            }
        }
        if link.is_some() && !speech {
            self.drop_sent(RESEND_FRAMES);
        }
        result
    }

    /// Clears the buffer: earlier frames belong to no turn.
    pub(in crate::session) fn restart(&mut self) {
        self.buffer.clear();
        (self.sent, self.frames_since_press) = (0, 0);
    }

    /// Discards all frames, counts the unsent ones as dropped, and returns whether there were any.
    pub(in crate::session) fn discard_unsent(&mut self) -> bool {
        let unsent = self.buffer.len() - self.sent;
        self.dropped += unsent as u64;
        self.restart();
        unsent > 0
    }

    /// Drops the sent frames: no other session needs them.
    pub(in crate::session) fn release_sent(&mut self) {
        self.drop_sent(0);
    }

    /// Marks all frames as unsent, for a new session.
    pub(in crate::session) fn resend(&mut self) {
        self.sent = 0;
    }

    /// Returns the number of frames captured since the last restart.
    pub(in crate::session) fn frames_since_press(&self) -> u64 {
        self.frames_since_press
    }

    /// Returns the number of frames that were dropped unsent.
    pub(in crate::session) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns whether captured frames wait to be sent, in the buffer or in `link`.
    pub(in crate::session) fn has_frames(&mut self, link: Option<&mut WsClient>) -> bool {
        self.unsent &= link.is_some_and(|link| link.interest().contains(PollFlags::OUT));
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

    fn send_buffered(
        &mut self,
        link: &mut WsClient,
        recorder: &SessionRecorder,
        now: Time,
    ) -> Result<(), TransportError> {
        let mut frames = [CaptureFrame::default(); EVENT_FRAMES];
        while self.sent < self.buffer.len() {
            let count = (self.buffer.len() - self.sent).min(EVENT_FRAMES);
            for (slot, frame) in frames.iter_mut().zip(self.buffer.range(self.sent..self.sent + count)) {
                *slot = *frame;
            }
            self.unsent = true;
            append(link, &frames[..count], recorder, now)?;
            self.sent += count;
        }
        Ok(())
    }
}

fn append(
    link: &mut WsClient,
    frames: &[CaptureFrame],
    recorder: &SessionRecorder,
    now: Time,
) -> Result<(), TransportError> {
    link.send(|text| {
        let before = text.len();
        protocol::append(frames, text);
        let message = &text[before..];
        let audio = protocol::appended(message);
        recorder.record_sent_audio(APPEND_KIND, message.len(), audio, now);
    })
}
