//! From an audio delta to the spoken lane: decode, queue, enter in the book.
//!
//! Whether a reply may be heard is decided before anything comes here.

use super::backlog::Backlog;
use crate::audio::{PlaybackFrame, PlaybackHandle};
use crate::conversation::Id;
use crate::ledger::Ledger;
use crate::wire::{AudioDelta, Samples};

/// The way of a reply.
#[derive(Debug, Default)]
pub(super) struct Downlink {
    samples: Samples,
    stream: Option<(Id, u32)>,
    backlog: Backlog,
}

/// What became of a delta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Frames that will be heard.
    pub(super) queued: usize,
    /// Frames for which there was no room.
    pub(super) refused: usize,
    /// The delta was not base64, at least from some place on.
    pub(super) bad: bool,
}

impl Downlink {
    /// Takes one delta in.
    pub(super) fn take(
        &mut self,
        delta: &AudioDelta<'_>,
        mouth: &mut PlaybackHandle,
        ledger: &mut Ledger,
    ) -> Taken {
        self.turn_to(delta);
        let mut taken = Taken::default();
        let place = mouth.written() + self.backlog.len() as u64;
        // A delta of nothing opens the item's entry, so that there is room in the book for what follows.
        if !ledger.queue(&delta.reply, &delta.item, delta.content_index, place, 0) {
            taken.refused = delta.base64.len() / 8 * 3;
            return taken;
        }
        let backlog = &mut self.backlog;
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
    pub(super) fn top_up(&mut self, mouth: &mut PlaybackHandle) {
        if !self.backlog.is_empty() {
            self.backlog.pour(|frames| mouth.write(frames));
        }
    }

    /// Tells whether the lane must be topped up again before it runs low.
    pub(super) fn is_waiting(&self) -> bool {
        !self.backlog.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.backlog.clear();
        self.stream = None;
    }

    /// Half a sample at the end of one item is no beginning of the next.
    fn turn_to(&mut self, delta: &AudioDelta<'_>) {
        let same = matches!(&self.stream, Some((item, index)) if *item == *delta.item && *index == delta.content_index);
        if !same {
            self.samples.restart();
            self.stream = Id::try_from(&*delta.item).ok().map(|item| (item, delta.content_index));
        }
    }
}
