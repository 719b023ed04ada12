//! The reply that has arrived and is not yet due: decoded samples in blocks that are given back as they are played.
//!
//! The service sends much faster than anybody listens; the lane holds two seconds and the rest waits here.
//! A ring of ten minutes would walk through all its memory; blocks keep what is touched small.

use std::collections::VecDeque;

use crate::audio::PlaybackFrame;

/// Seconds of reply that may wait. Beyond it the rest of that reply is refused, counted and said.
pub(in crate::session) const REPLY_QUEUE_S: usize = 600;
/// Frames in a block: 100 ms, half of a usual delta.
const BLOCK_FRAMES: usize = 2400;
/// Empty blocks kept for the next reply; more than that goes back to the system.
const POOLED_BLOCKS: usize = 32;
const CAPACITY_FRAMES: usize = REPLY_QUEUE_S * 24_000;

/// A queue of frames.
#[derive(Debug, Default)]
pub(in crate::session) struct ReplyQueue {
    blocks: VecDeque<Vec<PlaybackFrame>>,
    /// Frames already taken from the first block.
    taken: usize,
    frames: usize,
    pool: Vec<Vec<PlaybackFrame>>,
}

impl ReplyQueue {
    pub(in crate::session) fn len(&self) -> usize {
        self.frames
    }

    pub(in crate::session) fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Queues as many of `frames` as there is room for and returns how many that was.
    pub(in crate::session) fn push(&mut self, frames: &[PlaybackFrame]) -> usize {
        let accepted = frames.len().min(CAPACITY_FRAMES - self.frames);
        let mut rest = &frames[..accepted];
        while !rest.is_empty() {
            let room = self.blocks.back().map_or(0, |last| BLOCK_FRAMES - last.len());
            if room == 0 {
                let block = self.pool.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK_FRAMES));
                self.blocks.push_back(block);
                continue;
            }
            let (head, tail) = rest.split_at(rest.len().min(room));
            if let Some(last) = self.blocks.back_mut() {
                last.extend_from_slice(head);
            }
            rest = tail;
        }
        self.frames += accepted;
        accepted
    }

    /// Hands the oldest frames to `take`, which returns how many it took, until it takes less than it is given.
    pub(in crate::session) fn drain_into(&mut self, mut take: impl FnMut(&[PlaybackFrame]) -> usize) {
        while let Some(first) = self.blocks.front() {
            let offered = &first[self.taken..];
            let (count, taken) = (offered.len(), take(offered));
            self.taken += taken;
            self.frames -= taken;
            if taken < count {
                return;
            }
            self.recycle();
        }
    }

    pub(in crate::session) fn clear(&mut self) {
        while !self.blocks.is_empty() {
            self.recycle();
        }
        self.frames = 0;
    }

    fn recycle(&mut self) {
        self.taken = 0;
        if let Some(mut block) = self.blocks.pop_front()
            && self.pool.len() < POOLED_BLOCKS
        {
            block.clear();
            self.pool.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_whatever_the_portions() {
        let mut queue = ReplyQueue::default();
        let all: Vec<PlaybackFrame> = (0..9000).map(|sample| [sample as i16]).collect();
        for chunk in all.chunks(1536) {
            assert_eq!(queue.push(chunk), chunk.len());
        }
        assert_eq!(queue.len(), 9000);
        let mut out = Vec::new();
        for room in [1, 2399, 3000, 0, 5000] {
            let mut room = room;
            queue.drain_into(|offered| {
                let taken = offered.len().min(room);
                out.extend_from_slice(&offered[..taken]);
                room -= taken;
                taken
            });
        }
        assert_eq!(out, all);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_refused_and_a_cleared_backlog_takes_again() {
        let mut queue = ReplyQueue::default();
        let minute = vec![[1]; 24_000 * 60];
        for _ in 0..10 {
            assert_eq!(queue.push(&minute), minute.len());
        }
        assert_eq!(queue.push(&minute), 0);
        queue.clear();
        assert_eq!((queue.len(), queue.push(&minute)), (0, minute.len()));
    }

    #[test]
    fn an_emptied_backlog_keeps_only_a_few_blocks() {
        let mut queue = ReplyQueue::default();
        queue.push(&vec![[1]; 24_000 * 60]);
        queue.clear();
        assert_eq!(queue.pool.len(), POOLED_BLOCKS);
    }
}
