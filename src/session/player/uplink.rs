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
const KEPT_FRAMES: usize = KEEP_LIMIT.as_secs() as usize * 24_000;
/// Frames kept of what has been sent while nobody was heard to speak: the newest second. A voice that the service has
/// not told of by then began later (protocol §8.3: at most 0.3 s of padding and 0.2 s to be sure, and the way).
const QUIET_FRAMES: usize = 24_000;
/// Frames in one event at most: 20 ms. A period is sent as soon as it is there; more only after a stall.
const EVENT_FRAMES: usize = 480;
/// What a recording calls them.
const APPEND: &str = "input_audio_buffer.append";

/// The way of the owner's voice.
pub(in crate::session) struct Uplink {
    /// The newest frames: first `sent` that this session has, then those that wait for one.
    kept: VecDeque<CaptureFrame>,
    sent: usize,
    since_press: u64,
    dropped: u64,
    /// The link may hold something that was said.
    unsent: bool,
}

impl Uplink {
    pub(in crate::session) fn new() -> Self {
        let kept = VecDeque::with_capacity(KEPT_FRAMES);
        Self { kept, sent: 0, since_press: 0, dropped: 0, unsent: false }
    }

    /// Moves on everything that has been heard: to `link`, or to what is kept for one. With `open` false it
    /// belongs to nobody; with `speech` all of it may still be needed by another session.
    pub(in crate::session) fn pump(
        &mut self,
        ears: &mut CaptureHandle,
        open: bool,
        speech: bool,
        mut link: Option<&mut WsClient>,
        scribe: &RecorderHandle,
        now: Time,
    ) -> Result<(), TransportError> {
        let mut frames = [CaptureFrame::default(); EVENT_FRAMES];
        let mut result = match &mut link {
            Some(link) => self.send_kept(link, scribe, now),
            None => Ok(()),
        };
        loop {
            let count = ears.read(&mut frames);
            if count == 0 {
                break;
            }
            if !open {
                continue;
            }
            self.since_press += count as u64;
            self.keep(&frames[..count]);
            if let (Some(link), Ok(())) = (&mut link, &result) {
                self.unsent = true;
                self.sent = self.kept.len();
                result = append(link, &frames[..count], scribe, now);
            }
        }
        if link.is_some() && !speech {
            self.drop_sent(QUIET_FRAMES);
        }
        result
    }

    /// Begins anew: what was heard before belongs to no turn.
    pub(in crate::session) fn restart(&mut self) {
        self.kept.clear();
        (self.sent, self.since_press) = (0, 0);
    }

    /// Drops what waits for a session and will not be sent, and tells whether there was any.
    pub(in crate::session) fn give_up(&mut self) -> bool {
        let waiting = self.kept.len() - self.sent;
        self.dropped += waiting as u64;
        self.restart();
        waiting > 0
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
    pub(in crate::session) fn since_press(&self) -> u64 {
        self.since_press
    }

    /// Counts the frames that became too old before they could be sent.
    pub(in crate::session) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Tells whether anything that was said waits to leave: for a link, or in `link` for the kernel.
    pub(in crate::session) fn has_frames(&mut self, link: Option<&mut WsClient>) -> bool {
        self.unsent &= link.is_some_and(|link| link.interest().contains(PollFlags::OUT));
        self.unsent || self.kept.len() > self.sent
    }

    fn keep(&mut self, frames: &[CaptureFrame]) {
        let over = (self.kept.len() + frames.len()).saturating_sub(KEPT_FRAMES).min(self.kept.len());
        self.dropped += over.saturating_sub(self.sent) as u64;
        self.sent = self.sent.saturating_sub(over);
        self.kept.drain(..over);
        self.kept.extend(frames);
    }

    /// Keeps at most so many frames of those that were sent.
    fn drop_sent(&mut self, most: usize) {
        let over = self.sent.saturating_sub(most);
        self.kept.drain(..over);
        self.sent -= over;
    }

    fn send_kept(
        &mut self,
        link: &mut WsClient,
        scribe: &RecorderHandle,
        now: Time,
    ) -> Result<(), TransportError> {
        let mut frames = [CaptureFrame::default(); EVENT_FRAMES];
        while self.sent < self.kept.len() {
            let count = (self.kept.len() - self.sent).min(EVENT_FRAMES);
            for (into, frame) in frames.iter_mut().zip(self.kept.range(self.sent..self.sent + count)) {
                *into = *frame;
            }
            self.unsent = true;
            append(link, &frames[..count], scribe, now)?;
            self.sent += count;
        }
        Ok(())
    }
}

fn append(
    link: &mut WsClient,
    frames: &[CaptureFrame],
    scribe: &RecorderHandle,
    now: Time,
) -> Result<(), TransportError> {
    link.send(|text| {
        let before = text.len();
        protocol::append(frames, text);
        let message = &text[before..];
        let audio = protocol::appended(message);
        scribe.lock().recorder.sent_sound(APPEND, message.len(), audio, now);
    })
}
