//! From the heard lane to `input_audio_buffer.append`, and what is kept of it: for a session that is not there yet, and
//! for the next one to hear again what the last one may not have taken in.
//!
//! Whether the microphone is open, and whether there is a session to send to, is decided elsewhere.

use std::collections::VecDeque;

use rustix::event::PollFlags;

use crate::audio::{CaptureFrame, CaptureHandle};
use crate::conversation::KEEP_LIMIT;
use crate::model::Time;
use crate::protocol;
use crate::session::report::recorder::RecorderHandle;
use crate::transport::{TransportError, WsClient};

/// Frames kept for a session at most: the newest ten seconds. Older ones are dropped and counted.
const BUFFER_FRAMES: usize = KEEP_LIMIT.as_secs() as usize * 24_000;
/// Frames kept of what has been sent while nobody was heard to speak: the newest second. A voice that the service has
/// not told of by then began later (protocol §8.3: at most 0.3 s of padding and 0.2 s to be sure, and the way).
const RESEND_FRAMES: usize = 24_000;
/// Frames in one event at most: 20 ms. A period is sent as soon as it is there; more only after a stall.
const EVENT_FRAMES: usize = 480;
/// What a recording calls them.
const APPEND_KIND: &str = "input_audio_buffer.append";

/// The way of the owner's voice.
pub(in crate::session) struct Uplink {
    /// The newest frames: first `sent` that this session has, then those that wait for one.
    buffer: VecDeque<CaptureFrame>,
    sent: usize,
    frames_since_press: u64,
    dropped: u64,
    /// The link may hold something that was said.
    unsent: bool,
}

impl Uplink {
    pub(in crate::session) fn new() -> Self {
        let buffer = VecDeque::with_capacity(BUFFER_FRAMES);
        Self { buffer, sent: 0, frames_since_press: 0, dropped: 0, unsent: false }
    }

    /// Moves on everything that has been heard: to `link`, or to what is kept for one. With `open` false it
    /// belongs to nobody; with `speech` all of it may still be needed by another session.
    pub(in crate::session) fn pump(
        &mut self,
        capture: &mut CaptureHandle,
        open: bool,
        speech: bool,
        mut link: Option<&mut WsClient>,
        recorder: &RecorderHandle,
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

    /// Begins anew: what was heard before belongs to no turn.
    pub(in crate::session) fn restart(&mut self) {
        self.buffer.clear();
        (self.sent, self.frames_since_press) = (0, 0);
    }

    /// Drops what waits for a session and will not be sent, and tells whether there was any.
    pub(in crate::session) fn discard_unsent(&mut self) -> bool {
        let unsent = self.buffer.len() - self.sent;
        self.dropped += unsent as u64;
        self.restart();
        unsent > 0
    }

    /// Takes in that the service has made a turn of what it has.
    pub(in crate::session) fn mark_turn_taken(&mut self) {
        self.drop_sent(0);
    }

    /// Takes in that there is another session, which has heard nothing yet.
    pub(in crate::session) fn resend(&mut self) {
        self.sent = 0;
    }

    /// Counts the frames heard since the last restart.
    pub(in crate::session) fn frames_since_press(&self) -> u64 {
        self.frames_since_press
    }

    /// Counts the frames that became too old before they could be sent.
    pub(in crate::session) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Tells whether anything that was said waits to leave: for a link, or in `link` for the kernel.
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

    /// Keeps at most so many frames of those that were sent.
    fn drop_sent(&mut self, limit: usize) {
        let excess = self.sent.saturating_sub(limit);
        self.buffer.drain(..excess);
        self.sent -= excess;
    }

    fn send_buffered(
        &mut self,
        link: &mut WsClient,
        recorder: &RecorderHandle,
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
    recorder: &RecorderHandle,
    now: Time,
) -> Result<(), TransportError> {
    link.send(|text| {
        let before = text.len();
        protocol::append(frames, text);
        let message = &text[before..];
        let audio = protocol::appended(message);
        recorder.lock().recorder.sent_sound(APPEND_KIND, message.len(), audio, now);
    })
}
