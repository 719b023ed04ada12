//! Queue of decoded reply audio that the playback lane has no room for yet, in blocks that are reused.
//!
//! The service sends faster than real time, and the lane holds two seconds. It is no ring: a ring of ten
//! minutes would touch all of its memory, while blocks keep the resident memory small. It never blocks and
//! never drops queued audio.

use std::collections::VecDeque;

use crate::audio::PlaybackFrame;

/// Capacity, seconds. Audio beyond it is refused, counted and logged.
pub(super) const REPLY_QUEUE_S: usize = 600;
/// Frames per block: 100 ms, half of a typical delta.
const BLOCK_FRAMES: usize = 2400;
/// Empty blocks kept for the next reply; further ones are freed.
const POOLED_BLOCKS: usize = 32;
const CAPACITY_FRAMES: usize = REPLY_QUEUE_S * 24_000;

#[derive(Debug, Default)]
pub(super) struct ReplyQueue {
    blocks: VecDeque<Vec<PlaybackFrame>>,
    /// Frames already taken from the first block.
    taken: usize,
    frames: usize,
    pool: Vec<Vec<PlaybackFrame>>,
}

impl ReplyQueue {
    pub(super) fn len(&self) -> usize {
        self.frames
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Queues as many of `frames` as fit, and returns their number.
    pub(super) fn push(&mut self, frames: &[PlaybackFrame]) -> usize {
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

    /// Passes the oldest frames to `take`, which returns how many it took, until it takes fewer than offered.
    pub(super) fn drain_into(&mut self, mut take: impl FnMut(&[PlaybackFrame]) -> usize) {
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

    pub(super) fn clear(&mut self) {
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
    fn frames_leave_in_order_for_any_chunk_sizes() {
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
    fn a_full_queue_refuses_frames_until_it_is_cleared() {
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
    fn a_cleared_queue_keeps_only_a_few_blocks() {
        let mut queue = ReplyQueue::default();
        queue.push(&vec![[1]; 24_000 * 60]);
        queue.clear();
        assert_eq!(queue.pool.len(), POOLED_BLOCKS);
    }
}
