//! From an audio delta to the spoken lane: decode, queue, enter in the book.
//!
//! Whether a reply may be heard is decided before anything comes here.

use super::reply_queue::ReplyQueue;
use crate::audio::{PlaybackFrame, PlaybackHandle};
use crate::conversation::Id;
use crate::ledger::Ledger;
use crate::protocol::{AudioDelta, Pcm16Decoder};

/// The way of a reply.
#[derive(Debug, Default)]
pub(in crate::session) struct Downlink {
    samples: Pcm16Decoder,
    stream: Option<(Id, u32)>,
    queue: ReplyQueue,
}

/// What became of a delta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct DeltaOutcome {
    /// Frames that will be heard.
    pub(in crate::session) queued: usize,
    /// Frames for which there was no room.
    pub(in crate::session) refused: usize,
    /// The delta was not base64, at least from some place on.
    pub(in crate::session) bad: bool,
}

impl Downlink {
    /// Takes one delta in.
    pub(in crate::session) fn push(
        &mut self,
        delta: &AudioDelta<'_>,
        mouth: &mut PlaybackHandle,
        ledger: &mut Ledger,
    ) -> DeltaOutcome {
        self.select_item(delta);
        let mut taken = DeltaOutcome::default();
        let place = mouth.written() + self.queue.len() as u64;
        // A delta of nothing opens the item's entry, so that there is room in the book for what follows.
        if !ledger.queue(&delta.reply, &delta.item, delta.content_index, place, 0) {
            taken.refused = delta.base64.len() / 8 * 3;
            return taken;
        }
        let backlog = &mut self.queue;
        let decoded = self.samples.decode(&delta.base64, |samples| {
            let (frames, _): (&[PlaybackFrame], _) = samples.as_chunks();
            let at_once = if backlog.is_empty() { mouth.write(frames) } else { 0 };
            let later = backlog.push(&frames[at_once..]);
            taken.queued += at_once + later;
            taken.refused += frames.len() - at_once - later;
        });
        taken.bad = decoded.is_err();
        let _ = ledger.queue(&delta.reply, &delta.item, delta.content_index, place, taken.queued as u64);
        taken
    }

    /// Moves what waits into the lane, as far as it has room.
    pub(in crate::session) fn top_up(&mut self, mouth: &mut PlaybackHandle) {
        if !self.queue.is_empty() {
            self.queue.drain_into(|frames| mouth.write(frames));
        }
    }

    /// Tells whether the lane must be topped up again before it runs low.
    pub(in crate::session) fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(in crate::session) fn clear(&mut self) {
        self.queue.clear();
        self.stream = None;
    }

    /// Half a sample at the end of one item is no beginning of the next.
    fn select_item(&mut self, delta: &AudioDelta<'_>) {
        let same = matches!(&self.stream, Some((item, index)) if *item == *delta.item && *index == delta.content_index);
        if !same {
            self.samples.restart();
            self.stream = Id::try_from(&*delta.item).ok().map(|item| (item, delta.content_index));
        }
    }
}
