//! The path of reply audio: decodes audio deltas, queues them for the playback lane, and enters them in the
//! ledger.
//!
//! It plays whatever it is given: the conversation has accepted the reply before.

use super::reply_queue::ReplyQueue;
use super::resume::ResumeBuffer;
use crate::audio::{PlaybackFrame, PlaybackHandle};
use crate::conversation::Id;
use crate::ledger::Ledger;
use crate::protocol::{AudioDelta, Pcm16Decoder};

/// The path of a reply.
#[derive(Debug, Default)]
pub(super) struct Downlink {
    decoder: Pcm16Decoder,
    item: Option<(Id, u32)>,
    /// Precedes the queue.
    resume: ResumeBuffer,
    queue: ReplyQueue,
    /// Nothing is written to the lane.
    is_held: bool,
}

/// The result of one delta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct DeltaOutcome {
    /// Frames that will be played.
    pub(in crate::session) queued: usize,
    /// Frames that did not fit.
    pub(in crate::session) refused: usize,
    /// The delta was not valid base64; frames before the error are queued.
    pub(in crate::session) bad: bool,
}

impl Downlink {
    /// Decodes and queues one delta.
    pub(super) fn push(
        &mut self,
        delta: &AudioDelta<'_>,
        playback: &mut PlaybackHandle,
        ledger: &mut Ledger,
    ) -> DeltaOutcome {
        self.select_item(delta);
        let mut outcome = DeltaOutcome::default();
        let position = playback.written() + (self.resume.len() + self.queue.len()) as u64;
        // A full ledger refuses before anything is decoded.
        if !ledger.reserve(&delta.reply, &delta.item, delta.content_index, position) {
            outcome.refused = delta.base64.len() / 8 * 3;
            return outcome;
        }
        let Self { queue, resume, .. } = self;
        let is_held = self.is_held;
        let decoded = self.decoder.decode(&delta.base64, |samples| {
            let (frames, _): (&[PlaybackFrame], _) = samples.as_chunks();
            let is_next = queue.is_empty() && resume.is_empty() && !is_held;
            let written = if is_next { write(frames, playback, resume) } else { 0 };
            let queued = queue.push(&frames[written..]);
            outcome.queued += written + queued;
            outcome.refused += frames.len() - written - queued;
        });
        outcome.bad = decoded.is_err();
        ledger.extend(outcome.queued as u64);
        outcome
    }

    /// Moves queued audio into the lane as far as it has room.
    pub(super) fn top_up(&mut self, playback: &mut PlaybackHandle) {
        if self.is_held {
            return;
        }
        self.resume.write_again(playback);
        if self.resume.is_empty() && !self.queue.is_empty() {
            let Self { queue, resume, .. } = self;
            queue.drain_into(|frames| write(frames, playback, resume));
        }
    }

    /// Returns whether audio is queued, so that the lane needs topping up again.
    pub(super) fn is_waiting(&self) -> bool {
        !(self.is_held || self.queue.is_empty() && self.resume.is_empty())
    }

    /// Stops writing to the lane, or continues.
    pub(super) fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Takes back what was written to the lane and not played, to write it again.
    pub(super) fn take_back(&mut self, cut: u64, played: u64) {
        self.resume.take_back(cut, played);
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.resume.clear();
        self.item = None;
    }

    /// Restarts the decoder for a new item: half a sample at the end of one item is not the start of the
    /// next.
    fn select_item(&mut self, delta: &AudioDelta<'_>) {
        let is_same = matches!(
            &self.item,
            Some((item, index)) if *item == *delta.item && *index == delta.content_index
        );
        if !is_same {
            self.decoder.restart();
            self.item = Id::try_from(&*delta.item).ok().map(|item| (item, delta.content_index));
        }
    }
}

/// Writes as many of `frames` to the lane as fit, and returns their number.
fn write(frames: &[PlaybackFrame], playback: &mut PlaybackHandle, resume: &mut ResumeBuffer) -> usize {
    let written = playback.write(frames);
    resume.record(&frames[..written], playback.written());
    written
}
